"""Metrics: one number per process, and the rule that says which processes count. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum

from harness.records import Measurement, Purpose, Result, Status
from harness.records.causes import Cause

_FALLBACKS = frozenset(
    {Cause.UNCONSUMED_FLAGS, Cause.DELEGATE_UNAVAILABLE, Cause.DELEGATE_NOT_APPLIED, Cause.DELEGATE_PARTIAL}
)
"""Causes that say that the requested delegate did not run, or did not run the whole graph although it should."""


class Metric(StrEnum):
    """A number that one process of `benchmark_model` reports. Less is better for every one."""

    INFERENCE_AVG = "inference_avg"
    """Average of the timed inferences, in microseconds."""
    MEDIAN = "median"
    """Their median, if the tool prints one."""
    P5 = "p5"
    """Their 5th percentile, if the tool prints one."""
    P95 = "p95"
    """Their 95th percentile, if the tool prints one."""
    INIT = "init"
    """Time to load and prepare the model, in microseconds."""
    FIRST_INFERENCE = "first_inference"
    """The first inference after that, in microseconds."""
    PEAK_MEMORY = "peak_memory"
    """Peak memory in the tool's megabytes. Read from the processes run for memory, which sample it, if there are any."""
    MEMORY = "memory"
    """Growth of the process from start to end in the tool's megabytes. Every process reports it."""

    @property
    def unit(self) -> str:
        """`us` or `mb`."""
        return "mb" if self in (Metric.PEAK_MEMORY, Metric.MEMORY) else "us"

    @property
    def words(self) -> str:
        """Name for people."""
        return _WORDS[self]

    @property
    def may_be_zero(self) -> bool:
        """Whether zero and less are real values, as for memory that did not grow."""
        return self is Metric.MEMORY

    @property
    def resolution(self) -> float:
        """The smallest difference that tables show, in the metric's unit."""
        return 0.1 if self.unit == "mb" else 1.0


_WORDS = {
    Metric.INFERENCE_AVG: "average latency",
    Metric.MEDIAN: "median latency",
    Metric.P5: "5th percentile of the latency",
    Metric.P95: "95th percentile of the latency",
    Metric.INIT: "initialisation",
    Metric.FIRST_INFERENCE: "first inference",
    Metric.PEAK_MEMORY: "peak memory",
    Metric.MEMORY: "memory",
}


def value_of(measurement: Measurement, metric: Metric) -> float | None:
    """Return a metric, or None if the output does not report it."""
    runs = measurement.runs
    if metric is Metric.INFERENCE_AVG:
        return measurement.inference_avg_us
    if metric is Metric.INIT:
        return measurement.init_us
    if metric is Metric.FIRST_INFERENCE:
        return measurement.first_inference_us
    if metric is Metric.MEDIAN:
        return runs.median if runs else None
    if metric is Metric.P5:
        return runs.p5 if runs else None
    if metric is Metric.P95:
        return runs.p95 if runs else None
    if metric is Metric.MEMORY:
        return measurement.memory.overall_delta_mb
    return peak_memory_mb(measurement)


def peak_memory_mb(measurement: Measurement) -> float | None:
    """Return the peak by periodic monitoring, else the one that older tools print."""
    memory = measurement.memory
    return memory.periodic_peak_mb if memory.periodic_peak_mb is not None else memory.overall_peak_mb


def purpose_for(results: Iterable[Result], metric: Metric) -> Purpose:
    """Choose which processes give the metric: for peak memory those run for memory, if there are any; else those run for latency."""
    if metric is Metric.PEAK_MEMORY and any(result.trial.purpose is Purpose.MEMORY for result in results):
        return Purpose.MEMORY
    return Purpose.LATENCY


def is_good(result: Result, purpose: Purpose) -> bool:
    """Say whether a process counts: it is ok, ran for the purpose and reported numbers. Every number of the harness passes this rule."""
    return result.status is Status.OK and result.trial.purpose is purpose and result.measurement is not None


def counts(result: Result, metric: Metric, purpose: Purpose) -> float | None:
    """Return the metric of a process that counts, if the value is positive and finite; else None."""
    return _usable(result, metric) if is_good(result, purpose) else None


def reported(result: Result, metric: Metric, purpose: Purpose) -> float | None:
    """Return the metric of a process that counts, whatever number that is; None if its output reports none."""
    if not is_good(result, purpose) or result.measurement is None:
        return None
    return value_of(result.measurement, metric)


def counted(results: Iterable[Result], metric: Metric, purpose: Purpose) -> list[float]:
    """Return the metric of all processes that count, in the order given."""
    return [value for result in results if (value := counts(result, metric, purpose)) is not None]


def shown(result: Result, metric: Metric, purpose: Purpose) -> float | None:
    """Return the metric of a process that may be shown: one that counts, or an invalid one that ran as asked.

    Mark the value of an invalid process; it never counts. Failed processes, and those where the requested delegate did not run, give None.
    """
    if result.status is Status.INVALID and result.trial.purpose is purpose and ran_as_asked(result):
        return _usable(result, metric)
    return counts(result, metric, purpose)


def ran_as_asked(result: Result) -> bool:
    """Say whether the numbers are the requested delegate's: a fallback to the CPU gives plausible numbers too."""
    if result.status is Status.OK:
        return True
    if not _FALLBACKS.isdisjoint(result.causes):
        return False
    uses = result.measurement.delegates if result.measurement else ()
    return result.trial.delegate.name != "cpu" or all(use.applied in ("none", "failed") for use in uses)


def _usable(result: Result, metric: Metric) -> float | None:
    value = value_of(result.measurement, metric) if result.measurement is not None else None
    return value if value is not None and 0 < value < math.inf else None
