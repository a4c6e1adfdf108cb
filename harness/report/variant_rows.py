"""Gathers the report's facts about a source's variants: files, accuracy, and how each performs on each device. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.analysis.comparison import Comparison
from harness.analysis.verdict import Verdict
from harness.records import Purpose, Status
from harness.records.accuracy import AccuracyFigures
from harness.records.causes import Cause
from harness.records.variants import ConvertedModel, TaskAccuracy, reference_variant
from harness.report.cell_summaries import ReportCell
from harness.report.verdicts import Verdicts, table_id
from harness.runs.run_store import Run

Place = tuple[str, str, int, str, str]
"""Where a variant ran: device, delegate, threads, cores and binary."""


@dataclass(frozen=True)
class VariantCell:
    """A variant in one place."""

    cell: ReportCell
    compared: Comparison | None
    """With the reference variant in the same place; None for the reference itself, or if there is nothing to compare."""

    @property
    def place(self) -> Place:
        """Where it ran."""
        key = self.cell.key
        return (key.device, key.delegate, key.threads, key.cpus, key.binary)

    @cached_property
    def figures(self) -> AccuracyFigures | None:
        """The outcome of its last accuracy trial."""
        found = [one.accuracy for one in self.cell.results if one.accuracy is not None]
        return found[-1] if found else None

    @cached_property
    def differs(self) -> bool:
        """Whether its outputs were beyond the limits: then its latency is no gain."""
        return any(Cause.OUTPUT_DIFFERS in one.causes for one in self.cell.results)

    @property
    def latency_us(self) -> float | None:
        """Its latency, if its processes count."""
        return self.cell.latency.centre if self.cell.latency is not None and self.cell.state == "ok" else None

    @cached_property
    def unable(self) -> str | None:
        """Why it could not run there; None if it could."""
        outcomes = self.cell.outcomes(Purpose.LATENCY)
        if not outcomes or outcomes["ok"] or outcomes["invalid"]:
            return None
        said = [r.message for r in self.cell.results if r.status in (Status.SKIPPED, Status.FAILED) and r.message]
        causes = ", ".join(self.cell.causes)
        return said[0] if said else causes or None

    @property
    def verdict(self) -> Verdict | None:
        """The verdict against the reference."""
        return self.compared.verdict if self.compared is not None else None


@dataclass(frozen=True)
class VariantFile:
    """A variant's file, or why there is none."""

    variant: str
    converted: ConvertedModel | None
    size_bytes: int | None
    accuracy: TaskAccuracy | None
    cells: tuple[VariantCell, ...]


@dataclass(frozen=True)
class SourceChoice:
    """A source and its variants, the reference first."""

    model: str
    source: str
    reference: str
    files: tuple[VariantFile, ...]

    @cached_property
    def by_variant(self) -> Mapping[str, VariantFile]:
        """Its files by variant."""
        return {one.variant: one for one in self.files}

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """All places, in the order of the cells."""
        return tuple(dict.fromkeys(cell.place for file in self.files for cell in file.cells))

    @property
    def metric(self) -> str | None:
        """The metric of its labelled data."""
        return next((one.accuracy.metric for one in self.files if one.accuracy is not None), None)

    def at(self, place: Place) -> list[tuple[VariantFile, VariantCell]]:
        """Return the variants that have a cell in a place."""
        return [(file, cell) for file in self.files for cell in file.cells if cell.place == place]


def choices_of(run: Run, cells: Sequence[ReportCell], verdicts: Verdicts) -> tuple[SourceChoice, ...]:
    """Return the sources of a run; none if there is only one, with a single variant."""
    found: list[SourceChoice] = []
    for model in dict.fromkeys(one.model.name for one in cells if one.model.variant):
        mine = [one for one in cells if one.model.name == model and one.model.variant]
        source = mine[0].model.source or model
        rows = {one.variant: one for one in run.manifest.conversions if one.source == source}
        variants = list(dict.fromkeys([*(one.model.variant or "" for one in mine), *rows]))
        planned = run.manifest.accuracy.reference if run.manifest.accuracy is not None else None
        reference = reference_variant(variants, (run.manifest.baseline or {}).get("variant"), planned)
        variants.sort(key=lambda one: one != reference)
        accuracies = {one.variant: one for one in run.manifest.task_accuracy if one.model == model}
        table = verdicts.tables.get(table_id({"variant": reference}))
        compared = {one.key: one for one in table.comparisons} if table is not None else {}
        files = []
        for variant in variants:
            of_it = [one for one in mine if one.model.variant == variant]
            row = rows.get(variant)
            size = of_it[0].model.size_bytes if of_it else (row.size_bytes if row else None)
            placed = tuple(
                VariantCell(cell=one, compared=compared.get(one.key) if variant != reference else None) for one in of_it
            )
            files.append(VariantFile(variant, row, size, accuracies.get(variant), placed))
        found.append(SourceChoice(model=model, source=source, reference=reference, files=tuple(files)))
    return () if len(found) == 1 and len(found[0].files) == 1 else tuple(found)
