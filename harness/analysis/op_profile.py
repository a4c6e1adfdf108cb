"""Aggregates the ops of a cell over its profiled processes for reports, comparisons and exports. Pure.

Subgraph, type, name and number among equals identify an op. Its place does not, so a process that lost rows does not shift the others.
Cost per inference is computed in each process.
"""

from __future__ import annotations

import math
import statistics
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.analysis.centre import centre
from harness.analysis.metrics import Metric, counts
from harness.records import Measurement, OpTiming, Purpose, Result
from harness.records.op_table import OpTable


@dataclass(frozen=True, slots=True, kw_only=True)
class OpRow:
    """One op over the profiled processes of a cell. Times are microseconds; None if no output gives the value."""

    index: int
    node_type: str
    name: str
    costs_us: tuple[float, ...]
    """Cost per inference in each process, 0 in one that did not see the op. Empty if no process gives a cost."""
    subgraph: int | None = None
    avg_us: float | None = None
    """Cost per call."""
    times_called: float | None = None
    seen_us: float | None = None
    """Cost per inference over only the processes that saw it."""
    seen_in: int = 0
    """Number of processes that saw it."""

    @property
    def cost_us(self) -> float:
        """Cost per inference over all processes, the number that comparisons add up.

        Raises:
            statistics.StatisticsError: no process gives a cost.
        """
        return centre(self.costs_us)

    @property
    def nested(self) -> bool:
        """Whether it is in a subgraph that an op of the primary one calls; that op's time includes this one's."""
        return self.subgraph not in (None, 0)

    @property
    def adds_up(self) -> bool:
        """Whether sums and comparisons include it: it is in the primary graph and has a cost."""
        return not self.nested and bool(self.costs_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpProfile:
    """All ops of the primary subgraph, whose times include those of called subgraphs."""

    rows: tuple[OpRow, ...]
    whole_us: float
    """Centre of the profiled processes' own average inference, the sum that the ops must explain."""
    processes: int


def cost_per_inference(measurement: Measurement, op: OpTiming) -> float | None:
    """Return the cost of an op per inference. Tables without a column of calls print it already, as the average."""
    return measurement.op_cost_us(op) if op.times_called is not None else op.avg_us


def costs_per_inference(measurement: Measurement, table: OpTable) -> array[float]:
    """Return `cost_per_inference` of each op of a table; NaN if it is unknown."""
    once = table.times_called.count(1) == len(table) and measurement.tool != "benchmark_litert_model"
    if once and table.avg_us is not None:
        return table.avg_us
    found = [cost_per_inference(measurement, op) for op in table]
    return array("d", [math.nan if cost is None else cost for cost in found])


def profile_of(results: Iterable[Result]) -> OpProfile | None:
    """Return the profile of a cell from all its results; None if no process that counts has both ops and an average."""
    known = [
        (result, average)
        for result in results
        if result.measurement
        and result.measurement.ops
        and (average := counts(result, Metric.INFERENCE_AVG, Purpose.PROFILE)) is not None
    ]
    if not known:
        return None
    return OpProfile(
        rows=tuple(row for row in op_rows([result for result, _ in known]) if row.adds_up),
        whole_us=centre([average for _, average in known]),
        processes=len(known),
    )


def op_rows(processes: Sequence[Result]) -> tuple[OpRow, ...]:
    """Return every op of some processes: first the primary subgraph's, then those of called ones."""
    rows = _rows_of_alike(processes) or _rows_of_any(processes)
    return tuple(sorted(rows, key=lambda row: (row.subgraph or 0, row.index)))


def _rows_of_alike(processes: Sequence[Result]) -> list[OpRow]:
    """Rows of processes that all saw the same ops in the same order and know every cost, which is the usual case; else none.

    Only a shortcut: `_rows_of_any` gives the same, ten times as slowly.
    """
    tables: list[OpTable] = []
    averages, costs = [], []
    for one in processes:
        if (measurement := one.measurement) is None or not isinstance(table := measurement.ops, OpTable):
            return []
        if table.avg_us is None or (tables and table.names != tables[0].names):
            return []
        tables.append(table)
        costs.append(costs_per_inference(measurement, table))
        averages.append(table.avg_us)
    if not tables:
        return []
    names = tables[0].names
    by_process = np.array(costs)
    if not np.isfinite(by_process).all():
        return []
    calls = _medians_of_calls([table.times_called for table in tables])
    seen_us = _medians(by_process)
    of_calls = (
        seen_us
        if all(one is other for one, other in zip(costs, averages, strict=True))
        else _medians(np.array(averages))
    )
    return [
        OpRow(
            index=index,
            node_type=node_type,
            name=name,
            costs_us=tuple(row),
            subgraph=subgraph,
            avg_us=avg_us,
            times_called=times_called,
            seen_us=cost,
            seen_in=len(processes),
        )
        for index, node_type, name, row, subgraph, avg_us, times_called, cost in zip(
            names.index,
            names.node_type,
            names.name,
            by_process.T.tolist(),
            names.subgraph,
            of_calls,
            calls,
            seen_us,
            strict=True,
        )
    ]


def _medians(by_process: npt.NDArray[np.float64]) -> list[float]:
    """The centre of each column, as `centre` computes it."""
    found: list[float] = np.median(by_process, axis=0).tolist()
    return found


def _medians_of_calls(calls: Sequence[tuple[int | None, ...]]) -> list[float | None]:
    known: dict[tuple[int | None, ...], float | None] = {}
    for one in set(zip(*calls, strict=True)):
        counted = [count for count in one if count is not None]
        known[one] = statistics.median(counted) if counted else None
    return [known[one] for one in zip(*calls, strict=True)]


def _rows_of_any(processes: Sequence[Result]) -> list[OpRow]:
    groups: dict[tuple[int, str, str, int], list[tuple[int, OpTiming, float | None]]] = {}
    for process, result in enumerate(processes):
        if result.measurement is None:
            continue
        alike: Counter[tuple[int, str, str]] = Counter()
        for op in result.measurement.ops or ():
            what = (op.subgraph or 0, op.node_type, op.name)
            cost = cost_per_inference(result.measurement, op)
            groups.setdefault((*what, alike[what]), []).append((process, op, cost))
            alike[what] += 1
    return [_row(group, len(processes)) for group in groups.values()]


def _row(seen: Sequence[tuple[int, OpTiming, float | None]], processes: int) -> OpRow:
    first = seen[0][1]
    # A tool may print `nan`: that is no time.
    known = {process: cost for process, _, cost in seen if cost is not None and math.isfinite(cost)}
    averages = [op.avg_us for _, op, _ in seen if op.avg_us is not None and math.isfinite(op.avg_us)]
    calls = [op.times_called for _, op, _ in seen if op.times_called is not None]
    return OpRow(
        index=first.index,
        node_type=first.node_type,
        name=first.name,
        costs_us=tuple(known.get(process, 0.0) for process in range(processes)) if known else (),
        subgraph=first.subgraph,
        avg_us=centre(averages) if averages else None,
        times_called=statistics.median(calls) if calls else None,
        seen_us=centre(list(known.values())) if known else None,
        seen_in=len(seen),
    )
