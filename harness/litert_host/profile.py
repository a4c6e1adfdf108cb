"""Turns profiler events into rows: one per operator, in order of execution, with the real tool's arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.litert_host.abi import EventType
from harness.litert_host.graph import Graph
from harness.litert_host.session import Event
from harness.litert_host.statistics import Statistics


@dataclass(slots=True)
class Row:
    """One operator. Two operators of the same name share a row, which then counts two calls per run.

    Args:
        node_type: operator (`CONV_2D`) or kernel of the delegate (`Convolution (NHWC, F32) IGEMM`).
        name: `[output tensors]:node`, or `Delegate/type:index within the delegate`.
        order: place in the order of execution.
        times: microseconds of every call.
        memory_kb: kilobytes that the step added to the process, if measured.
    """

    node_type: str
    name: str
    order: int
    times: Statistics = field(default_factory=Statistics)
    memory_kb: int = 0


@dataclass(frozen=True, slots=True)
class TypeSummary:
    """All operators of one type. `microseconds` are per run; each operator's share is truncated."""

    node_type: str
    count: int
    microseconds: int
    memory_kb: int
    times_called: int


@dataclass(slots=True)
class SubgraphProfile:
    """The rows of one subgraph, and the sum of each run."""

    index: int
    name: str
    rows: dict[str, Row] = field(default_factory=dict)
    run_totals: Statistics = field(default_factory=Statistics)

    @property
    def total_us(self) -> int:
        """Return the total of all runs."""
        return self.run_totals.total

    def calls_per_run(self, row: Row) -> int:
        """Return how often a row's operator runs in one inference."""
        return row.times.count // max(self.run_totals.count, 1)

    def in_run_order(self) -> list[Row]:
        """Return rows in the order in which they first ran."""
        return sorted(self.rows.values(), key=lambda row: row.order)

    def by_time(self) -> list[Row]:
        """Return rows, the most expensive first; equal ones in order of execution."""
        return sorted(self.rows.values(), key=lambda row: (-row.times.total, row.order))

    def by_type(self) -> list[TypeSummary]:
        """Return types, the most expensive first; of equal ones the last in the alphabet first."""
        groups: dict[str, list[Row]] = {}
        for row in self.rows.values():
            groups.setdefault(row.node_type, []).append(row)
        runs = max(self.run_totals.count, 1)
        summaries = [
            TypeSummary(
                node_type,
                len(rows),
                sum(row.times.total // runs for row in rows),
                sum(row.memory_kb for row in rows),
                sum(self.calls_per_run(row) for row in rows),
            )
            for node_type, rows in groups.items()
        ]
        return sorted(summaries, key=lambda summary: (summary.microseconds, summary.node_type), reverse=True)


class ModelProfile:
    """Profiles of all subgraphs that ran, the primary one always among them."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.subgraphs: dict[int, SubgraphProfile] = {}
        self._subgraph(0)

    @property
    def several(self) -> bool:
        """Whether more than the first subgraph has a profile; only then the text names the subgraphs."""
        return len(self.subgraphs) > 1

    def _subgraph(self, index: int) -> SubgraphProfile:
        if index not in self.subgraphs:
            named = index < len(self._graph.subgraphs)
            self.subgraphs[index] = SubgraphProfile(index, self._graph.subgraphs[index].name if named else "")
        return self.subgraphs[index]

    def add_steps(self, subgraph: int, steps: Sequence[tuple[str, int, int]]) -> None:
        """Add steps of the initialisation, which happen once: name, microseconds, kilobytes."""
        profile = self._subgraph(subgraph)
        for name, microseconds, kilobytes in steps:
            label = f"{name}/{subgraph}"
            row = profile.rows.setdefault(label, Row(name, label, len(profile.rows)))
            row.times.add(microseconds)
            row.memory_kb = kilobytes
        profile.run_totals.add(sum(microseconds for _, microseconds, _ in steps))

    def add_run(self, events: Sequence[Event]) -> None:
        """Add the events of one inference, in LiteRT's order; events that are not operators are passed over."""
        totals: dict[int, int] = {0: 0}
        for event in events:
            index = event.subgraph if event.subgraph < len(self._graph.subgraphs) else 0
            if event.kind == EventType.OPERATOR_INVOKE:
                name = f"{self._graph.subgraphs[index].outputs_label(event.node)}:{event.node}"
            elif event.kind == EventType.DELEGATE_OPERATOR_INVOKE:
                name = f"Delegate/{event.tag}:{event.node}"
            else:
                continue
            profile = self._subgraph(index)
            row = profile.rows.get(name)
            if row is None:
                row = profile.rows[name] = Row(event.tag, name, len(profile.rows))
            row.times.add(event.elapsed_us)
            totals[index] = totals.get(index, 0) + event.elapsed_us
        for index, total in totals.items():
            if self.subgraphs[index].rows:
                self.subgraphs[index].run_totals.add(total)
