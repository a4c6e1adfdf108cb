from __future__ import annotations

from datetime import UTC, datetime

from harness.analysis.cells import baseline_of, summaries
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
    found = summaries(
        [
            result(40.0),
            result(20.0, threads=2),
            result(10.0, delegate="xnnpack"),
            result(5.0, delegate="xnnpack", threads=2),
        ]
    )
    by_key = {(cell.key.delegate, cell.key.threads): cell for cell in found}
    assert baseline_of(by_key["xnnpack", 2], found, {"delegate": "cpu"}) is by_key["cpu", 2]
    assert baseline_of(by_key["xnnpack", 2], found, {"delegate": "cpu", "threads": 1}) is by_key["cpu", 1]
    assert baseline_of(by_key["xnnpack", 2], found, {"delegate": "gpu"}) is None
    assert baseline_of(by_key["xnnpack", 2], found, None) is None
