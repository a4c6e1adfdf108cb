from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.analysis.metrics import Metric, counts, purpose_for, value_of
from harness.records import Measurement, Memory, Purpose, RunStatistics, Status
from tests.analysis.made_up import result


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (Metric.INFERENCE_AVG, 100.0),
        (Metric.MEDIAN, 90.0),
        (Metric.P95, 150.0),
        (Metric.INIT, 1000.0),
        (Metric.FIRST_INFERENCE, 200.0),
        (Metric.PEAK_MEMORY, None),
        (Metric.MEMORY, None),
    ],
)
def test_each_metric_reads_its_own_number(metric: Metric, expected: float | None) -> None:
    one = result(100.0)
    assert counts(one, metric, Purpose.LATENCY) == expected
    assert metric.words
    assert metric.unit == ("mb" if "memory" in metric else "us")


def test_memory_is_of_the_memory_processes_where_there_are_any() -> None:
    watched = replace(
        result(100.0, purpose=Purpose.MEMORY), measurement=Measurement(memory=Memory(periodic_peak_mb=40.0))
    )
    assert purpose_for([result(100.0), watched], Metric.PEAK_MEMORY) is Purpose.MEMORY
    assert purpose_for([result(100.0), watched], Metric.INIT) is Purpose.LATENCY
    assert purpose_for([result(100.0)], Metric.PEAK_MEMORY) is Purpose.LATENCY
    assert counts(watched, Metric.PEAK_MEMORY, Purpose.MEMORY) == 40.0
    assert value_of(Measurement(memory=Memory(overall_delta_mb=12.5)), Metric.MEMORY) == 12.5
    assert purpose_for([result(100.0), watched], Metric.MEMORY) is Purpose.LATENCY
    assert value_of(Measurement(runs=RunStatistics(count=9, p5=3.0)), Metric.P5) == 3.0
    assert value_of(Measurement(), Metric.P5) is None
    assert value_of(Measurement(memory=Memory(overall_peak_mb=38.0)), Metric.PEAK_MEMORY) == 38.0


def test_what_is_not_ok_or_not_positive_never_counts() -> None:
    assert counts(result(5.0, status=Status.INVALID), Metric.INFERENCE_AVG, Purpose.LATENCY) is None
    assert counts(result(0.0), Metric.INFERENCE_AVG, Purpose.LATENCY) is None
    assert counts(result(math.inf), Metric.INFERENCE_AVG, Purpose.LATENCY) is None
    assert counts(result(math.nan), Metric.INFERENCE_AVG, Purpose.LATENCY) is None
    assert counts(result(None), Metric.MEDIAN, Purpose.LATENCY) is None
    assert counts(replace(result(5.0), measurement=None), Metric.INFERENCE_AVG, Purpose.LATENCY) is None
