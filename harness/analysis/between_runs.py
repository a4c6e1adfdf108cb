"""How much runs of one device differ from each other, and comparisons of separate runs that allow for it. Pure.

Two runs cannot say how far apart they started. Several runs of what nobody changed can say how far apart runs usually start.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy import special

from harness.analysis.ratio_interval import Estimate, Sample


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


@dataclass(frozen=True, slots=True)
class SpreadSample:
    """Two separate runs, with their usual spread as an error of its own.

    The error within the runs and that between them are taken by Student's t with the degrees of freedom of the spread: a few runs say little
    of how far apart runs start. The p-values within the runs count as well, whichever is larger.
    """

    inner: Sample
    centre: float
    """Log ratio."""
    within: float
    """Standard error within the runs."""
    spread: BetweenRuns

    @property
    def paired(self) -> bool:
        """Never: the runs are separate."""
        return False

    @property
    def size(self) -> int:
        """Number of processes of the smaller side."""
        return self.inner.size

    def p_above(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at most `edge`"."""
        return max(self.inner.p_above(edge), self._t_p(self.centre - edge))

    def p_below(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at least `edge`"."""
        return max(self.inner.p_below(edge), self._t_p(edge - self.centre))

    def p_within(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at least `edge` away from 0"."""
        return max(self.inner.p_within(edge), self._t_p(edge - self.centre), self._t_p(edge + self.centre))

    def interval(self, level: float) -> tuple[float, float]:
        """Return both ends of the interval for the log ratio."""
        low, high = self.inner.interval(level)
        half = float(special.stdtrit(self.spread.freedom, 0.5 + level / 2)) * self._error
        return min(low, self.centre - half), max(high, self.centre + half)

    @property
    def _error(self) -> float:
        return math.hypot(self.within, math.sqrt(2) * self.spread.deviation)

    def _t_p(self, distance: float) -> float:
        if self._error == 0:
            return 0.0 if distance > 0 else 1.0
        return float(special.stdtr(self.spread.freedom, -distance / self._error))


def allowing_for(spread: BetweenRuns, estimate: Estimate) -> Estimate:
    """Return the estimate of two separate runs with their usual spread allowed for, in its interval and in all its tests."""
    if estimate.sample is None or estimate.ratio is None or estimate.ci_low is None or estimate.ci_high is None:
        return estimate
    half = (math.log(estimate.ci_high) - math.log(estimate.ci_low)) / 2 - estimate.slack
    within = half / float(special.stdtrit(estimate.base_n + estimate.head_n - 2, 0.5 + estimate.level / 2))
    sample = SpreadSample(estimate.sample, math.log(estimate.ratio), within, spread)
    return replace(estimate, sample=sample).refreshed()
