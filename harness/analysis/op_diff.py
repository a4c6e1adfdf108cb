"""What each op contributes to the difference of two profiles. Pure.

Every op is in one group, and what no op explains is a line of its own, so the lines add up to the change of the whole: the profiled
processes' own average inference, head minus base.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.analysis.op_alignment import align, is_renamed
from harness.analysis.op_profile import OpProfile, OpRow
from harness.analysis.ratio_interval import MIN_BLOCKS, Estimate, unpaired

ChangeKind = Literal["same", "renamed", "replaced", "new", "gone"]
"""`replaced`: the ops of one side stand for those of the other as a whole, and no finer match is honest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpChange:
    """A group of ops and what it contributes."""

    kind: ChangeKind
    base: tuple[OpRow, ...]
    head: tuple[OpRow, ...]
    base_us: float
    head_us: float
    share: float | None
    """Part of the whole change; negative where it goes the other way; None where the whole did not change."""
    estimate: Estimate | None
    """Ratio with interval where both sides were profiled in enough processes."""

    @property
    def change_us(self) -> float:
        """Head minus base, per inference."""
        return self.head_us - self.base_us


@dataclass(frozen=True, slots=True, kw_only=True)
class OpDiff:
    """The whole and its parts: `change_us` is the sum of all `changes` and `unexplained_us`."""

    base_whole_us: float
    head_whole_us: float
    base_processes: int
    head_processes: int
    changes: tuple[OpChange, ...]
    """In the order of execution."""
    unexplained_us: float
    """Of the change, what lies outside all ops: the interpreter between them, and the profiler itself."""

    @property
    def change_us(self) -> float:
        """Of the whole, head minus base."""
        return self.head_whole_us - self.base_whole_us

    @property
    def unexplained_share(self) -> float | None:
        """Of the whole change; None where the whole did not change."""
        return self.unexplained_us / self.change_us if self.change_us else None

    def by_contribution(self) -> list[OpChange]:
        """The largest change of either sign first."""
        return sorted(self.changes, key=lambda change: -abs(change.change_us))


def op_diff(base: OpProfile, head: OpProfile, *, interleaved: bool = True) -> OpDiff:
    """Take the difference of two profiles apart.

    Args:
        base: the one profile.
        head: the other.
        interleaved: both were measured in one run; else a drift within either is allowed for in the ops' intervals.
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
    """What sort of change a group of aligned ops is."""
    if not base:
        return "new"
    if not head:
        return "gone"
    if len(base) > 1 or len(head) > 1:
        return "replaced"
    if (base[0].node_type, base[0].name) == (head[0].node_type, head[0].name):
        return "same"
    return "renamed" if is_renamed(base[0], head[0]) else "replaced"


def _estimate(base: Sequence[OpRow], head: Sequence[OpRow], interleaved: bool) -> Estimate | None:
    ours, theirs = (_per_process(side) for side in (base, head))
    if min(len(ours), len(theirs)) < MIN_BLOCKS or min(*ours, *theirs) <= 0:
        return None
    logs = [[math.log(value) for value in side] for side in (ours, theirs)]
    return unpaired(logs[0], logs[1], drifts=not interleaved)


def _per_process(rows: Sequence[OpRow]) -> list[float]:
    return [math.fsum(costs) for costs in zip(*(row.costs_us for row in rows), strict=True)]
