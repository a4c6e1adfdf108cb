"""The run compared with itself: every cell against a baseline, with the numbers and verdicts of `harness compare`. Pure.

A baseline fixes some dimensions (`delegate: cpu`): each cell is compared with the cell that is alike in all others. The suite may name
one; where it does not, the likeliest question is taken, and said to be. The reader may choose another in the page, so the tables of all
baselines that fix one dimension are made too, as long as they stay few enough.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import KEYS, CellResults
from harness.analysis.comparison import Comparison, Table, compare
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules
from harness.records import Purpose, Scalar
from harness.report.cell_summaries import ReportCell, baseline_as_shown, cell_id
from harness.runs import calibration_files
from harness.runs.run_store import Run

Origin = Literal["suite", "assumed", "lacking", "nothing", "sides"]
"""`suite`: the suite names it. `assumed`: it names none. `lacking`: the run has nothing of what it names, and another was taken instead.
`nothing`: there is nothing to compare within the run. `sides`: base and head are what `harness compare` was given."""

MOST_PAIRS = 3000
"""Over all baselines but the first: a pair takes about a third of a millisecond."""

MOST_OPS = 3000
"""Ops over all pairs of the first baseline that get intervals of their own: one takes about a third of a millisecond, too."""

_ASKED_FIRST = ("binary", "delegate", "threads", "cpus")


@dataclass(frozen=True, slots=True)
class Baseline:
    """What cells are compared with: values by dimension, in the words that cells are shown with. Empty where `origin` is `nothing`."""

    changes: Mapping[str, Scalar]
    origin: Origin

    @property
    def id(self) -> str:
        """As the page's address has it."""
        return "side=base" if self.origin == "sides" else _address(self.changes)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """All tables, by the baseline's id. `table` is that of the baseline itself; None where there is nothing to compare."""

    baseline: Baseline
    tables: Mapping[str, Table]
    memory: Table | None = None
    """Peak memory against the baseline that the page opens with, where the run has processes for it and the page is about latency."""

    @property
    def table(self) -> Table | None:
        """Against the baseline that the page opens with."""
        return self.tables.get(self.baseline.id)

    def base_id(self, one: Comparison) -> str | None:
        """The id of the cell of base; None where base has none."""
        return cell_id(one.base.key, "base" if self.baseline.origin == "sides" else "") if one.base.key else None

    def shown_id(self, one: Comparison) -> str:
        """The id of the cell that a comparison is listed under: head's, or base's where head has none."""
        if self.baseline.origin != "sides":
            return cell_id(one.key)
        return cell_id(one.key, "head" if one.head.key else "base")


def verdicts_of(
    run: Run,
    cells: tuple[ReportCell, ...],
    calibrations: calibration_files.Known,
    *,
    most_pairs: int = MOST_PAIRS,
    most_ops: int = MOST_OPS,
) -> Verdicts:
    """Compare the cells of a run with each other.

    Args:
        run: the run.
        cells: its cells.
        calibrations: what comparisons of its cells are worth, as far as that is known.
        most_pairs: over all baselines but the first.
        most_ops: with more ops than that, over all cells, they get no intervals.
    """
    baseline = choose_baseline(run, cells)
    if baseline.origin == "nothing":
        return Verdicts(baseline, {})
    grouped = _results(run, cells)
    ops = _op_count(grouped) <= most_ops
    metric = _metric(cells)
    tables = {baseline.id: _table(run, grouped, baseline.changes, calibrations, metric, ops=ops)}
    memory = None
    if metric is Metric.INFERENCE_AVG and any(cell.memory_purpose is Purpose.MEMORY for cell in cells):
        memory = _table(run, grouped, baseline.changes, calibrations, Metric.PEAK_MEMORY)
    budget = most_pairs
    for changes in _others(cells):
        if _address(changes) not in tables and (budget := budget - len(cells)) >= 0:
            tables[_address(changes)] = _table(run, grouped, changes, calibrations, metric)
    return Verdicts(baseline, {name: table for name, table in tables.items() if table.comparisons}, memory)


def _metric(cells: Sequence[ReportCell]) -> Metric:
    """What the page compares: the latency; the peak memory of a run that asks for no latency."""
    if any(cell.state != "unmeasured" for cell in cells):
        return Metric.INFERENCE_AVG
    memory = any(trial.purpose is Purpose.MEMORY for cell in cells for trial in cell.trials)
    return Metric.PEAK_MEMORY if memory else Metric.INFERENCE_AVG


def choose_baseline(run: Run, cells: tuple[ReportCell, ...]) -> Baseline:
    """The suite's baseline, else the first value of the first dimension that a suite is usually about."""
    named = baseline_as_shown(run.manifest.baseline, cells)
    if named:
        return Baseline(named, "suite")
    for dimension in _ASKED_FIRST:
        values = list(dict.fromkeys(getattr(cell.key, dimension) for cell in cells))
        if len(values) > 1:
            return Baseline({dimension: values[0]}, "lacking" if run.manifest.baseline else "assumed")
    return Baseline({}, "nothing")


def _address(changes: Mapping[str, Scalar]) -> str:
    # An undecodable byte of a file name has no UTF-8.
    return urlencode(changes, errors="replace")


def in_the_page(note: str) -> str:
    """A note of a comparison in the page's words: BASE and HEAD are those of the command line."""
    words = {"BASE": "the baseline", "HEAD": "this cell"}
    return re.sub(r"\b(BASE|HEAD)\b", lambda found: words[found[0]], note, count=1) if note[:4] in words else note


def _others(cells: Sequence[ReportCell]) -> list[dict[str, Scalar]]:
    found: list[dict[str, Scalar]] = []
    for dimension in KEYS:
        values = list(dict.fromkeys(getattr(cell.key, dimension) for cell in cells))
        if len(values) > 1 and dimension != "model":
            found += [{dimension: value} for value in values]
    return found


def _results(run: Run, cells: Sequence[ReportCell]) -> list[CellResults]:
    """As the analysis groups them, but by the names that the report shows: two files of one name stay two models."""
    order = {result.trial.trial_id: index for index, result in enumerate(run.results)}
    return [
        CellResults(
            key=cell.key,
            mask=cell.cpus.hex,
            results=tuple(sorted(cell.results, key=lambda result: order[result.trial.trial_id])),
        )
        for cell in cells
        if cell.results
    ]


def _op_count(cells: Sequence[CellResults]) -> int:
    """Ops of one profile of each cell."""
    return sum(
        max((len(r.measurement.ops) for r in cell.results if r.measurement and r.measurement.ops), default=0)
        for cell in cells
    )


def _table(
    run: Run,
    cells: Sequence[CellResults],
    changes: Mapping[str, Scalar],
    calibrations: calibration_files.Known,
    metric: Metric,
    *,
    ops: bool = False,
) -> Table:
    base = [cell for cell in cells if all(getattr(cell.key, name) == value for name, value in changes.items())]
    pairs = pair_cells(base, cells, apart=changes)
    source = RunContext(
        run_id=run.manifest.run_id,
        devices={device.serial: device for device in run.manifest.devices},
        harness_version=run.manifest.harness_version,
        # Of a run that chose its number of processes, intervals and p-values allow for the looking.
        adaptive=run.manifest.adaptive,
    )
    table = compare(pairs, source, source, metric=metric, rules=Rules(), apart=tuple(changes), ops=ops)
    fingerprints = {device.serial: device.fingerprint for device in run.manifest.devices}
    return calibration_files.noted(table, pairs, calibrations, fingerprints)
