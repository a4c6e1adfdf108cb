from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.analysis.metrics import Metric, counted, counts, is_good, purpose_for, ran_as_asked, shown, value_of
from harness.records import DelegateApplied, DelegateUse, Measurement, Memory, Purpose, RunStatistics, Status
from harness.records.causes import Cause
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


def test_one_rule_says_what_counts() -> None:
    good = result(5.0)
    assert is_good(good, Purpose.LATENCY)
    assert not is_good(good, Purpose.PROFILE)
    assert not is_good(replace(good, measurement=None), Purpose.LATENCY)
    assert not any(is_good(replace(good, status=status), Purpose.LATENCY) for status in Status if status != Status.OK)
    profiled, invalid = result(6.0, purpose=Purpose.PROFILE), result(7.0, status=Status.INVALID)
    every = [good, profiled, invalid, result(0.0), result(8.0, block=1)]
    assert counted(every, Metric.INFERENCE_AVG, Purpose.LATENCY) == [5.0, 8.0]
    assert counted(every, Metric.INFERENCE_AVG, Purpose.PROFILE) == [6.0]
    assert counted(every, Metric.INIT, Purpose.LATENCY) == [50.0, 80.0]


def test_what_counts_is_shown_and_so_is_what_ran_as_asked() -> None:
    invalid = result(7.0, status=Status.INVALID, causes=(Cause.THROTTLED,), delegate="gpu")
    assert shown(result(5.0), Metric.INFERENCE_AVG, Purpose.LATENCY) == 5.0
    assert shown(invalid, Metric.INFERENCE_AVG, Purpose.LATENCY) == 7.0
    assert counts(invalid, Metric.INFERENCE_AVG, Purpose.LATENCY) is None
    assert shown(invalid, Metric.INFERENCE_AVG, Purpose.PROFILE) is None
    for status in (Status.FAILED, Status.SKIPPED):
        assert shown(replace(invalid, status=status), Metric.INFERENCE_AVG, Purpose.LATENCY) is None
    assert shown(replace(invalid, measurement=None), Metric.INFERENCE_AVG, Purpose.LATENCY) is None
    assert shown(result(0.0, status=Status.INVALID), Metric.INFERENCE_AVG, Purpose.LATENCY) is None


@pytest.mark.parametrize(
    "cause",
    [
        Cause.UNCONSUMED_FLAGS,
        Cause.DELEGATE_UNAVAILABLE,
        Cause.DELEGATE_NOT_APPLIED,
        Cause.DELEGATE_PARTIAL,
    ],
)
def test_a_fallback_is_not_what_was_asked_for(cause: Cause) -> None:
    one = result(7.0, status=Status.INVALID, causes=(Cause.THROTTLED, cause), delegate="gpu")
    assert not ran_as_asked(one)
    assert shown(one, Metric.INFERENCE_AVG, Purpose.LATENCY) is None


def test_built_in_kernels_were_asked_for_and_a_delegate_ran() -> None:
    def used(delegate: str, *applied: DelegateApplied, status: Status = Status.INVALID) -> bool:
        one = result(7.0, status=status, delegate=delegate)
        uses = tuple(DelegateUse(name="XNNPACK", applied=each) for each in applied)
        return ran_as_asked(replace(one, measurement=Measurement(delegates=uses)))

    assert used("cpu")
    assert used("cpu", "none", "failed")
    assert not used("cpu", "none", "implicit")
    assert not used("cpu", "full")
    assert used("gpu", "full")
    assert used("cpu", "implicit", status=Status.OK)
    assert ran_as_asked(replace(result(1.0, status=Status.INVALID), measurement=None))
