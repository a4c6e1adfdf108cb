"""What can be compared: one number per process, and which processes may give it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum

from harness.records import Measurement, Purpose, Result, Status


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
    memory = measurement.memory
    if metric is Metric.MEMORY:
        return memory.overall_delta_mb
    return memory.periodic_peak_mb if memory.periodic_peak_mb is not None else memory.overall_peak_mb


def purpose_for(results: Iterable[Result], metric: Metric) -> Purpose:
    """Whose processes give the metric: those run for memory where memory is asked and such were run, else those run for latency."""
    if metric is Metric.PEAK_MEMORY and any(result.trial.purpose is Purpose.MEMORY for result in results):
        return Purpose.MEMORY
    return Purpose.LATENCY


def counts(result: Result, metric: Metric, purpose: Purpose) -> float | None:
    """The metric of a process that may count: it is ok, of the purpose, and its value is positive and finite. Else None."""
    if result.status is not Status.OK or result.trial.purpose is not purpose or result.measurement is None:
        return None
    value = value_of(result.measurement, metric)
    return value if value is not None and 0 < value < math.inf else None
