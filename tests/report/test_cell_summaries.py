from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis.metrics import Metric, shown
from harness.records import DelegateRequest, DelegateUse, ModelRef, Purpose, Result, Status, Trial
from harness.records.causes import Cause
from harness.report.cell_summaries import ReportCell, baseline_as_shown, report_cells
from harness.runs.run_store import Run
from tests.report.runs import PHONE, demo_results, demo_run, measurement_of, model_ref, trial_of, write_run

CPU = DelegateRequest(name="cpu")


def _results(values: dict[int, tuple[Status, float | None]], model: ModelRef | None = None) -> list[Result]:
    model = model or model_ref("m")
    template = demo_results((model,), (PHONE,))[0]
    return [
        replace(
            template,
            trial=trial_of(PHONE.serial, model, CPU, 1, process=process),
            status=status,
            causes=() if status is Status.OK else (Cause.UNKNOWN,),
            measurement=None if us is None else measurement_of(us),
        )
        for process, (status, us) in values.items()
    ]


def _only_cell(tmp_path: Path, results: list[Result], pending: tuple[Trial, ...] = ()) -> ReportCell:
    [cell] = report_cells(write_run(tmp_path / "run", results, devices=(PHONE,), pending=pending))
    return cell


def test_the_latency_is_the_median_over_processes_that_are_ok(tmp_path: Path) -> None:
    values: dict[int, tuple[Status, float | None]] = {
        0: (Status.OK, 10.0),
        1: (Status.OK, 14.0),
        2: (Status.FAILED, 1.0),
        3: (Status.INVALID, 99.0),
        4: (Status.OK, 11.0),
    }
    cell = _only_cell(tmp_path, _results(values))
    assert cell.state == "ok"
    assert cell.latency is not None
    assert (cell.latency.centre, cell.latency.low, cell.latency.high, cell.latency.count) == (11.0, 10.0, 14.0, 3)
    assert cell.latency.relative == pytest.approx(4 / 11)


def test_a_failed_cell_has_no_latency_even_where_the_tool_printed_one(tmp_path: Path) -> None:
    cell = _only_cell(tmp_path, _results({0: (Status.FAILED, 5.0), 1: (Status.FAILED, 6.0)}))
    assert cell.state == "failed"
    assert cell.latency is None
    assert cell.init_us is None
    assert cell.first_inference_us is None
    assert [shown(result, Metric.INFERENCE_AVG, Purpose.LATENCY) for result in cell.results] == [None, None]


def test_an_invalid_cell_keeps_its_number_and_says_so(tmp_path: Path) -> None:
    cell = _only_cell(tmp_path, _results({0: (Status.INVALID, 5.0), 1: (Status.FAILED, 6.0)}))
    assert cell.state == "invalid"
    assert cell.latency is not None
    assert cell.latency.centre == 5.0


def test_a_process_that_never_ran_is_pending(tmp_path: Path) -> None:
    missing = trial_of(PHONE.serial, model_ref("m"), CPU, 1, process=7)
    cell = _only_cell(tmp_path, _results({0: (Status.OK, 5.0)}), (missing,))
    assert dict(cell.outcomes(Purpose.LATENCY)) == {"ok": 1, "pending": 1}
    empty = write_run(tmp_path / "empty", [], devices=(PHONE,), pending=(missing,))
    assert [cell.state for cell in report_cells(empty)] == ["pending"]


def test_a_cell_that_was_only_profiled_has_no_latency(tmp_path: Path) -> None:
    [result] = _results({0: (Status.OK, 5.0)})
    trial = trial_of(PHONE.serial, model_ref("m"), CPU, 1, Purpose.PROFILE)
    cell = _only_cell(tmp_path, [replace(result, trial=trial)])
    assert cell.state == "unmeasured"
    assert cell.latency is None


def test_two_files_of_one_name_are_two_cells(tmp_path: Path) -> None:
    other = replace(model_ref("m"), sha256="f" * 64)
    first, second = _results({0: (Status.OK, 5.0)}), _results({0: (Status.OK, 6.0)}, other)
    second = [replace(r, trial=replace(r.trial, trial_id="other")) for r in second]
    names = [cell.key.model for cell in report_cells(write_run(tmp_path / "run", first + second, devices=(PHONE,)))]
    assert len(set(names)) == 2
    assert "m [ffffffff]" in names


def test_cells_come_in_the_order_of_the_suite_not_of_the_schedule(tmp_path: Path) -> None:
    run = demo_run(tmp_path / "run")
    backwards = Run(
        path=run.path, manifest=replace(run.manifest, trials=run.manifest.trials[::-1]), results=run.results[::-1]
    )
    assert [cell.key for cell in report_cells(backwards)] == [cell.key for cell in report_cells(run)]
    assert report_cells(run)[0].key.delegate == "cpu"


def test_ids_of_cells_do_not_change_between_reports(tmp_path: Path) -> None:
    ids = [cell.id for cell in report_cells(demo_run(tmp_path / "a"))]
    assert ids == [cell.id for cell in report_cells(demo_run(tmp_path / "b"))]
    assert len(set(ids)) == len(ids)


def test_the_baseline_is_found_by_label_name_and_mask(tmp_path: Path) -> None:
    [result] = _results({0: (Status.OK, 5.0)})
    gpu = DelegateRequest(name="gpu", options={"precision": "fp16"})
    run = write_run(
        tmp_path / "run", [replace(result, trial=trial_of(PHONE.serial, model_ref("m"), gpu, 1))], devices=(PHONE,)
    )
    cells = report_cells(run)
    assert baseline_as_shown({"delegate": "gpu"}, cells) == {"delegate": "gpu(precision=fp16)"}
    assert baseline_as_shown({"cpus": "f0", "threads": 1}, cells) == {"cpus": "big", "threads": 1}
    assert baseline_as_shown({"delegate": "nnapi"}, cells) is None
    assert baseline_as_shown({"phase": "moon"}, cells) is None
    assert baseline_as_shown(None, cells) is None


def test_memory_comes_from_memory_processes_where_there_are_any(tmp_path: Path) -> None:
    cell = report_cells(demo_run(tmp_path / "run"))[0]
    assert cell.memory_purpose is Purpose.MEMORY
    peak = cell.memory("peak")
    assert peak is not None
    assert peak.centre == 44.375
    latency_only = _only_cell(tmp_path / "other", _results({0: (Status.OK, 5.0)}))
    assert latency_only.memory_purpose is Purpose.LATENCY
    assert latency_only.memory("peak") is None
    overall = latency_only.memory("overall")
    assert overall is not None
    assert overall.centre == 38.8008


def test_delegation_is_said_once_and_as_fully_as_it_is_known(tmp_path: Path) -> None:
    results = _results({0: (Status.OK, 5.0), 1: (Status.OK, 5.0)})
    uses = (
        DelegateUse(name="XNNPACK", applied="full"),
        DelegateUse(name="XNNPACK", applied="full", nodes_delegated=12),
    )
    results = [replace(r, measurement=measurement_of(5.0, uses=(use,))) for r, use in zip(results, uses, strict=True)]
    assert _only_cell(tmp_path, results).delegates == (uses[1],)


def test_a_result_whose_model_is_not_the_planned_one_is_a_cell_of_its_own(tmp_path: Path) -> None:
    """As in a run that was put together by hand."""
    run = write_run(tmp_path / "run", _results({0: (Status.OK, 10.0)}), devices=(PHONE,))
    other = replace(run.results[0].trial.model, sha256="0" * 64)
    odd = replace(run.results[0], trial=replace(run.results[0].trial, model=other))
    cells = report_cells(Run(path=run.path, manifest=run.manifest, results=(odd,)))
    assert {cell.key.model for cell in cells if cell.latency} == {"m [00000000]"}
