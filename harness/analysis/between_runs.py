"""How much runs of one device differ from each other, and comparisons of separate runs that allow for it. Pure.

Two runs cannot say how far apart they started. Several runs of what nobody changed can say how far apart runs usually start.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy import special

from harness.analysis.ratio_interval import Estimate


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


def allowing_for(spread: BetweenRuns, estimate: Estimate) -> Estimate:
    """Widen interval and p-value of two separate runs by their usual spread.

    Both the error within the runs and that between them are taken by Student's t with the degrees of freedom of the spread: a few runs say
    little of how far apart runs start.
    """
    if estimate.ratio is None or estimate.ci_low is None or estimate.ci_high is None:
        return estimate
    low, centre, high = (math.log(end) for end in (estimate.ci_low, estimate.ratio, estimate.ci_high))
    within = float(special.stdtrit(estimate.base_n + estimate.head_n - 2, 0.5 + estimate.level / 2))
    beyond = float(special.stdtrit(spread.freedom, 0.5 + estimate.level / 2))
    between = math.sqrt(2) * spread.deviation

    def reach(half: float) -> float:
        return beyond * math.hypot(half / within, between)

    error = math.hypot((high - low) / 2 / within, between)
    p_value = 2 * float(special.stdtr(spread.freedom, -abs(centre) / error)) if error else estimate.p_value
    return replace(
        estimate,
        ci_low=_exp(centre - reach(centre - low)),
        ci_high=_exp(centre + reach(high - centre)),
        p_value=max(p_value or 0.0, estimate.p_value or 0.0),
    )


def _exp(log: float) -> float:
    return math.exp(max(-700.0, min(700.0, log)))
