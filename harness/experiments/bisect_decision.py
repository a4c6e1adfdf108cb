"""Decides on which side of a change a revision lies, from blocks in which it and the good revision took turns. Pure.

The change from good to bad is `size`, a log ratio. A revision is like the good one if its log ratio to good is surely below half of that,
and like the bad one if it is surely above. A revision surely between a quarter and three quarters is neither: the change has several steps,
and each side of the revision holds one. The estimate then decides on the side.

A claim is tested after any number of blocks, so its p-value allows for all looks (`harness.analysis.sequential`). If a revision really is
like the good one, `bad` and `between` both claim that it lies above the first quarter, so either claim has a chance of at most `alpha`.
The same holds on the other side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.analysis import special
from harness.analysis.one_sided import T_SHARE
from harness.analysis.ratio_interval import Estimate, paired
from harness.analysis.required_processes import least_processes
from harness.analysis.resolution import ratio_resolution
from harness.analysis.samples import PairedSample
from harness.analysis.sequential import look_alpha, repeated_p

Side = Literal["good", "bad"]
Pair = tuple[float, float]
"""Values of the base and of the head in one block, in the metric's unit; both positive."""

FIRST = 5
"""Least number of blocks for any decision."""
MOST = 60
"""Most blocks for a pair of revisions."""
_LEAST_AT_ONCE, _MOST_AT_ONCE = 3, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDecision:
    """The decision on one pair of revisions from the blocks so far."""

    side: Side | None
    """None: not sure yet."""
    between: bool
    """Whether it is surely unlike both ends: the change has several steps."""
    estimate: Estimate
    more: int
    """Further blocks that would probably decide if estimate and spread stayed the same; 0 once it is sure or `MOST` is reached."""


def estimated(pairs: Sequence[Pair], alpha: float) -> Estimate:
    """Estimate head over base. The interval holds at every look, and excludes what can be excluded at `alpha`."""
    logs = [(math.log(ours), math.log(theirs)) for ours, theirs in pairs]
    return paired(
        [theirs - ours for ours, theirs in logs],
        means=[(ours + theirs) / 2 for ours, theirs in logs],
        level=1 - 2 * single_alpha(alpha),
        resolution=ratio_resolution([ours for ours, _ in pairs], [theirs for _, theirs in pairs]) if pairs else 0.0,
    )


def first_blocks(alpha: float) -> int:
    """Return the least number of blocks that can decide."""
    return least_processes(1, alpha, looks=((FIRST, MOST),)) or MOST


def single_alpha(alpha: float) -> float:
    """Return the p-value of one look at or below which a claim holds."""
    return look_alpha(alpha, FIRST, MOST)


def surely_beyond(estimate: Estimate, edge: float, alpha: float, direction: float = 1.0) -> bool:
    """Return whether the log ratio surely lies beyond an edge, for any number of looks.

    Args:
        estimate: of the blocks so far.
        edge: a logarithm; positive is in the direction of the change.
        alpha: tolerated chance of a wrong claim.
        direction: above 0 where bad is slower, else below 0.
    """
    p_value = estimate.p_above(edge) if direction > 0 else estimate.p_below(-edge)
    return repeated_p(p_value, FIRST, MOST) <= alpha


def surely_short_of(estimate: Estimate, edge: float, alpha: float, direction: float = 1.0) -> bool:
    """Return whether the log ratio surely does not reach an edge; arguments as for `surely_beyond`."""
    p_value = estimate.p_below(edge) if direction > 0 else estimate.p_above(-edge)
    return repeated_p(p_value, FIRST, MOST) <= alpha


def side_of(pairs: Sequence[Pair], *, size: float, alpha: float) -> PairDecision:
    """Decide whether head is like the good revision, which is the base, or like the bad one.

    Args:
        pairs: blocks with a value of both.
        size: log ratio of bad over good; below 0 where bad is faster.
        alpha: tolerated chance of a wrong side.
    """
    estimate = estimated(pairs, alpha)
    whole = abs(size)
    if surely_beyond(estimate, whole / 2, alpha, size):
        return PairDecision(side="bad", between=False, estimate=estimate, more=0)
    if surely_short_of(estimate, whole / 2, alpha, size):
        return PairDecision(side="good", between=False, estimate=estimate, more=0)
    centre = math.log(estimate.ratio or 1.0) * math.copysign(1.0, size)
    if surely_beyond(estimate, whole / 4, alpha, size) and surely_short_of(estimate, whole * 3 / 4, alpha, size):
        side: Side = "bad" if centre > whole / 2 else "good"
        return PairDecision(side=side, between=True, estimate=estimate, more=0)
    margins = (abs(centre - whole / 2), min(centre - whole / 4, whole * 3 / 4 - centre))
    return PairDecision(side=None, between=False, estimate=estimate, more=blocks_to_go(estimate, max(margins), alpha))


def blocks_to_go(estimate: Estimate, margin: float, alpha: float) -> int:
    """Return how many more blocks would decide if the estimate and the spread stayed the same.

    Args:
        estimate: of the blocks so far.
        margin: distance of the log ratio from the edge that it must pass.
        alpha: tolerated chance of a wrong claim.

    Returns:
        At least `_LEAST_AT_ONCE`, as each run costs a start; at most `_MOST_AT_ONCE`, as the forecast is uncertain; 0 after `MOST` blocks.
    """
    n = estimate.values
    room = MOST - n
    if room <= 0:
        return 0
    first = first_blocks(alpha)
    if n < first:
        return min(first - n, room)
    sample = estimate.sample
    spread = float(sample.kept.std(ddof=1)) if isinstance(sample, PairedSample) and sample.size > 1 else math.inf
    margin -= estimate.slack
    wanted = n + _LEAST_AT_ONCE
    while (
        wanted < n + _MOST_AT_ONCE
        and margin * math.sqrt(wanted) < special.stdtrit(wanted - 1, 1 - single_alpha(alpha) * T_SHARE) * spread
    ):
        wanted += 1
    return min(wanted - n, room)
