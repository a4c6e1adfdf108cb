"""A series as numbers: each night's value on the scale where noise adds, and its error by the night's own processes. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.metrics import Metric
from harness.analysis.ranks import Floats
from harness.records.history import NightEstimate, Series

_MEDIAN_ERROR = math.sqrt(math.pi / 2)
"""Standard error of a median over that of a mean, of many normal values."""
_PRIOR_PROCESSES = 4
"""Number of processes with the series' usual spread that count beside a night's own: the spread of three says little."""
_NORMAL_95 = 1.96
_LEAST_LOG_SPREAD = 5e-4
"""Between nights, as a logarithm: nights that agree better than 0.05 % do so by chance, or because their values are printed in steps."""
_MAX_LOG = 700.0
_MOST_MB = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    """The nights of a series that can be held against each other, oldest first. All arrays are aligned."""

    estimates: tuple[NightEstimate, ...]
    values: Floats
    """Logarithms; in the metric's own unit if `logs` is false."""
    errors: Floats
    """Standard error of each value between the processes of its night; 0 where nothing is known of it."""
    logs: bool
    least_spread: float
    """Smallest believable standard deviation between nights."""
    least_effect: float
    """Smallest change worth reporting, on the scale of `values`. If `logs` is false: `share` of the level before, but at least this."""
    share: float
    """The same as a fraction of the level."""
    left_out: int
    """Nights that have no place on this scale: zero or less, of a metric that never is; not finite; more memory than there is."""

    def __len__(self) -> int:
        return len(self.estimates)

    def effect_at(self, level: float) -> float:
        """Smallest change from a level that is worth reporting, on the scale of `values`."""
        return self.least_effect if self.logs else max(self.least_effect, self.share * abs(level))

    def shown(self, value: float) -> float:
        """Return a value of this scale in the metric's unit."""
        return exp(value) if self.logs else value

    def ratio(self, before: float, difference: float) -> float:
        """Return the ratio for a difference from a level, on the scale of `values`.

        Growth of memory may be zero or less and has no ratio then. Instead, the difference is compared with the larger of both levels; as
        with every ratio, more memory gives a number above 1.
        """
        if self.logs:
            return exp(difference)
        after = before + difference
        if before > self.least_effect and after > self.least_effect:
            return after / before
        size = abs(difference) / max(abs(before), abs(after), self.least_effect)
        return 1 + size if difference >= 0 else 1 / (1 + size)


def exp(log: float) -> float:
    """Return the exponential, limited to what a float can hold."""
    return math.exp(max(-_MAX_LOG, min(_MAX_LOG, log)))


def nights_of(series: Series, estimates: Sequence[NightEstimate], *, min_effect: float) -> Nights:
    """Return some nights of a series as numbers, oldest first; of nights that began at the same time, in the order of their run ids.

    Args:
        series: the series, for its metric.
        estimates: those of its nights that may be held against each other.
        min_effect: smallest change worth reporting: 0.005 is 0.5 %.
    """
    ordered = sorted(estimates, key=lambda one: (one.at, one.run_id))
    logs = series.key.metric != Metric.MEMORY
    kept = tuple(
        one for one in ordered if math.isfinite(one.value) and (one.value > 0 if logs else abs(one.value) <= _MOST_MB)
    )
    step = Metric.MEMORY.resolution
    values = np.array([math.log(one.value) if logs else one.value for one in kept], dtype=np.float64)
    return Nights(
        estimates=kept,
        values=values,
        errors=_log_errors(kept) if logs else _plain_errors(kept),
        logs=logs,
        least_spread=_LEAST_LOG_SPREAD if logs else step / 4,
        least_effect=math.log1p(min_effect) if logs else step,
        share=min_effect,
        left_out=len(estimates) - len(kept),
    )


def _log_errors(nights: Sequence[NightEstimate]) -> Floats:
    spreads = np.array([math.nan if one.spread is None else abs(one.spread) for one in nights], dtype=np.float64)
    counts = np.array([max(1, one.processes) for one in nights], dtype=np.float64)
    known = np.isfinite(spreads)
    if not known.any():
        return np.zeros(len(nights))
    spreads = np.minimum(spreads, _MAX_LOG)
    usual = float(np.median(spreads[known]))
    own = np.where(known, spreads, usual)
    pooled = np.sqrt(((counts - 1) * own**2 + _PRIOR_PROCESSES * usual**2) / (counts - 1 + _PRIOR_PROCESSES))
    few = np.where(counts < 3, 1.0, _MEDIAN_ERROR)  # the median of one or two values is their mean
    return np.asarray(few * pooled / np.sqrt(counts), dtype=np.float64)


def _plain_errors(nights: Sequence[NightEstimate]) -> Floats:
    """Errors in the metric's own unit: the spread of logarithms says nothing about memory."""
    found = np.array(
        [
            math.nan if one.ci_low is None or one.ci_high is None else (one.ci_high - one.ci_low) / (2 * _NORMAL_95)
            for one in nights
        ],
        dtype=np.float64,
    )
    known = np.isfinite(found)
    if not known.any():
        return np.zeros(len(nights))
    sizes = np.minimum(np.abs(found), _MOST_MB)
    return np.where(known, sizes, float(np.median(sizes[known])))
