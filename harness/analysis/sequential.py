"""Keeps verdicts and intervals valid for a run that looks after every block and stops when it knows enough. Pure.

Such stopping makes false verdicts more frequent than each look's p-value says. So a look's p-value counts as the share of experiments
without any difference in which *any* look finds one as small (a level that is constant over the looks: Pocock, Biometrika 64, 1977; valid
whatever ends the run: Jennison and Turnbull, Journal of the Royal Statistical Society B 51, 1989). Every number of blocks from the smallest
to the largest counts as a look.

The shares come from a simulation with a fixed seed. The rank test depends only on random signs, not on the distribution of the noise. The
t-test is simulated with normal noise, the worst of the usual kinds: longer tails make it more careful (Benjamini, Journal of the American
Statistical Association 78, 1983).

An interval need not hold at every look, only where a run stops. `LOOK_LEVEL` was found by simulating the rules of `stopping`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from harness.analysis import special
from harness.analysis.one_sided import RANK_TEST_FROM, T_ALONE_SHARE, joint_p, least_paired_t
from harness.analysis.ranks import Floats, signed_rank_cdf
from harness.analysis.ratio_interval import Estimate
from harness.analysis.samples import LEVEL
from harness.records.adaptive_decisions import AdaptivePlan

LOOK_LEVEL = 0.97
"""Level of the interval at each look. Where a run stops by the rules of `stopping`, it holds the truth in 93 % or more of all experiments
(docs/statistics.md)."""

METHOD = "stops at a plain interval of 93 %; reports one of 97 % and p-values constant over the looks (Pocock 1977)"
"""Name of the method, recorded with every decision."""

_EXPERIMENTS = 100_000
_EXPERIMENTS_OF_MANY = 20_000
_MANY = 60
"""With more blocks than this, fewer experiments are simulated: time grows with the square."""
_SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class Looks:
    """Corrects estimates from runs that chose their number of processes themselves."""

    plans: tuple[AdaptivePlan, ...]

    @property
    def level(self) -> float:
        """Level of every interval; without an adaptive run, `LEVEL`."""
        return LOOK_LEVEL if self.plans else LEVEL

    def corrected(self, estimate: Estimate) -> Estimate:
        """Return the estimate such that `allowing_for` corrects its p-values for all looks."""
        return replace(estimate, looks=tuple((one.min_blocks, one.max_blocks) for one in self.plans))


def allowing_for(looks: Sequence[tuple[int, int]], p_value: float) -> float:
    """Return the p-value that allows for all looks of all runs; with several such runs, the strictest plan counts."""
    return max([p_value, *(repeated_p(p_value, *one) for one in looks)])


def repeated_p(p_value: float, min_blocks: int, max_blocks: int) -> float:
    """Return the p-value that allows for a look after every block: on the edge, at most `u` with a chance of at most `u`.

    If the simulation has too few experiments to tell, Bonferroni's correction for the number of looks is used.
    """
    smallest = _smallest_p(min_blocks, max_blocks)
    as_small = int(np.searchsorted(smallest, p_value, side="right"))
    counted = (max_blocks - min_blocks + 1) * p_value
    return max(p_value, min(counted, (as_small + 1) / (len(smallest) + 1)))


@lru_cache(maxsize=256)
def look_alpha(alpha: float, min_blocks: int, max_blocks: int) -> float:
    """Return the largest p-value of a single look that is still at most `alpha` when all looks are allowed for."""
    low, high = 0.0, alpha
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if repeated_p(middle, min_blocks, max_blocks) <= alpha else (low, middle)
    return low


@lru_cache(maxsize=64)
def _smallest_p(min_blocks: int, max_blocks: int) -> Floats:
    """Return the smallest one-sided p-value over all looks of each experiment on the edge, sorted.

    The first call takes a second for a limit of 30 blocks, four seconds for 200.
    """
    experiments = _EXPERIMENTS if max_blocks <= _MANY else _EXPERIMENTS_OF_MANY
    noise = np.random.default_rng(_SEED).standard_normal((max_blocks, experiments))
    size, negative = np.abs(noise), noise < 0
    smallest = np.ones(experiments)
    below = np.zeros(experiments, dtype=np.int_)
    for n in range(1, max_blocks + 1):
        # One more value takes its rank among those before it and moves the larger ones up by one.
        larger = size[: n - 1] > size[n - 1]
        below += (larger & negative[: n - 1]).sum(axis=0) + negative[n - 1] * (n - larger.sum(axis=0))
        if n < max(2, min_blocks):
            continue
        seen = noise[:n]
        t = seen.mean(axis=0) / (seen.std(axis=0, ddof=1) / math.sqrt(n))
        p_t = np.maximum(special.stdtr(n - 1, -t), least_paired_t(n))
        p_look = joint_p(signed_rank_cdf(n)[below], p_t) if n >= RANK_TEST_FROM else p_t / T_ALONE_SHARE
        smallest = np.minimum(smallest, p_look)
    return np.sort(smallest)
