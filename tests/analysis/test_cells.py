from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from harness.analysis.cells import KEYS, baseline_key, group_by_cell, key_of, summaries
from harness.records import (
    CpuRequest,
    DelegateRequest,
    Measurement,
    ModelRef,
    Purpose,
    Result,
    RunLengths,
    Status,
    Trial,
)
from harness.records.causes import Cause


def result(
    value: float | None,
    *,
    delegate: str = "cpu",
    status: Status = Status.OK,
    purpose: Purpose = Purpose.LATENCY,
    process: int = 0,
    threads: int = 1,
) -> Result:
    return Result(
        trial=Trial(
            trial_id=f"{delegate}{threads}{purpose}{process}",
            device="d",
            model=ModelRef(name="m", path="m", sha256="0", size_bytes=0),
            delegate=DelegateRequest(name=delegate),
            threads=threads,
            cpus=CpuRequest(label="all", mask=1),
            purpose=purpose,
            process=process,
            block=0,
            run=RunLengths(),
        ),
        status=status,
        causes=() if status is Status.OK else (Cause.THROTTLED,),
        measurement=Measurement(inference_avg_us=value),
        started_at=datetime.now(UTC),
        duration_s=1.0,
    )


def test_a_cells_value_is_the_median_over_its_processes() -> None:
    (cell,) = summaries([result(value, process=i) for i, value in enumerate([10.0, 30.0, 20.0])])
    assert cell.median_us == 20.0
    assert cell.spread == 1.0


def test_only_good_latency_processes_count() -> None:
    (cell,) = summaries(
        [
            result(10.0),
            result(1.0, status=Status.INVALID, process=1),
            result(2.0, status=Status.FAILED, process=2),
            result(3.0, purpose=Purpose.PROFILE),
            result(None, process=3),
        ]
    )
    assert cell.values_us == (10.0,)
    assert cell.spread is None
    assert cell.statuses == {Status.OK: 3, Status.INVALID: 1, Status.FAILED: 1}
    assert cell.causes == ("throttled",)


def test_without_a_good_process_there_is_no_number() -> None:
    (cell,) = summaries([result(10.0, status=Status.INVALID)])
    assert (cell.median_us, cell.values_us) == (None, ())


def test_the_baseline_is_the_cell_that_differs_only_in_what_it_fixes() -> None:
    keys = {
        (delegate, threads): key_of(result(1.0, delegate=delegate, threads=threads).trial)
        for delegate in ("cpu", "xnnpack")
        for threads in (1, 2)
    }
    head = keys["xnnpack", 2]
    assert baseline_key(head, keys.values(), {"delegate": "cpu"}) is keys["cpu", 2]
    assert baseline_key(head, keys.values(), {"delegate": "cpu", "threads": 1}) is keys["cpu", 1]
    assert baseline_key(head, keys.values(), {"delegate": "xnnpack"}) is head
    assert baseline_key(head, keys.values(), {"delegate": "gpu"}) is None
    assert baseline_key(head, keys.values(), None) is None


def test_one_synthetic_process_marks_the_cell() -> None:
    measured, replayed = result(10.0), replace(result(11.0, process=1), synthetic=True)
    assert [cell.synthetic for cell in summaries([measured, replayed])] == [True]
    assert [cell.synthetic for cell in summaries([measured])] == [False]


def test_five_processes_at_10_ms_and_five_at_15_ms_lie_at_12_and_a_half() -> None:
    (cell,) = summaries([result(value, process=i) for i, value in enumerate([10_000.0, 15_000.0] * 5)])
    assert cell.median_us == 12_500.0
    assert cell.spread == pytest.approx(0.4)


def test_a_latency_that_is_no_positive_number_does_not_count() -> None:
    odd = [result(value, process=i) for i, value in enumerate([0.0, -1.0, math.inf, math.nan])]
    assert [cell.values_us for cell in summaries(odd)] == [()]
    assert [cell.values_us for cell in summaries([*odd, result(3.0, process=9)])] == [(3.0,)]


def test_profiling_overhead_is_the_share_by_which_profiled_processes_were_slower() -> None:
    profiled = [result(value, purpose=Purpose.PROFILE, process=i) for i, value in enumerate([10.0, 12.0])]
    (cell,) = summaries([result(10.0), *profiled])
    assert cell.profiling_overhead == pytest.approx(0.1)
    assert [cell.profiling_overhead for cell in summaries(profiled)] == [None]
    assert [cell.profiling_overhead for cell in summaries([result(10.0)])] == [None]


def test_cells_come_in_the_order_in_which_they_first_appear_with_all_their_results() -> None:
    first, other, again = result(1.0, delegate="gpu"), result(2.0), result(3.0, delegate="gpu", process=1)
    cells = group_by_cell([first, other, again])
    assert [(cell.key.delegate, cell.mask, cell.results) for cell in cells] == [
        ("gpu", "1", (first, again)),
        ("cpu", "1", (other,)),
    ]


def test_the_key_of_a_cell_says_all_that_tells_it_from_another() -> None:
    model = replace(result(1.0).trial.model, variant="int8")
    trial = replace(result(1.0, threads=4).trial, model=model, binary="main", start="cold")
    key = key_of(trial)
    assert KEYS == ("model", "device", "delegate", "threads", "cpus", "binary", "variant")
    assert [getattr(key, name) for name in KEYS] == ["m", "d", "cpu, cold start", 4, "all", "main", "int8"]
    assert key_of(result(1.0).trial).binary == ""
