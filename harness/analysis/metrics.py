"""What can be compared: one number per process, and which processes may give it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum

from harness.records import Measurement, Purpose, Result, Status
from harness.records.causes import Cause

_FALLBACKS = frozenset(
    {Cause.UNCONSUMED_FLAGS, Cause.DELEGATE_UNAVAILABLE, Cause.DELEGATE_NOT_APPLIED, Cause.DELEGATE_PARTIAL}
)
"""Causes for which something else ran than the delegate that was asked for, or, where all of the graph was asked for, than it alone."""


class Metric(StrEnum):
    """A number that one process of `benchmark_model` yields. For all of them less is better."""

    INFERENCE_AVG = "inference_avg"
    """Average of the timed inferences, in microseconds."""
    MEDIAN = "median"
    """Their median, where the tool prints one."""
    P5 = "p5"
    """Their 5th percentile, where the tool prints one."""
    P95 = "p95"
    """Their 95th percentile, where the tool prints one."""
    INIT = "init"
    """Loading and preparing the model, in microseconds."""
    FIRST_INFERENCE = "first_inference"
    """The first inference after that, in microseconds."""
    PEAK_MEMORY = "peak_memory"
    """Peak memory of the process, in the tool's megabytes: of processes run for memory, which watch it, where there are such."""
    MEMORY = "memory"
    """What the process grew by from its start to its end, in the tool's megabytes: every process says that."""

    @property
    def unit(self) -> str:
        """`us` or `mb`."""
        return "mb" if self in (Metric.PEAK_MEMORY, Metric.MEMORY) else "us"

    @property
    def words(self) -> str:
        """As a person would say it."""
        return _WORDS[self]


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
    """The metric, or None where the output does not say it."""
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
    """Peak of the process: by periodic monitoring where the tool has it, else the older tools' own line."""
    memory = measurement.memory
    return memory.periodic_peak_mb if memory.periodic_peak_mb is not None else memory.overall_peak_mb


def purpose_for(results: Iterable[Result], metric: Metric) -> Purpose:
    """Choose whose processes give the metric: those run for memory if memory is asked and there are any, else those run for latency."""
    if metric is Metric.PEAK_MEMORY and any(result.trial.purpose is Purpose.MEMORY for result in results):
        return Purpose.MEMORY
    return Purpose.LATENCY


def is_good(result: Result, purpose: Purpose) -> bool:
    """Whether a process counts: it is ok, was run for the purpose, and said something. Every number of the harness asks this first."""
    return result.status is Status.OK and result.trial.purpose is purpose and result.measurement is not None


def counts(result: Result, metric: Metric, purpose: Purpose) -> float | None:
    """The metric of a process that counts, if the value is positive and finite; else None."""
    return _usable(result, metric) if is_good(result, purpose) else None


def counted(results: Iterable[Result], metric: Metric, purpose: Purpose) -> list[float]:
    """The metric of all processes that count, in the order given."""
    return [value for result in results if (value := counts(result, metric, purpose)) is not None]


def shown(result: Result, metric: Metric, purpose: Purpose) -> float | None:
    """The metric of a process that counts, or that is invalid but ran what was asked: that may be shown, marked, and never counts.

    A failed process shows nothing, whatever it printed, nor does one in which something else ran than the delegate that was asked for.
    """
    if result.status is Status.INVALID and result.trial.purpose is purpose and ran_as_asked(result):
        return _usable(result, metric)
    return counts(result, metric, purpose)


def ran_as_asked(result: Result) -> bool:
    """Whether the numbers are those of the delegate that was asked for: a fallback to the CPU has numbers too, and good ones."""
    if result.status is Status.OK:
        return True
    if not _FALLBACKS.isdisjoint(result.causes):
        return False
    uses = result.measurement.delegates if result.measurement else ()
    return result.trial.delegate.name != "cpu" or all(use.applied in ("none", "failed") for use in uses)


def _usable(result: Result, metric: Metric) -> float | None:
    value = value_of(result.measurement, metric) if result.measurement is not None else None
    return value if value is not None and 0 < value < math.inf else None
