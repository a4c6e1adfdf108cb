"""Reads the profile that the tool prints: blocks of tables for initialization and for the timed runs, maybe one per subgraph.

    Profiling Info for Benchmark Initialization:
    [Primary graph (name: main) profile:]
    ==== Run Order ====                 heading, rows
    ==== Top by Computation Time ====   the same rows by time
    Number of nodes executed: N
    ==== Summary by node type ====      heading, rows
    [Subgraph (index: 1, name: x) ]Timings (microseconds): count=...
    Memory (bytes): count=0
    N nodes observed
    [Subgraph (index: 1, name: x) profile: ...]
    Operator-wise Profiling Info for Regular Benchmark Runs: ...

Titles may be missing: TensorFlow 1.x prints one block without a title, and an excerpt may begin inside a table.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from harness.benchmark_model.numbers import parse_statistics, whole
from harness.benchmark_model.rows import Header, PrintedRow, parse_header, parse_op_row, parse_summary_row
from harness.records import OpTiming, OpTypeSummary, RunStatistics

Phase = Literal["init", "run"]
_Table = Literal["order", "top", "summary"]

_TITLES: dict[str, Phase] = {
    "Profiling Info for Benchmark Initialization:": "init",
    "Operator-wise Profiling Info for Regular Benchmark Runs:": "run",
}
_HEADINGS = ("[node type]", "[Node type]", "node type,")
_GRAPH = re.compile(r"(?:Primary graph \(name: .{0,4000}\)|Subgraph \(index: (\d{1,9}), name: .{0,4000}\)) profile:$")
_TIMINGS = re.compile(r"(?:Subgraph \(index: \d{1,9}, name: .{0,4000}?\) )?Timings \(microseconds\): (?=count=)")
_OBSERVED = re.compile(r"(\d{1,9}) nodes observed$")
_EXECUTED = re.compile(r"Number of nodes executed: (\d{1,9})$")
_BANNER = re.compile(r"={4,200} (Run Order|Top by .{0,80}|Summary by node type) ={4,200}$")
_INIT_TYPES = frozenset({"ModifyGraphWithDelegate", "AllocateTensors"})


@dataclass(slots=True)
class SubgraphTables:
    """The tables of one subgraph in one phase."""

    phase: Phase | None
    subgraph: int | None
    order: list[PrintedRow] = field(default_factory=list)
    top: list[PrintedRow] = field(default_factory=list)
    summary: list[OpTypeSummary] = field(default_factory=list)
    timings: RunStatistics | None = None
    executed: int | None = None
    observed: int | None = None
    tables: set[_Table] = field(default_factory=set)

    @property
    def started(self) -> bool:
        """Whether anything beyond the block's title was seen."""
        return bool(self.tables or self.order or self.summary or self.timings or self.observed is not None)


@dataclass(slots=True)
class ProfileText:
    """Collects blocks line by line."""

    blocks: list[SubgraphTables] = field(default_factory=list)
    _phase: Phase | None = None
    _table: _Table | None = None
    _header: Header | None = None

    def feed(self, text: str, *, cut: bool = False) -> bool:
        """Take one line without its prefix. Return whether it belongs to the profile. `cut`: it is the last one and may be cut short."""
        if text.count("%") >= 2 and self._row(text, cut):
            return True
        stripped = text.strip()
        first = stripped[:1]
        if stripped.startswith(_HEADINGS) and (header := parse_header(text)) is not None:
            self._header = header
            if header.kind == "summary" and self._table != "summary":
                self._open_table("summary")
            elif header.kind == "ops" and self._table in (None, "summary"):
                self._open_table("order")
            elif header.kind == "ops" and self._table == "order" and self._block().order:
                self._open_table("top")  # tables without banners, as some ports of the tool print them
            return True
        if first == "=" and (match := _BANNER.match(stripped)) is not None:
            self._open_table(
                "order" if match[1] == "Run Order" else "summary" if match[1].startswith("Summary") else "top"
            )
            return True
        if first in "PO" and stripped in _TITLES:
            self._phase = _TITLES[stripped]
            self.blocks.append(SubgraphTables(self._phase, None))
            self._table = self._header = None
            return True
        if first in "PSTN" or first.isdigit():
            return self._other(stripped, cut)
        return False

    def _other(self, text: str, cut: bool) -> bool:
        if (match := _GRAPH.match(text)) is not None:
            subgraph = int(match[1]) if match[1] else 0
            if (
                subgraph == 0
                and self._phase == "init"
                and any(b.phase == "init" and b.subgraph == 0 for b in self.blocks)
            ):
                self._phase = "run"  # its title was lost
            if self.blocks and not self.blocks[-1].started and self.blocks[-1].subgraph is None:
                self.blocks[-1].subgraph = subgraph
            else:
                self.blocks.append(SubgraphTables(self._phase, subgraph))
            self._table = self._header = None
            return True
        if (match := _TIMINGS.match(text)) is not None:
            block = self._block()
            if block.timings is not None:
                block = self._new_block()
            block.timings = parse_statistics(text[match.end() :], cut=cut)
            self._table = None
            return True
        if (match := _EXECUTED.match(text)) is not None:
            block = self._block()
            block.executed = whole(match[1])
            if self._table == "order" and "top" not in block.tables and not block.tables:
                # The excerpt began inside `Top by Computation Time`, so the rows read are those by time.
                block.top, block.order = block.order, []
            self._table = None
            return True
        if (match := _OBSERVED.match(text)) is not None:
            self._block().observed = whole(match[1])
            self._table = None
            return True
        return False

    def _row(self, text: str, cut: bool) -> bool:
        if self._table == "summary":
            row = parse_summary_row(text, self._header)
            if row is not None and not cut:
                self._block().summary.append(row)
            return row is not None
        op = parse_op_row(text, self._header)
        if op is None:
            if self._table is None and (row := parse_summary_row(text, self._header)) is not None:
                self._table = "summary"
                if not cut:
                    self._block().summary.append(row)
                return True
            return False
        if cut:
            return True
        if self._table is None:
            block = self._block()
            if block.summary or block.timings is not None or block.observed is not None or block.executed is not None:
                block = self._new_block()
            self._table = "order"
        block = self._block()
        (block.order if self._table == "order" else block.top).append(op)
        return True

    def _open_table(self, table: _Table) -> None:
        if table == "order" and (not self.blocks or self.blocks[-1].tables or self.blocks[-1].order):
            self._new_block()
        block = self._block()
        if table == "summary" and not block.tables and block.order and block.executed is None and not block.top:
            # Rows without a banner before the summary: the end of `Top by Computation Time`.
            block.top, block.order = block.order, []
        block.tables.add(table)
        self._table = table
        self._header = None if self._header is None or self._header.separator != "comma" else self._header

    def _new_block(self) -> SubgraphTables:
        # A block without a title: its content tells its phase.
        self.blocks.append(SubgraphTables(None, None))
        self._table = None
        return self.blocks[-1]

    def _block(self) -> SubgraphTables:
        return self.blocks[-1] if self.blocks else self._new_block()

    def phase_blocks(self, phase: Phase) -> list[SubgraphTables]:
        """Return the blocks of a phase. The content of a block without a title tells its phase."""
        return _without_repeats(
            [block for block in self.blocks if (block.phase or _guess(block)) == phase and block.started]
        )

    def ops(self, phase: Phase) -> tuple[OpTiming, ...] | None:
        """Return the `Run Order` rows of all subgraphs, numbered throughout; None if the output lacks that table."""
        blocks = [block for block in self.phase_blocks(phase) if block.order or "order" in block.tables]
        if not blocks:
            return None
        rows = [(row, block.subgraph) for block in blocks for row in block.order]
        return tuple(
            OpTiming(
                index=index,
                node_type=row.node_type,
                name=row.name,
                start_us=row.start_us,
                first_us=row.first_us,
                avg_us=row.avg_us,
                percent=row.percent,
                cdf_percent=row.cdf_percent,
                mem_kb=row.mem_kb,
                times_called=row.times_called,
                subgraph=subgraph,
            )
            for index, (row, subgraph) in enumerate(rows)
        )

    def summary(self, phase: Phase) -> tuple[OpTypeSummary, ...] | None:
        """Return `Summary by node type` of the main block; None if the output lacks it."""
        block = self.main_block(phase)
        return None if block is None or ("summary" not in block.tables and not block.summary) else tuple(block.summary)

    def main_block(self, phase: Phase) -> SubgraphTables | None:
        """Return the block whose totals are the model's: the primary graph's, or the first that ran if that one is empty.

        The op that calls a subgraph includes its ops, so blocks are never added up. If a signature other than the first runs, its ops are
        in a subgraph and the primary graph's block is empty.
        """
        blocks = self.phase_blocks(phase)
        busy = [block for block in blocks if block.order or block.summary]
        return next(iter(busy or blocks), None)

    @property
    def cut_short(self) -> bool:
        """Return whether a profile begins but does not end, so that unknown rows are missing."""
        started = [block for block in self.blocks if block.started]
        return bool(started) and any(block.tables or block.order for block in started) and started[-1].observed is None

    @property
    def complete(self) -> bool:
        """Return whether the profile of the timed runs was seen to its end."""
        blocks = self.phase_blocks("run")
        return bool(blocks) and blocks[-1].observed is not None


def _without_repeats(blocks: list[SubgraphTables]) -> list[SubgraphTables]:
    """Drop repeated blocks, since some ports print a table or the whole profile twice. The first one with a summary stays."""
    kept: dict[tuple[object, ...], SubgraphTables] = {}
    sizes = Counter((block.subgraph, len(block.order)) for block in blocks)
    for number, block in enumerate(blocks):
        # Rows are compared only where another table is as long: that takes time.
        alone = not block.order or sizes[block.subgraph, len(block.order)] == 1
        key = (number,) if alone else (block.subgraph, *block.order)
        if key not in kept or not kept[key].summary:
            kept[key] = block
    return list(kept.values())


def _guess(block: SubgraphTables) -> Phase:
    rows = {row.node_type for row in block.order} | {row.node_type for row in block.summary}
    return "init" if rows and rows <= _INIT_TYPES else "run"
