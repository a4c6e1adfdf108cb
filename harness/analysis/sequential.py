"""Keeps intervals and p-values valid for a run that looks after every block and stops when it likes. Pure.

Such stopping makes false verdicts more frequent than each look's level says. So each look uses a stricter level, the same at every look
(Pocock, Biometrika 64, 1977), chosen so that over all looks together the interval misses in at most 5 % of all experiments and the test
errs in at most 1 %: repeated confidence intervals (Jennison and Turnbull, Journal of the Royal Statistical Society B 51, 1989). They hold
whatever ends the run: a limit of time, a verdict or another cell. Every number of blocks from the smallest to the largest counts as a look.

The levels come from a simulation with a fixed seed. The rank test depends only on random signs, not on the distribution of the noise. The
t-test, used for fewer blocks than the rank test needs, is simulated with normal noise, the worst of the usual kinds: longer tails make the
test more careful (Benjamini, Journal of the American Statistical Association 78, 1983).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import special

from harness.analysis.ranks import Floats, signed_rank_cdf
from harness.analysis.ratio_interval import LEVEL, RANK_TEST_FROM, Estimate, joint_p, t_alone_p
from harness.records.adaptive_decisions import AdaptivePlan

METHOD = "repeated confidence intervals (Jennison and Turnbull 1989) at levels constant over the looks (Pocock 1977)"
"""Name of the method, recorded with every decision."""

_EXPERIMENTS = 20_000
_SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class Looks:
    """Corrects intervals and p-values for runs that chose their number of processes themselves.

    With several such runs, the strictest plan counts for all.
    """

    plans: tuple[AdaptivePlan, ...]

    @property
    def level(self) -> float:
        """Level of every interval, such that all looks together hold at `LEVEL`; without an adaptive run, `LEVEL` itself."""
        return max([LEVEL, *(look_level(one.min_blocks, one.max_blocks) for one in self.plans)])

    def corrected(self, estimate: Estimate) -> Estimate:
        """Return the estimate with a p-value that allows for all looks."""
        p_value = estimate.p_value
        if p_value is None or not self.plans:
            return estimate
        return replace(estimate, p_value=max(repeated_p(p_value, one.min_blocks, one.max_blocks) for one in self.plans))


@lru_cache(maxsize=64)
def look_level(min_blocks: int, max_blocks: int) -> float:
    """Return the level at each look with which all looks together miss in at most 5 % of all experiments.

    The first call takes half a second for a limit of 30 blocks, four seconds for 200.
    """
    p_rank, p_t = _null_p_values(max_blocks)
    return 1 - _interval_alpha(p_rank, p_t, range(min_blocks, max_blocks + 1), 1 - LEVEL)


def repeated_p(p_value: float, min_blocks: int, max_blocks: int) -> float:
    """Return the p-value that allows for a look after every block: without a difference, at most `u` with a chance of at most `u`.

    It is the share of experiments without a difference in which any look finds a p-value as small, so the correction for many cells applies
    to it. If the simulation has too few such experiments to tell, Bonferroni's correction for the number of looks is used.
    """
    smallest = _smallest_p(min_blocks, max_blocks)
    as_small = int(np.searchsorted(smallest, p_value, side="right"))
    counted = (max_blocks - min_blocks + 1) * p_value
    return max(p_value, min(1.0, counted, (as_small + 1) / (len(smallest) + 1)))


def _interval_alpha(p_rank: Floats, p_t: Floats, at: Sequence[int], total: float) -> float:
    """The largest error per look at which at most a share `total` of the experiments is ever missed."""
    allowed = math.floor(total * p_rank.shape[1])
    low, high = total / len(at) / 2, total
    for _ in range(25):
        middle = math.sqrt(low * high)
        # As in `paired`: the rank test's interval if it can miss so rarely, else the t-test's.
        used = ((p_rank if 2.0 ** (1 - n) <= middle else p_t)[n] for n in at)
        missed = np.logical_or.reduce([p <= middle for p in used]).sum()
        low, high = (middle, high) if missed <= allowed else (low, middle)
    return low


@lru_cache(maxsize=64)
def _smallest_p(min_blocks: int, max_blocks: int) -> Floats:
    return _smallest(*_null_p_values(max_blocks), range(min_blocks, max_blocks + 1))


def _smallest(p_rank: Floats, p_t: Floats, at: Sequence[int]) -> Floats:
    """The smallest p-value of each experiment over all looks, sorted."""
    looks = [joint_p(p_rank[n], p_t[n]) if n >= RANK_TEST_FROM else t_alone_p(p_t[n]) for n in at]
    return np.sort(np.minimum.reduce(looks))


@lru_cache(maxsize=1)  # 10 to 60 MB
def _null_p_values(max_blocks: int) -> tuple[Floats, Floats]:
    """P-values of the rank test and the t-test in experiments without a difference; row `n` has `n` blocks."""
    noise = np.random.default_rng(_SEED).standard_normal((max_blocks, _EXPERIMENTS))
    size, positive = np.abs(noise), noise > 0
    p_rank, p_t = np.ones((2, max_blocks + 1, _EXPERIMENTS))
    above = np.zeros(_EXPERIMENTS, dtype=np.int_)
    for n in range(1, max_blocks + 1):
        # The next value takes its rank among those before it and moves the larger ones up by one.
        larger = size[: n - 1] > size[n - 1]
        above += (larger & positive[: n - 1]).sum(axis=0) + positive[n - 1] * (n - larger.sum(axis=0))
        smaller = np.minimum(above, n * (n + 1) // 2 - above)
        p_rank[n] = np.minimum(1.0, 2 * signed_rank_cdf(n)[smaller])
        if n > 1:
            seen = noise[:n]
            t = np.abs(seen.mean(axis=0)) / (seen.std(axis=0, ddof=1) / math.sqrt(n))
            p_t[n] = 2 * special.stdtr(n - 1, -t)
    return p_rank, p_t
