"""`harness.compare`: tells whether HEAD is faster or slower than BASE, by how much, where, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.analysis import carry_over, comparison
from harness.analysis.cell_selection import (
    Pair,
    Selection,
    fixed_apart,
    narrowed,
    pair_cells,
    parse_where,
    same_devices,
    select,
)
from harness.analysis.cells import KEYS, CellResults, group_by_cell
from harness.analysis.comparison import Comparison, Table
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules
from harness.api.suite_of_both import command, suite_of_both, with_ways_to_be_sure
from harness.api.usual_spread import usual_spread
from harness.errors import UsageError
from harness.formats.comparison_json import comparison_document
from harness.formats.comparison_words import summary_line
from harness.records import CellKey
from harness.runs import calibration_files
from harness.runs.run_progress import unfinished_trials
from harness.runs.run_store import Run, collector_paused, load_run, runnable_models

if TYPE_CHECKING:
    from harness.report.side_facts import ComparedSide


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """The comparison of two sides.

    Args:
        base: the base side as given.
        head: the head side as given.
        table: every comparison, and those over all devices.
        base_run: the run of the base side.
        head_run: the run of the head side; the same object if both are selections of one run.
        apart: the keys in which the sides differ on purpose.
    """

    base: str
    head: str
    table: Table
    base_run: Run
    head_run: Run
    apart: tuple[str, ...] = ()

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """One for each pair of cells: `estimate` holds the ratio with its interval, `judgement` the verdict."""
        return self.table.comparisons

    @property
    def gate_broken(self) -> bool:
        """Whether a cell is surely slower than the gate allows, or base measured it and head did not. False without a gate."""
        return self.table.gate_broken

    def document(self) -> dict[str, Any]:
        """Return the document of `harness compare --json`."""
        return comparison_document(self.table, self.base, self.head)

    def html(self, *, folder: Path | None = None) -> str:
        """Return the page of `harness compare --format html`.

        Args:
            folder: the folder that the page will be in, for its links to raw logs; by default the working folder.
        """
        from harness.report.comparison_page import render_comparison  # loads the templates' engine, so only on demand

        return render_comparison(self.table, *self._sides, apart=self.apart, folder=folder)

    def write_html(self, path: str | Path) -> Path:
        """Write that page into a file, and return its path.

        Raises:
            UsageError: `path` is part of a run, or you cannot write to it.
            SetupError: the disk is full.
        """
        from harness.report.comparison_page import write_comparison

        return write_comparison(self.table, *self._sides, Path(path), apart=self.apart)

    @property
    def _sides(self) -> tuple[ComparedSide, ComparedSide]:
        from harness.report.side_facts import ComparedSide

        return ComparedSide(text=self.base, run=self.base_run), ComparedSide(text=self.head, run=self.head_run)

    def __repr__(self) -> str:
        return f"RunComparison({self.base!r}, {self.head!r}: {self.table.metric.words}: {summary_line(self.table)})"

    def _repr_html_(self) -> str:
        """Return a small table for notebooks."""
        from harness.formats.notebook import comparison_html

        return comparison_html(self.table, self.base, self.head)


@dataclass(frozen=True, slots=True)
class _Side:
    text: str
    run: Run
    selection: Selection
    all_cells: tuple[CellResults, ...]
    cells: list[CellResults]
    """The selected ones."""


@collector_paused()
def compare(
    base: str | Path,
    head: str | Path,
    *,
    by: str | Sequence[str] = (),
    metric: Metric | str = Metric.INFERENCE_AVG,
    min_effect: float = 0.01,
    gate: float | None = None,
    strict: bool = False,
    database: str | None = None,
) -> RunComparison:
    """Compare two runs, or two selections of cells, cell by cell.

    Args:
        base: a run's folder, or a selection of its cells: `RUN@delegate=cpu,threads=4`.
        head: the other side, in the same form.
        by: a key in which the sides differ, or several: `delegate`.
        metric: the metric: `inference_avg`, `init`, ... (`harness.analysis.metrics.Metric`).
        min_effect: smaller changes count as `same`, as a fraction: 0.01 is 1 %.
        gate: allowed slowdown of a cell, as a fraction; None sets no gate.
        strict: refuse sides that were measured under unlike conditions, and a gate that can only suspect: over separate runs without a
            control, or over cells that did not take turns.
        database: the history that knows how much runs differ; by default the usual one, if it is there.

    Raises:
        UsageError: there is no such run, key or metric; no cells pair; base has no number for the `gate`; or `strict` refuses.
        SetupError: the history that you named cannot be opened.

    Example:
        found = harness.compare("runs/pr@binary=main", "runs/pr@binary=change", gate=0.03)
        for one in found.comparisons:
            print(one.key.model, one.estimate.ratio, one.judgement.verdict)
        assert not found.gate_broken
    """
    if min_effect <= 0:
        raise UsageError("--min-effect must be more than 0%: no measurement shows that two things are exactly the same")
    keys = (by,) if isinstance(by, str) else tuple(by)
    _check_keys(keys)
    measured = metric_named(metric)
    runs: dict[Path, Run] = {}
    ours, theirs = _side(str(base), runs), _side(str(head), runs)
    apart = _apart(ours, theirs, keys)
    table = _compared(ours, theirs, keys, measured, Rules(min_effect=min_effect, gate=gate), database)
    if gate is not None and not table.base_measured:
        raise _nothing_to_hold_against(ours, theirs, table)
    if strict:
        _refuse_unlike(table)
        _refuse_suspicion(table)
    return RunComparison(
        base=ours.text,
        head=theirs.text,
        table=table,
        base_run=ours.run,
        head_run=theirs.run,
        apart=tuple(apart),
    )


def interleaved_suite(base: str | Path, head: str | Path, *, by: str | Sequence[str] = ()) -> str:
    """Write a suite that measures both sides in one interleaved run. It decides what separate runs only let you suspect.

    Args:
        base: as for `compare`.
        head: as for `compare`.
        by: as for `compare`.

    Raises:
        UsageError: as `compare`; or both sides ran the same binaries and models, so there is nothing to interleave.

    Example:
        Path("both.yaml").write_text(interleaved_suite("runs/monday", "runs/tuesday"))
    """
    keys = (by,) if isinstance(by, str) else tuple(by)
    _check_keys(keys)
    runs: dict[Path, Run] = {}
    ours, theirs = _side(str(base), runs), _side(str(head), runs)
    pairs = [pair for pair in _pairs(ours, theirs, _apart(ours, theirs, keys)) if pair.base and pair.head]
    return suite_of_both(ours.text, theirs.text, pairs, ours.run, theirs.run)


def metric_named(metric: Metric | str) -> Metric:
    """Return the metric of a name.

    Raises:
        UsageError: there is none.
    """
    try:
        return Metric(metric)
    except ValueError:
        raise UsageError(f"--metric {metric}: no such metric", remedy=f"one of {', '.join(Metric)}") from None


def _compared(
    ours: _Side, theirs: _Side, by: Sequence[str], metric: Metric, rules: Rules, database: str | None
) -> Table:
    apart = _apart(ours, theirs, by)
    pairs = _pairs(ours, theirs, apart)
    spread = usual_spread(ours.run.manifest, theirs.run.manifest, metric, database=database)
    table = comparison.compare(
        pairs, _source(ours), _source(theirs), metric=metric, rules=rules, apart=apart, spread=spread
    )
    if not table.comparisons:
        raise UsageError(
            f"{ours.text} and {theirs.text} have nothing in common but their control, which is not compared with itself",
            remedy="compare cells beside it",
        )
    compared = {(one.base.key, one.head.key) for one in table.comparisons}
    pairs = [pair for pair in pairs if (_key(pair.base), _key(pair.head)) in compared]
    same_run = ours.run.manifest.run_id == theirs.run.manifest.run_id
    table = carry_over.noted(table, *([ours.run.results] if same_run else [ours.run.results, theirs.run.results]))
    table = with_ways_to_be_sure(table, pairs, command(ours.text, theirs.text, by))
    return _with_calibrations(table, pairs, ours.run, theirs.run)


def _key(cell: CellResults | None) -> CellKey | None:
    return cell.key if cell is not None else None


def _apart(ours: _Side, theirs: _Side, by: Sequence[str]) -> list[str]:
    """Return the keys in which the sides differ on purpose."""
    return list(dict.fromkeys([*fixed_apart(ours.selection, theirs.selection), *by]))


def _pairs(ours: _Side, theirs: _Side, apart: Sequence[str]) -> list[Pair]:
    """Return the cells that belong together."""
    for side in (ours, theirs):
        if not side.cells:
            raise UsageError(f"{side.text}: no trial has finished there", remedy="harness run --resume RUN")
    same_run = ours.run.manifest.run_id == theirs.run.manifest.run_id
    pairs = pair_cells(
        narrowed(ours.cells, ours.selection, theirs.selection),
        narrowed(theirs.cells, theirs.selection, ours.selection),
        apart=apart,
        devices=same_devices(ours.run.manifest.devices, theirs.run.manifest.devices),
        baseline=ours.run.manifest.baseline,
    )
    if not any(pair.base and pair.head for pair in pairs):
        raise UsageError(_nothing_to_compare(ours, theirs, apart, same_run=same_run))
    return pairs


def _nothing_to_compare(ours: _Side, theirs: _Side, apart: Sequence[str], *, same_run: bool) -> str:
    if same_run and not apart:
        return (
            f"{ours.text} and {theirs.text} are the same cells: select two parts, such as RUN@delegate=cpu and "
            "RUN@delegate=gpu, or name what differs: --by delegate"
        )
    lines = []
    for key in KEYS:
        if key in apart:
            continue
        here, there = ({str(getattr(cell.key, key)) for cell in side.cells} for side in (ours, theirs))
        if not here & there:
            lines.append(
                f"{key}: {', '.join(sorted(here))} against {', '.join(sorted(there))} (--by {key} would pair them)"
            )
    return f"no cell of {theirs.text} pairs with one of {ours.text}" + (f"; {'; '.join(lines)}" if lines else "")


def _nothing_to_hold_against(ours: _Side, theirs: _Side, table: Table) -> UsageError:
    if any(one.base.n for one in table.comparisons):
        return UsageError(
            f"of {ours.text} and {theirs.text} one is synthetic and the other was measured: no gate can hold one against the other",
            remedy="compare without --gate, or measure both",
        )
    return UsageError(
        f"{ours.text} has no {table.metric.words} of any cell that is compared: there is nothing to hold {theirs.text} against",
        remedy=f"choose another --metric than {table.metric}, or measure it in BASE",
    )


def _check_keys(by: Sequence[str]) -> None:
    for key in by:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(KEYS)}"
            raise UsageError(f"--by {key}: no such key", remedy=remedy)


def _side(text: str, runs: dict[Path, Run]) -> _Side:
    path, where = _divide(text)
    if path not in runs:
        runs[path] = load_run(path)
    run = runs[path]
    selection = Selection(text=text, where=parse_where(where) if where else {})
    cells = group_by_cell(run.results)
    return _Side(text, run, selection, tuple(cells), select(cells, selection))


def _divide(text: str) -> tuple[Path, str]:
    """Divide into path and selection. The path may hold an `@`: an existing folder with the whole name wins."""
    whole = Path(text)
    if "@" not in text or whole.exists():
        return whole, ""
    # The selection may hold an `@` too (in a model's name), so the shortest existing path wins.
    parts = text.split("@")
    for count in range(1, len(parts)):
        path = Path("@".join(parts[:count]))
        if path.is_dir():
            return path, "@".join(parts[count:])
    path_text, _, where = text.partition("@")
    return Path(path_text), where


def _source(side: _Side) -> RunContext:
    run = side.run
    return RunContext(
        run_id=run.manifest.run_id,
        devices={device.serial: device for device in run.manifest.devices},
        harness_version=run.manifest.harness_version,
        adaptive=run.manifest.adaptive,
        planned=len(run.manifest.planned),
        left=unfinished_trials(run),
        control=run.manifest.control,
        cells=side.all_cells,
        models=runnable_models(run.manifest),
    )


def _with_calibrations(table: Table, pairs: Sequence[Pair], base: Run, head: Run) -> Table:
    devices = [*base.manifest.devices, *head.manifest.devices]
    known = calibration_files.load(dict.fromkeys((base.path, head.path)), devices)
    fingerprints: Mapping[str, str | None] = {device.serial: device.fingerprint for device in devices}
    return calibration_files.noted(table, pairs, known, fingerprints)


def _refuse_suspicion(table: Table) -> None:
    if table.rules.gate is None or not table.control_missing:
        return
    if table.one_run:
        raise UsageError(
            "cells that are compared did not take turns: a gate can only suspect",
            remedy="measure both sides in turn in one run: `order: {interleave: true}`, as suites do by default",
        )
    raise UsageError(
        "the two runs are separate and have no control: a gate can only suspect",
        remedy="measure both sides in one run (--print-suite), or give both runs a `control:` (docs/suite.md)",
    )


def _refuse_unlike(table: Table) -> None:
    texts = dict.fromkeys(note.text for one in table.comparisons for note in one.notes if note.unlike)
    if texts:
        raise UsageError(
            f"measured under unlike conditions: {'; '.join(texts)}",
            remedy="measure both sides alike, or compare without --strict: the notes then stand beside the numbers",
        )
