"""When to stop measuring, without paying for the peeking. Pure.

Looking at the interval again and again and stopping when it pleases makes false verdicts more frequent than each look's level says. Here
each look uses a stricter level, the same at every look (Pocock, Biometrika 64, 1977), found so that over all looks together the interval
misses in at most 5 % of all experiments and the test errs in at most 1 %: repeated confidence intervals (Jennison and Turnbull, Journal of
the Royal Statistical Society B 51, 1989). They hold whatever makes one stop, so a limit of time or a verdict may end the run as well.

The levels come out of a simulation with a fixed seed. For the rank test the law of all looks together is that of random signs and does
not depend on the distribution of the noise; for the t-test, used where the rank test has too few blocks, it is that of normal noise, which
is the worst of the usual ones: longer tails make the test more careful (Benjamini, Journal of the American Statistical Association 78,
1983).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.analysis.estimate import LEVEL, MIN_BLOCKS, RANK_TEST_FROM, Estimate, joint_p, paired, t_alone_p
from harness.analysis.ranks import Floats, signed_rank_cdf
from harness.analysis.verdict import Rules, Verdict

MAX_BLOCKS = 200
"""More than that is no benchmark any more."""

_EXPERIMENTS = 20_000
_SEED = 20_260_101

Ints = npt.NDArray[np.int_]
Reason = Literal["narrow", "decided", "max_blocks", "max_device_time", "go_on"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was agreed on before the first look. To change it afterwards is to cheat."""

    min_blocks: int = MIN_BLOCKS
    max_blocks: int = 30
    until: float = 0.02
    """Width at which the interval is narrow enough: its upper end over its lower end, less 1. 0.02 is about plus or minus 1 %."""
    stop_when_decided: bool = False
    """Stop at a verdict too, however wide the interval still is."""

    def __post_init__(self) -> None:
        if not MIN_BLOCKS <= self.min_blocks <= self.max_blocks <= MAX_BLOCKS:
            raise ValueError(
                f"{MIN_BLOCKS} <= min_blocks ({self.min_blocks}) <= max_blocks ({self.max_blocks}) <= {MAX_BLOCKS}"
                " does not hold"
            )
        if not 0 < self.until < 1:
            raise ValueError(f"until is {self.until}, not between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What each single look may spend."""

    interval: float
    """Level of the interval at each look; simultaneously they hold at 95 %."""
    alpha: float
    """A look's p-value must be below it for a verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a look comes to."""

    stop: bool
    reason: Reason
    verdict: Verdict
    estimate: Estimate
    """With the interval at the level of a look: this is the one to report, the ordinary 95 % interval is too narrow after peeking."""


def look(log_ratios: Sequence[float], plan: Plan, *, rules: Rules | None = None, out_of_time: bool = False) -> Decision:
    """Decide after a block whether to measure on.

    Args:
        log_ratios: natural logarithm of head over base of every block so far.
        plan: as agreed on before.
        rules: how verdicts are reached; `rules.alpha` is what all looks together may err.
        out_of_time: the limit of device time is reached.

    Raises:
        ValueError: there are more blocks than the plan allows.
    """
    rules = rules or Rules()
    n = len(log_ratios)
    if n > plan.max_blocks:
        raise ValueError(f"{n} blocks, the plan ends at {plan.max_blocks}")
    looking = n in looks(plan.min_blocks, plan.max_blocks) or out_of_time
    levels = levels_for(plan.min_blocks, plan.max_blocks, rules.alpha)
    estimate = paired(log_ratios, level=levels.interval)
    verdict = _verdict(estimate, levels, rules) if looking and n >= plan.min_blocks else Verdict.INCONCLUSIVE
    reason: Reason = "go_on"
    if n >= plan.max_blocks:
        reason = "max_blocks"
    elif out_of_time:
        reason = "max_device_time"
    if looking and n >= plan.min_blocks and estimate.ci_low is not None and estimate.ci_high is not None:
        if plan.stop_when_decided and verdict is not Verdict.INCONCLUSIVE:
            reason = "decided"
        if estimate.ci_high / estimate.ci_low - 1 <= plan.until:
            reason = "narrow"
    return Decision(stop=reason != "go_on", reason=reason, verdict=verdict, estimate=estimate)


@lru_cache(maxsize=64)
def looks(min_blocks: int, max_blocks: int) -> tuple[int, ...]:
    """Numbers of blocks after which the plan looks: each a tenth more than the last, so that many blocks do not mean many looks."""
    found = [min_blocks]
    while found[-1] < max_blocks:
        found.append(min(max_blocks, max(found[-1] + 1, found[-1] * 11 // 10)))
    return tuple(found)


@lru_cache(maxsize=64)
def levels_for(min_blocks: int, max_blocks: int, alpha: float = 0.01) -> Levels:
    """The level of each look, such that all looks together err no more than agreed.

    Takes a second or so the first time for a pair of limits. A look when the time is up, between two of the plan's, adds at most what
    one look may err.
    """
    p_rank, p_t = _null_p_values(min_blocks, max_blocks)
    at = np.asarray(looks(min_blocks, max_blocks))
    return Levels(
        interval=1 - _interval_alpha(p_rank, p_t, at, 1 - LEVEL),
        alpha=_test_alpha(p_rank, p_t, at, alpha),
    )


def _verdict(estimate: Estimate, levels: Levels, rules: Rules) -> Verdict:
    low, high, p_value = estimate.ci_low, estimate.ci_high, estimate.p_value
    if low is None or high is None or p_value is None:
        return Verdict.INCONCLUSIVE
    edge = 1 + rules.min_effect
    if p_value <= levels.alpha and low > edge:
        return Verdict.SLOWER
    if p_value <= levels.alpha and high < 1 / edge:
        return Verdict.FASTER
    return Verdict.SAME if low >= 1 / edge and high <= edge else Verdict.INCONCLUSIVE


def _interval_alpha(p_rank: Floats, p_t: Floats, at: Ints, total: float) -> float:
    """The largest share of misses per look at which at most `total` of the experiments are ever missed."""
    allowed = math.floor(total * len(p_rank))
    low, high = total / len(at) / 2, total
    for _ in range(25):
        middle = math.sqrt(low * high)
        # The interval is the rank test's where that can miss so rarely at all, else the t-test's: as in `paired`.
        missed = np.where(2.0 ** (1 - at) <= middle, p_rank <= middle, p_t <= middle).any(axis=1).sum()
        low, high = (middle, high) if missed <= allowed else (low, middle)
    return low


def _test_alpha(p_rank: Floats, p_t: Floats, at: Ints, total: float) -> float:
    """The largest level per look at which at most `total` of the experiments are ever rejected."""
    smallest = np.sort(np.where(at >= RANK_TEST_FROM, joint_p(p_rank, p_t), t_alone_p(p_t)).min(axis=1))
    # The two tests in one spend less than they may; what is left over depends on the distribution, so no look gets more than the total.
    return min(total, float(np.nextafter(smallest[math.floor(total * len(smallest))], 0)))


@lru_cache(maxsize=8)
def _null_p_values(min_blocks: int, max_blocks: int) -> tuple[Floats, Floats]:
    noise = np.random.default_rng(_SEED).standard_normal((_EXPERIMENTS, max_blocks))
    at = looks(min_blocks, max_blocks)
    shape = (_EXPERIMENTS, len(at))
    p_rank, p_t = np.empty(shape), np.empty(shape)
    for column, n in enumerate(at):
        seen = noise[:, :n]
        ranks = np.abs(seen).argsort(axis=1).argsort(axis=1) + 1
        above = (ranks * (seen > 0)).sum(axis=1)
        smaller = np.minimum(above, n * (n + 1) // 2 - above)
        p_rank[:, column] = np.minimum(1.0, 2 * signed_rank_cdf(n)[smaller])
        t = np.abs(seen.mean(axis=1)) / (seen.std(axis=1, ddof=1) / math.sqrt(n))
        p_t[:, column] = 2 * special.stdtr(n - 1, -t)
    return p_rank, p_t
