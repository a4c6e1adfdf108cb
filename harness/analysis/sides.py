"""The two sides of a comparison: facts of each run, and the numbers of each cell. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.analysis.cell_selection import Pair
from harness.analysis.cells import CellResults, key_of, output_differs
from harness.analysis.centre import centre
from harness.analysis.comparability import Note
from harness.analysis.metrics import Metric, counts, purpose_for, reported
from harness.analysis.odd_values import OddValues, odd_values, value_notes
from harness.records import CellKey, DeviceInfo, ModelRef, Result, Scalar, Status, Trial
from harness.records.adaptive_decisions import AdaptivePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """Facts about a side's run besides its results."""

    run_id: str
    devices: Mapping[str, DeviceInfo] = field(default_factory=dict)
    harness_version: str = ""
    adaptive: AdaptivePlan | None = None
    """The plan by which the run chose its number of blocks, if that was not fixed. Its intervals must hold for all looks."""
    planned: int = 0
    """Number of trials planned."""
    left: tuple[Trial, ...] = ()
    """Planned trials without a result: the run was interrupted, or still runs."""
    control: Mapping[str, Scalar] | None = None
    """What the suite names as unchanged."""
    cells: tuple[CellResults, ...] = ()
    """All cells of the run: a control need not be among those that are compared."""
    models: tuple[ModelRef, ...] = ()
    """All models that some trial runs."""


OUTPUT_DIFFERS = "output differs"
"""The mark of a cell whose outputs are beyond the limits, in every table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incomplete:
    """A side whose run did not finish."""

    side: Literal["BASE", "HEAD"]
    left: int
    """Number of its trials without a result."""
    planned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SideSummary:
    """One side of a comparison."""

    key: CellKey | None
    mask: str | None
    """Mask of the cores, bare hex."""
    n: int
    estimate: float | None
    """Centre of the `n` processes that count, in the metric's unit."""
    statuses: Mapping[str, int]
    causes: tuple[str, ...]
    synthetic: bool = False
    """A number of this side or of its ops was replayed or modelled, not measured."""
    output_differs: bool = False
    """An accuracy trial of its cell found outputs beyond the limits."""
    left: int = 0
    """Number of processes that never ran because the run was interrupted."""
    odd: OddValues = field(default_factory=OddValues)
    """Values that are no positive numbers."""

    @property
    def total(self) -> int:
        """Number of processes that have a result."""
        return sum(self.statuses.values())


def took_turns(pair: Pair) -> bool:
    """Say whether the two cells share blocks. They do not without `interleave` or with recorded logs."""
    if pair.base is None or pair.head is None:
        return False
    ours, theirs = ({result.trial.block for result in cell.results} for cell in (pair.base, pair.head))
    return not ours.isdisjoint(theirs)


def by_block(cell: CellResults | None, metric: Metric, *, signed: bool = False) -> dict[int, list[float]]:
    """Return the values of a cell's processes that count, by block.

    Args:
        cell: the cell.
        metric: the metric.
        signed: take zero and negative values, too.
    """
    blocks: dict[int, list[float]] = {}
    if cell is not None:
        purpose = purpose_for(cell.results, metric)
        for result in cell.results:
            value = reported(result, metric, purpose) if signed else counts(result, metric, purpose)
            if value is not None and math.isfinite(value):
                blocks.setdefault(result.trial.block, []).append(value)
    return blocks


def summary_of_side(
    cell: CellResults | None,
    metric: Metric,
    source: RunContext,
    *,
    signed: bool = False,
    wanted: CellKey | None = None,
) -> SideSummary:
    """Summarise a cell in a metric.

    Args:
        cell: the cell; a side without it gets an empty summary.
        metric: the metric.
        source: its run.
        signed: as for `by_block`.
        wanted: the cell that the side lacks; its run may not have reached it.
    """
    if cell is None:
        purpose = purpose_for((), metric)
        left = sum(trial.purpose is purpose and key_of(trial) == wanted for trial in source.left)
        return SideSummary(key=None, mask=None, n=0, estimate=None, statuses={}, causes=(), left=left)
    values = [value for values in by_block(cell, metric, signed=signed).values() for value in values]
    purpose = purpose_for(cell.results, metric)
    asked: list[Result] = [result for result in cell.results if result.trial.purpose is purpose]
    causes = Counter(str(cause) for result in asked if result.status is not Status.OK for cause in result.causes)
    return SideSummary(
        key=cell.key,
        mask=cell.mask,
        n=len(values),
        estimate=centre(values) if values else None,
        statuses=dict(Counter(str(result.status) for result in asked)),
        causes=tuple(cause for cause, _ in causes.most_common()),
        synthetic=is_synthetic(cell),
        output_differs=output_differs(cell.results),
        left=sum(trial.purpose is purpose and key_of(trial) == cell.key for trial in source.left),
        odd=odd_values(cell, metric),
    )


def is_synthetic(cell: CellResults) -> bool:
    """Say whether any number of a cell was replayed or modelled, not measured."""
    return any(result.synthetic for result in cell.results if result.status is Status.OK)


def half_synthetic(pair: Pair) -> bool:
    """Say whether one side of a pair was measured and the other replayed or modelled."""
    return pair.base is not None and pair.head is not None and is_synthetic(pair.base) != is_synthetic(pair.head)


def failure_notes(ours: SideSummary, theirs: SideSummary, metric: Metric) -> Iterable[Note]:
    """Note what either side lacks, and why."""
    for name, side in (("BASE", ours), ("HEAD", theirs)):
        total = side.total
        bad = total - side.statuses.get(str(Status.OK), 0)
        if side.key is None:
            yield Note("missing", f"{name} has no such cell", False)
        elif bad:
            why = f": {', '.join(side.causes)}" if side.causes else ""
            yield Note("failures", f"{name}: {bad} of {total} processes are not ok{why}", False)
        elif not side.n and not side.odd.kinds:
            yield Note("no_value", f"{name} holds no value of this metric", False)
        yield from value_notes(name, side.odd, metric)
        if side.output_differs:
            yield Note("output_differs", f"{name}: {OUTPUT_DIFFERS}: its outputs are beyond the limits", False)
        if side.left:
            yield Note("interrupted", f"{name}: {side.left} of {total + side.left} processes never ran", False)


def incomplete_sides(base: RunContext, head: RunContext) -> Iterable[Incomplete]:
    """Return the sides whose runs did not finish; if both sides are one run, only HEAD."""
    if base.left and base.run_id != head.run_id:
        yield Incomplete(side="BASE", left=len(base.left), planned=base.planned)
    if head.left:
        yield Incomplete(side="HEAD", left=len(head.left), planned=head.planned)
