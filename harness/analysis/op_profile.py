"""The ops of a cell over its profiled processes, in execution order. Pure.

Rows are one op by what they are (subgraph, type, name, and which one of several alike), not by their place: a process that lost rows does
not shift the others. Cost per inference is `Measurement.op_cost_us`, taken in each process.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from harness.records import OpTiming, Purpose, Result, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class OpRow:
    """One op. `costs_us` holds its cost per inference in each profiled process; 0 where a process did not see it."""

    index: int
    node_type: str
    name: str
    costs_us: tuple[float, ...]

    @property
    def cost_us(self) -> float:
        """Median over the processes."""
        return statistics.median(self.costs_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpProfile:
    """All ops of the primary subgraph; those of called subgraphs are part of their callers' time already."""

    rows: tuple[OpRow, ...]
    whole_us: float
    """Median of the profiled processes' own average inference: what the ops must add up to."""
    processes: int


def profile_of(results: Iterable[Result]) -> OpProfile | None:
    """The profile of a cell out of all its results; None where no process that is ok has both ops and an average."""
    profiled = [
        (result.measurement, result.measurement.ops, result.measurement.inference_avg_us)
        for result in results
        if result.status is Status.OK
        and result.trial.purpose is Purpose.PROFILE
        and result.measurement is not None
        and result.measurement.ops
        and result.measurement.inference_avg_us is not None
    ]
    if not profiled:
        return None
    rows: dict[tuple[str, str, int], list[tuple[int, OpTiming, float]]] = {}
    for process, (measurement, ops, _) in enumerate(profiled):
        alike: Counter[tuple[str, str]] = Counter()
        for op in ops:
            # A table without the column has one call per inference: the older formats divide by it themselves.
            cost = measurement.op_cost_us(op) if op.times_called is not None else op.avg_us
            if op.subgraph not in (None, 0) or cost is None:
                continue
            what = (op.node_type, op.name)
            rows.setdefault((*what, alike[what]), []).append((process, op, cost))
            alike[what] += 1
    found = [_row(seen, len(profiled)) for seen in rows.values()]
    return OpProfile(
        rows=tuple(sorted(found, key=lambda row: row.index)),
        whole_us=statistics.median(average for *_, average in profiled),
        processes=len(profiled),
    )


def _row(seen: list[tuple[int, OpTiming, float]], processes: int) -> OpRow:
    costs = [0.0] * processes
    for process, _, cost in seen:
        costs[process] = cost
    first = seen[0][1]
    return OpRow(index=first.index, node_type=first.node_type, name=first.name, costs_us=tuple(costs))
