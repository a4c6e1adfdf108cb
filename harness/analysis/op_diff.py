"""Splits the difference of two profiles by op. Pure.

Every op is in one group, and the part that no op explains is a line of its own. So the lines add up to the whole change: head minus base
of the profiled processes' own average inference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.analysis.op_alignment import align, is_renamed
from harness.analysis.op_profile import OpProfile, OpRow
from harness.analysis.ratio_interval import Estimate, unpaired
from harness.analysis.samples import MIN_BLOCKS

ChangeKind = Literal["same", "renamed", "replaced", "new", "gone"]
"""`replaced`: the ops of one side stand for those of the other only as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpChange:
    """A group of matching ops and its share of the change."""

    kind: ChangeKind
    base: tuple[OpRow, ...]
    head: tuple[OpRow, ...]
    base_us: float
    head_us: float
    share: float | None
    """Part of the whole change: negative if it goes the other way, None if the whole did not change."""
    estimate: Estimate | None
    """Ratio with interval, if both sides were profiled in enough processes."""

    @property
    def change_us(self) -> float:
        """Head minus base, in microseconds per inference."""
        return self.head_us - self.base_us


@dataclass(frozen=True, slots=True, kw_only=True)
class OpDiff:
    """The whole change and its parts: `change_us` is the sum of all `changes` and `unexplained_us`."""

    base_whole_us: float
    head_whole_us: float
    base_processes: int
    head_processes: int
    changes: tuple[OpChange, ...]
    """In the order of execution."""
    unexplained_us: float
    """Change outside all ops: in the interpreter between them, and in the profiler itself."""

    @property
    def change_us(self) -> float:
        """Head minus base of the whole."""
        return self.head_whole_us - self.base_whole_us

    @property
    def unexplained_share(self) -> float | None:
        """Unexplained part of the whole change; None if the whole did not change."""
        return self.unexplained_us / self.change_us if self.change_us else None

    def by_contribution(self) -> list[OpChange]:
        """Return the changes, the largest of either sign first."""
        return sorted(self.changes, key=lambda change: -abs(change.change_us))


def op_diff(base: OpProfile, head: OpProfile, *, interleaved: bool = True) -> OpDiff:
    """Split the difference of two profiles by op.

    Unless they were `interleaved` in one run, the ops' intervals allow for a drift within either.
    """
    whole = head.whole_us - base.whole_us
    changes = tuple(_change(ours, theirs, whole, interleaved) for ours, theirs in align(base.rows, head.rows))
    return OpDiff(
        base_whole_us=base.whole_us,
        head_whole_us=head.whole_us,
        base_processes=base.processes,
        head_processes=head.processes,
        changes=changes,
        unexplained_us=whole - math.fsum(change.change_us for change in changes),
    )


def _change(base: Sequence[OpRow], head: Sequence[OpRow], whole: float, interleaved: bool) -> OpChange:
    base_us, head_us = (math.fsum(row.cost_us for row in side) for side in (base, head))
    return OpChange(
        kind=change_kind(base, head),
        base=tuple(base),
        head=tuple(head),
        base_us=base_us,
        head_us=head_us,
        share=(head_us - base_us) / whole + 0.0 if whole else None,  # + 0.0: never a minus zero
        estimate=_estimate(base, head, interleaved),
    )


def change_kind(base: Sequence[OpRow], head: Sequence[OpRow]) -> ChangeKind:
    """Classify a group of aligned ops."""
    if not base:
        return "new"
    if not head:
        return "gone"
    if len(base) > 1 or len(head) > 1:
        return "replaced"
    (ours,), (theirs,) = base, head
    if (ours.node_type, ours.name) == (theirs.node_type, theirs.name):
        return "same"
    return "renamed" if is_renamed(ours, theirs) else "replaced"


def _estimate(base: Sequence[OpRow], head: Sequence[OpRow], interleaved: bool) -> Estimate | None:
    ours, theirs = (_per_process(side) for side in (base, head))
    if min(len(ours), len(theirs)) < MIN_BLOCKS or min(*ours, *theirs) <= 0:
        return None
    logs = [[math.log(value) for value in side] for side in (ours, theirs)]
    return unpaired(logs[0], logs[1], drifts=not interleaved)


def _per_process(rows: Sequence[OpRow]) -> list[float]:
    return [math.fsum(costs) for costs in zip(*(row.costs_us for row in rows), strict=True)]
