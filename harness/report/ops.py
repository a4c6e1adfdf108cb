"""The ops of a cell: the median over its profiled processes, row by row, in execution order. Pure.

Rows are matched by what they are (subgraph, type, name, and which one of several alike), not by their place: a process that lost rows
does not shift the others. Cost per inference is `Measurement.op_cost_us`, taken in each process before the median.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median

from harness.analysis.op_placement import on_delegate
from harness.records import OpTiming, Result


@dataclass(frozen=True, slots=True)
class OpCost:
    """One op over all profiled processes of a cell. None where no output said it."""

    index: int
    node_type: str
    name: str
    subgraph: int | None
    on_delegate: bool | None
    avg_us: float | None
    """Per call."""
    times_called: float | None
    cost_us: float | None
    """Per inference, in the processes that saw it."""
    part_us: float | None
    """Per inference over all profiled processes, 0 in one that did not see it: what adds up in a comparison (`analysis/op_profile.py`)."""
    processes: int
    """In how many of the profiled processes it was seen."""

    @property
    def nested(self) -> bool:
        """In a subgraph that an op of the primary one calls: its time is part of that op's."""
        return self.subgraph not in (None, 0)


@dataclass(frozen=True, slots=True)
class OpProfile:
    """The ops of a cell and what they add up to."""

    ops: tuple[OpCost, ...]
    processes: int
    total_us: float
    """Sum over the primary subgraph; nested ops are in their callers already."""
    run_avg_us: float | None
    """Median of the profiled processes' own average: what the sum is to be held against."""


_RowId = tuple[int | None, str, str, int]


def profile_of(results: tuple[Result, ...]) -> OpProfile | None:
    """Aggregate profiled processes; None where there is no op at all."""
    rows: dict[_RowId, list[tuple[OpTiming, float | None]]] = {}
    for result in results:
        alike: Counter[tuple[int | None, str, str]] = Counter()
        for op in (result.measurement.ops if result.measurement else None) or ():
            what = (op.subgraph, op.node_type, op.name)
            cost = result.measurement.op_cost_us(op) if result.measurement else None
            rows.setdefault((*what, alike[what]), []).append((op, cost))
            alike[what] += 1
    if not rows:
        return None
    ops = sorted((_cost(group, len(results)) for group in rows.values()), key=lambda op: (op.subgraph or 0, op.index))
    averages = [m.inference_avg_us for r in results if (m := r.measurement) and m.inference_avg_us is not None]
    return OpProfile(
        ops=tuple(ops),
        processes=len(results),
        total_us=sum(op.cost_us for op in ops if op.cost_us is not None and not op.nested),
        run_avg_us=median(averages) if averages else None,
    )


def _cost(group: list[tuple[OpTiming, float | None]], processes: int) -> OpCost:
    first = group[0][0]
    averages = [op.avg_us for op, _ in group if op.avg_us is not None]
    calls = [op.times_called for op, _ in group if op.times_called is not None]
    costs = [cost for _, cost in group if cost is not None]
    cost = median(costs) if costs else None
    return OpCost(
        index=first.index,
        node_type=first.node_type,
        name=first.name,
        subgraph=first.subgraph,
        on_delegate=on_delegate(first.node_type, first.name),
        avg_us=median(averages) if averages else None,
        times_called=median(calls) if calls else None,
        cost_us=cost,
        part_us=cost if len(costs) == processes else _part(group, processes),
        processes=len(group),
    )


def _part(group: list[tuple[OpTiming, float | None]], processes: int) -> float | None:
    # As in `harness.analysis.op_profile`: a table without calls has one per inference, a process without the op spent nothing on it.
    seen = [part for op, cost in group if (part := cost if op.times_called is not None else op.avg_us) is not None]
    return median([*seen, *[0.0] * (processes - len(seen))]) if seen else None
