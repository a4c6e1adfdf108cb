"""Compares a run's cells with its suite's baseline: the numbers and verdicts of `harness compare` and of the report. Pure."""

from __future__ import annotations

from harness.analysis.cell_selection import Pair
from harness.analysis.cells import baseline_key, group_by_cell
from harness.analysis.comparison import Table, compare
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules
from harness.records import Purpose
from harness.runs.run_store import Run


def against_baseline(run: Run, metric: Metric = Metric.INFERENCE_AVG) -> Table:
    """Compare every cell with its baseline; the table is empty if the suite names none."""
    results = {cell.key: cell for cell in group_by_cell(run.results)}
    pairs = []
    for key, cell in results.items():
        base = baseline_key(key, results, run.manifest.baseline)
        if base is not None and base != key:
            pairs.append(Pair(base=results[base], head=cell))
    source = RunContext(
        run_id=run.manifest.run_id,
        devices={device.serial: device for device in run.manifest.devices},
        harness_version=run.manifest.harness_version,
        adaptive=run.manifest.adaptive,
        cells=tuple(results.values()),
    )
    return compare(pairs, source, source, metric=metric, rules=Rules(), ops=False)


def asks_for(run: Run, purpose: Purpose) -> bool:
    """Say whether a run has or planned processes of a purpose."""
    return any(trial.purpose is purpose for trial in run.manifest.planned) or any(
        result.trial.purpose is purpose for result in run.results
    )
