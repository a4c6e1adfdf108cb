"""Splits the difference of two profiles by op. Pure.

Every op is in one group, and the part that no op explains is a line of its own. So the lines add up to the whole change of the profiled
processes' own average inference, head minus base.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.analysis.op_alignment import align, is_renamed
from harness.analysis.op_profile import OpProfile, OpRow
from harness.analysis.ratio_interval import Estimate, unpaired_each
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePair:
    """Two profiles to compare."""

    base: OpProfile
    head: OpProfile
    interleaved: bool = True
    """Whether both are of one run that took turns. If not, the ops' intervals allow for a drift within either."""


def op_diff(base: OpProfile, head: OpProfile, *, interleaved: bool = True) -> OpDiff:
    """Split the difference of two profiles by op; arguments as of `ProfilePair`."""
    return op_diffs([ProfilePair(base=base, head=head, interleaved=interleaved)])[0]


def op_diffs(pairs: Sequence[ProfilePair]) -> list[OpDiff]:
    """Do `op_diff` for many pairs. All ops are estimated together, which takes a small part of the time."""
    aligned = [align(pair.base.rows, pair.head.rows) for pair in pairs]
    logs = [_logs(*group) for groups in aligned for group in groups]
    drifts = [not pair.interleaved for pair, groups in zip(pairs, aligned, strict=True) for _ in groups]
    known = [(one, may) for one, may in zip(logs, drifts, strict=True) if one is not None]
    found = iter(unpaired_each([one for one, _ in known], drifts=[may for _, may in known]))
    estimates = (next(found) if one is not None else None for one in logs)
    # `estimates` goes last: else zip would take one more than there are groups.
    return [
        _diff(pair, [_change(pair, *group, estimate) for group, estimate in zip(groups, estimates, strict=False)])
        for pair, groups in zip(pairs, aligned, strict=True)
    ]


def _diff(pair: ProfilePair, changes: Sequence[OpChange]) -> OpDiff:
    base, head = pair.base, pair.head
    return OpDiff(
        base_whole_us=base.whole_us,
        head_whole_us=head.whole_us,
        base_processes=base.processes,
        head_processes=head.processes,
        changes=tuple(changes),
        unexplained_us=head.whole_us - base.whole_us - math.fsum(change.change_us for change in changes),
    )


def _change(pair: ProfilePair, base: Sequence[OpRow], head: Sequence[OpRow], estimate: Estimate | None) -> OpChange:
    base_us, head_us = (math.fsum(row.cost_us for row in side) for side in (base, head))
    whole = pair.head.whole_us - pair.base.whole_us
    return OpChange(
        kind=change_kind(base, head),
        base=tuple(base),
        head=tuple(head),
        base_us=base_us,
        head_us=head_us,
        share=(head_us - base_us) / whole + 0.0 if whole else None,  # + 0.0: never a minus zero
        estimate=estimate,
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


def _logs(base: Sequence[OpRow], head: Sequence[OpRow]) -> tuple[list[float], list[float]] | None:
    """Logarithms of the costs in each process of both sides, where they can be estimated from."""
    ours, theirs = _per_process(base), _per_process(head)
    if min(len(ours), len(theirs)) < MIN_BLOCKS or min(*ours, *theirs) <= 0:
        return None
    return list(map(math.log, ours)), list(map(math.log, theirs))


def _per_process(rows: Sequence[OpRow]) -> Sequence[float]:
    if len(rows) == 1:
        return rows[0].costs_us
    return [math.fsum(costs) for costs in zip(*(row.costs_us for row in rows), strict=True)]
