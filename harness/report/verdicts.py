"""Compares every cell of a run with a baseline, with the numbers and verdicts of `harness compare`. Pure.

A baseline fixes some dimensions (`delegate: cpu`): each cell is compared with the one that agrees in all others. If the suite names none,
the report takes the likeliest and says so. You may choose another in the page, so there are tables for all baselines that fix one
dimension, as long as they stay few enough.
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
"""Where the baseline comes from. `suite`: the suite names it. `assumed`: the suite names none. `lacking`: the run has no cell of the
suite's baseline, so another stands in. `nothing`: there is nothing to compare within the run. `sides`: you gave base and head to
`harness compare`."""

MOST_PAIRS = 3000
"""Largest number of pairs over all baselines but the first. A pair takes about a third of a millisecond."""

MOST_OPS = 3000
"""Largest number of ops over all pairs of the first baseline that get intervals. An op takes about a third of a millisecond."""

_ASKED_FIRST = ("binary", "variant", "delegate", "threads", "cpus")


@dataclass(frozen=True, slots=True)
class Baseline:
    """The baseline: values by dimension, in the cells' words. Empty if `origin` is `nothing`."""

    changes: Mapping[str, Scalar]
    origin: Origin

    @property
    def id(self) -> str:
        """Its form in the page's address."""
        return "side=base" if self.origin == "sides" else table_id(self.changes)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """All tables by the id of their baseline."""

    baseline: Baseline
    tables: Mapping[str, Table]
    memory: Table | None = None
    """Peak memory against the page's first baseline, if the run has memory processes and the page is about latency."""

    @property
    def table(self) -> Table | None:
        """The table that the page opens with; None if there is nothing to compare."""
        return self.tables.get(self.baseline.id)

    def base_id(self, one: Comparison) -> str | None:
        """Return the id of base's cell; None if base has none."""
        return cell_id(one.base.key, "base" if self.baseline.origin == "sides" else "") if one.base.key else None

    def shown_id(self, one: Comparison) -> str:
        """Return the id of the cell that lists a comparison: head's, or base's if head has none."""
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
        calibrations: known calibrations of its cells.
        most_pairs: see `MOST_PAIRS`.
        most_ops: with more ops over all cells, ops get no intervals.
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
        if table_id(changes) not in tables and (budget := budget - len(cells)) >= 0:
            tables[table_id(changes)] = _table(run, grouped, changes, calibrations, metric)
    return Verdicts(baseline, {name: table for name, table in tables.items() if table.comparisons}, memory)


def _metric(cells: Sequence[ReportCell]) -> Metric:
    """Choose the latency, or the peak memory if the run asks for no latency."""
    if any(cell.state != "unmeasured" for cell in cells):
        return Metric.INFERENCE_AVG
    memory = any(trial.purpose is Purpose.MEMORY for cell in cells for trial in cell.trials)
    return Metric.PEAK_MEMORY if memory else Metric.INFERENCE_AVG


def choose_baseline(run: Run, cells: tuple[ReportCell, ...]) -> Baseline:
    """Return the suite's baseline, else the first value of the likeliest dimension with several."""
    named = baseline_as_shown(run.manifest.baseline, cells)
    if named:
        return Baseline(named, "suite")
    for dimension in _ASKED_FIRST:
        values = list(dict.fromkeys(getattr(cell.key, dimension) for cell in cells))
        if len(values) > 1:
            return Baseline({dimension: values[0]}, "lacking" if run.manifest.baseline else "assumed")
    return Baseline({}, "nothing")


def table_id(changes: Mapping[str, Scalar]) -> str:
    """Return the id of the table against a baseline."""
    # Undecodable bytes of a file name have no UTF-8.
    return urlencode(changes, errors="replace")


def in_the_page(note: str) -> str:
    """Return a comparison's note with the page's words for BASE and HEAD."""
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
    """Group as the analysis does, but by the report's names: two files of one name stay two models."""
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
    """Count the ops of one profile of each cell."""
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
        adaptive=run.manifest.adaptive,
        cells=tuple(cells),
    )
    table = compare(pairs, source, source, metric=metric, rules=Rules(), apart=tuple(changes), ops=ops)
    fingerprints = {device.serial: device.fingerprint for device in run.manifest.devices}
    return calibration_files.noted(table, pairs, calibrations, fingerprints)
