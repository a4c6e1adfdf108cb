"""How much runs of one device differ from each other, and comparisons of separate runs that allow for it. Pure.

Two runs do not show how far apart they started. Several runs of what nobody changed show how far apart runs usually start.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.analysis import special
from harness.analysis.ranks import pairwise_differences
from harness.analysis.ratio_interval import Estimate
from harness.analysis.samples import LEVEL, UnpairedSample


@dataclass(frozen=True, slots=True, kw_only=True)
class BetweenRuns:
    """The spread of a cell between runs."""

    deviation: float
    """Standard deviation of the logarithm of a run's centre: 0.01 is about 1 %."""
    runs: int
    """Number of runs that it comes from."""

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the deviation."""
        return self.runs - 1


def between_runs(log_centres: Sequence[float]) -> BetweenRuns | None:
    """Estimate the spread from the logarithm of each run's centre; None with fewer than two runs.

    The noise within each run is part of it, which makes it a little too wide, never too narrow.
    """
    if len(log_centres) < 2:
        return None
    return BetweenRuns(deviation=statistics.stdev(log_centres), runs=len(log_centres))


def pooled_between_runs(groups: Iterable[Sequence[float]]) -> BetweenRuns | None:
    """Estimate the spread from several groups of runs. Within a group nobody changed anything; levels may differ between groups.

    `runs` is then one more than the degrees of freedom: fewer than the runs of all groups together. None if no group has two runs.

    Args:
        groups: the logarithm of each run's centre, by group.
    """
    known = [group for group in groups if len(group) >= 2]
    freedom = sum(len(group) - 1 for group in known)
    if not freedom:
        return None
    squares = sum(statistics.variance(group) * (len(group) - 1) for group in known)
    return BetweenRuns(deviation=math.sqrt(squares / freedom), runs=freedom + 1)


@dataclass(frozen=True, slots=True)
class SpreadSample(UnpairedSample):
    """Two separate runs and the known spread between runs: every claim and the interval allow for it.

    Student's t with the degrees of freedom of the spread scales both the error within the runs and the error between them, because a few
    runs say little about how far apart runs start. No claim is surer than without the spread.
    """

    spread: BetweenRuns

    def p_above(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at most `edge`"."""
        return max(UnpairedSample.p_above(self, edge), self._p(edge - self._centre))

    def p_below(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at least `edge`"."""
        return max(UnpairedSample.p_below(self, edge), self._p(self._centre - edge))

    def interval(self, level: float) -> tuple[float, float]:
        """Return both ends of the interval for the log ratio."""
        low, high = UnpairedSample.interval(self, level)
        reach = float(special.stdtrit(self.spread.freedom, 0.5 + level / 2))
        within = float(special.stdtrit(len(self.base) + len(self.head) - 2, 0.5 + level / 2))
        between = math.sqrt(2) * self.spread.deviation
        below, above = ((self._centre - low) / within, (high - self._centre) / within)
        return self._centre - reach * math.hypot(below, between), self._centre + reach * math.hypot(above, between)

    @property
    def _centre(self) -> float:
        return float(np.median(pairwise_differences(self.base, self.head)))

    def _p(self, distance: float) -> float:
        low, high = UnpairedSample.interval(self, LEVEL)
        within = float(special.stdtrit(len(self.base) + len(self.head) - 2, 0.5 + LEVEL / 2))
        error = math.hypot((high - low) / 2 / within, math.sqrt(2) * self.spread.deviation)
        if error == 0:
            return 0.0 if distance < 0 else 1.0
        return float(special.stdtr(self.spread.freedom, distance / error))


def allowing_for(spread: BetweenRuns, estimate: Estimate) -> Estimate:
    """Widen the interval and all claims on two separate runs by their usual spread."""
    if not isinstance(estimate.sample, UnpairedSample):
        return estimate
    sample = SpreadSample(estimate.sample.base, estimate.sample.head, spread)
    return replace(estimate, sample=sample).refreshed()
