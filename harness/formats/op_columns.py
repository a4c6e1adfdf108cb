"""Gives the table `ops` of runs column by column, for Parquet. A million rows take seconds less so."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence

from harness.analysis.op_placement import on_delegate
from harness.analysis.op_profile import costs_per_inference
from harness.files.parquet_file import Block, Cells
from harness.records import Result
from harness.records.op_table import OpNames, OpTable
from harness.runs.run_store import Run


def in_columns(runs: Iterable[Run]) -> bool:
    """Return whether all ops are kept in columns. Those that JSON has no numbers for (`nan`) are not, nor those made by hand."""
    return all(isinstance(ops, OpTable) for run in runs for result in run.results if (ops := _ops(result)))


def op_blocks(runs: Iterable[Run]) -> Iterator[Block]:
    """Yield the ops of each trial, in the order of `run_tables.OP_COLUMNS`. Only for runs with `in_columns`."""
    placed: dict[OpNames, tuple[bool | None, ...]] = {}
    for run in runs:
        for result in run.results:
            trial, measurement, ops = result.trial, result.measurement, _ops(result)
            if measurement is None or not isinstance(ops, OpTable):
                continue
            names = ops.names
            if names not in placed:
                placed[names] = tuple(map(on_delegate, names.node_type, names.name))
            cells: tuple[Cells, ...] = (
                run.manifest.run_id,
                trial.trial_id,
                trial.device,
                trial.model.name,
                trial.delegate.label,
                trial.threads,
                trial.cpus.hex,
                names.index,
                names.node_type,
                names.name,
                ops.avg_us,
                ops.percent,
                ops.times_called,
                placed[names],
                result.synthetic,
                trial.binary,
                trial.start,
                _finite(costs_per_inference(measurement, ops)),
                trial.model.asked or None,
            )
            yield Block(len(ops), cells)


def _ops(result: Result) -> Sequence[object] | None:
    return result.measurement.ops if result.measurement else None


def _finite(costs: array[float]) -> array[float]:
    """NaN, as for what is unknown, also where a product of finite numbers has become infinite."""
    return (
        costs
        if all(map(math.isfinite, costs))
        else array("d", [one if math.isfinite(one) else math.nan for one in costs])
    )
