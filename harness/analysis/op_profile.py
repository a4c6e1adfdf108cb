"""The ops of a cell over its profiled processes, in execution order: the one aggregation behind reports, comparisons and exports. Pure.

Rows are one op by what they are (subgraph, type, name, and which one of several alike), not by their place: a process that lost rows does
not shift the others. Cost per inference is taken in each process.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.analysis.centre import centre
from harness.analysis.metrics import Metric, counts
from harness.records import Measurement, OpTiming, Purpose, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class OpRow:
    """One op over the profiled processes of a cell. None where no output said it."""

    index: int
    node_type: str
    name: str
    costs_us: tuple[float, ...]
    """Per inference in each process; 0 in one that did not see it. Empty where no process says what it costs."""
    subgraph: int | None = None
    avg_us: float | None = None
    """Per call."""
    times_called: float | None = None
    seen_us: float | None = None
    """Per inference, of the processes that saw it alone."""
    seen_in: int = 0
    """In how many of the processes it was seen."""

    @property
    def cost_us(self) -> float:
        """Per inference over all processes: what adds up in a comparison.

        Raises:
            statistics.StatisticsError: no process says what it costs.
        """
        return centre(self.costs_us)

    @property
    def nested(self) -> bool:
        """In a subgraph that an op of the primary one calls: its time is part of that op's."""
        return self.subgraph not in (None, 0)

    @property
    def adds_up(self) -> bool:
        """Whether it takes part where ops are added up or compared: it is of the primary graph and has a time."""
        return not self.nested and bool(self.costs_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpProfile:
    """All ops of the primary subgraph; those of called subgraphs are part of their callers' time already."""

    rows: tuple[OpRow, ...]
    whole_us: float
    """Centre of the profiled processes' own average inference: what the ops must add up to."""
    processes: int


def cost_per_inference(measurement: Measurement, op: OpTiming) -> float | None:
    """What an op costs in one inference. Tables without a column of calls print that already, as the average."""
    return measurement.op_cost_us(op) if op.times_called is not None else op.avg_us


def profile_of(results: Iterable[Result]) -> OpProfile | None:
    """The profile of a cell out of all its results; None where no process that counts has both ops and an average."""
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
    """Every op of some processes, those of called subgraphs behind those of the primary one."""
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
    rows = (_row(group, len(processes)) for group in groups.values())
    return tuple(sorted(rows, key=lambda row: (row.subgraph or 0, row.index)))


def _row(seen: Sequence[tuple[int, OpTiming, float | None]], processes: int) -> OpRow:
    first = seen[0][1]
    known = {process: cost for process, _, cost in seen if cost is not None}
    averages = [op.avg_us for _, op, _ in seen if op.avg_us is not None]
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
