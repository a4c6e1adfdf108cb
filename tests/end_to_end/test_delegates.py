"""Delegates from the suite to the last table, on virtual devices whose profiles play recorded outputs back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.cells import summaries
from harness.devices.device_config import DeviceConfig, load_device_configs
from harness.formats.run_tables import COLUMNS, TableName
from harness.formats.run_tables import rows as table_rows
from harness.records import Result, Status
from harness.records.causes import Cause
from harness.report.cell_summaries import report_cells
from harness.runs.run_store import Run, load_run
from harness.virtual.farm import VirtualFarm
from tests.in_process import harness
from tests.model_files import shipped

SUITE = """
suite: delegates
models: [{models}]
delegates: {delegates}
{extra}
run: {{min_runs: 2, min_s: 0, max_s: 2, warmup_runs: 1, warmup_s: 0, timeout_s: 30}}
"""
EVERY = "[cpu, xnnpack, gpu, nnapi, {name: external, path: /data/local/tmp/libnpu.so}]"


def profile(replay: Mapping[str, str]) -> DeviceConfig:
    config = load_device_configs()["virtual-midrange"]
    assert config.virtual is not None
    return config.model_copy(update={"virtual": config.virtual.model_copy(update={"replay": dict(replay)})})


@contextmanager
def device(replay: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with VirtualFarm([profile(replay)]) as farm:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(farm.adb_port))
        yield farm.serials[0]


def run_suite(folder: Path, serial: str, delegates: str, extra: str = "processes: 1") -> Run:
    """Run it as a user does; whatever the delegates do, the harness itself must not fail."""
    out = folder / f"run{len(list(folder.iterdir()))}"
    file = out.with_suffix(".yaml")
    file.write_text(SUITE.format(models=json.dumps(str(shipped("cnn_fp32.tflite"))), delegates=delegates, extra=extra))
    done = harness("run", file, "--device", serial, "--out", out, "--json")
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return load_run(out)


def by_delegate(run: Run) -> dict[str, Result]:
    return {result.trial.delegate_label.partition("(")[0]: result for result in run.results}


def rows(run: Run, table: TableName = "trials") -> list[dict[str, Any]]:
    names = [column.name for column in COLUMNS[table]]
    return [dict(zip(names, row, strict=True)) for row in table_rows([run], table)]


def test_no_cell_carries_a_number_under_a_delegate_that_did_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = {
        "cpu": "cpu_took_xnnpack",
        "xnnpack": "xnnpack_took_nothing",
        "gpu": "gpu_no_opencl",
        "nnapi": "nnapi_took_nothing",
        "external": "external_missing",
    }
    with device(failing, monkeypatch) as serial:
        run = run_suite(tmp_path, serial, EVERY)
    causes = {name: (result.status, result.causes[0]) for name, result in by_delegate(run).items()}
    assert causes == {
        "cpu": (Status.INVALID, Cause.CONDITION_NOT_MET),
        "xnnpack": (Status.FAILED, Cause.INVOKE_FAILED),
        "gpu": (Status.FAILED, Cause.DELEGATE_UNAVAILABLE),
        "nnapi": (Status.INVALID, Cause.DELEGATE_NOT_APPLIED),
        "external": (Status.INVALID, Cause.DELEGATE_NOT_APPLIED),
    }
    assert Cause.DELEGATE_NOT_APPLIED in by_delegate(run)["xnnpack"].causes
    assert [cell.median_us for cell in summaries(run.results)] == [None] * 5
    assert [cell.latency for cell in report_cells(run)] == [None] * 5
    page = (run.path / "report.html").read_text()
    for words in ("XNNPACK took part of the graph", "Can not open OpenCL library", "nothing says that it was applied"):
        assert words in page
    assert "Though NNAPI delegate is explicitly applied" in page


def test_flags_that_a_binary_lacks_are_no_delegate_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a recording it is the real program that answers, built without GPU and NNAPI: exit code 0, numbers of the CPU."""
    with device({"nnapi": "nnapi_failed"}, monkeypatch) as serial:
        run = run_suite(tmp_path, serial, "[gpu, nnapi, xnnpack]")
    results = by_delegate(run)
    assert results["gpu"].causes[0] is Cause.UNCONSUMED_FLAGS
    assert not results["gpu"].synthetic
    assert results["nnapi"].status is Status.FAILED
    assert results["nnapi"].synthetic
    assert results["xnnpack"].status is Status.OK
    taken = {row["delegate"]: row["delegated_nodes"] for row in rows(run)}
    assert taken["gpu"] is None
    assert taken["xnnpack"]
    shown = {cell.delegate.name: cell.latency is not None for cell in report_cells(run)}
    assert shown == {"gpu": False, "nnapi": False, "xnnpack": True}


def test_what_is_played_back_is_synthetic_to_the_last_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    working = {"gpu": "gpu_full", "nnapi": "nnapi_partial", "external": "external_full"}
    extra = "purposes: [latency, profile]\nprocesses: 2"
    with device(working, monkeypatch) as serial:
        run = run_suite(tmp_path, serial, EVERY, extra)
        forbidden = run_suite(tmp_path, serial, "[xnnpack, gpu]", "processes: 1\nsynthetic: forbid")
        full = run_suite(tmp_path, serial, "[{name: nnapi, require: full}]")
    assert {result.status for result in run.results} == {Status.OK}
    for row in rows(run):
        assert row["synthetic"] == (row["delegate"].partition("(")[0] in working)
        assert row["inference_avg_us"] > 0
    ops = rows(run, "ops")
    assert {op["delegate"].partition("(")[0] for op in ops if op["synthetic"]} == set(working)
    for cell in report_cells(run):
        assert cell.synthetic == (cell.delegate.name in working)
    assert "are synthetic: replayed" in (run.path / "report.html").read_text()

    assert [cell.key.delegate for cell in report_cells(run) if cell.profiling_overhead is None] == []
    assert [one.key.delegate for one in summaries(run.results) if one.profiling_overhead is None] == []
    assert "Profiling changed the average latency by" in (run.path / "report.html").read_text()

    # The runtime info is pulled for each delegate, so that how much it took is known without a profile too.
    xnnpack = next(r for r in run.results if r.trial.delegate.name == "xnnpack" and r.trial.purpose == "latency")
    assert "runtime_info" in xnnpack.logs
    assert xnnpack.measurement is not None
    assert [(use.name, use.applied) for use in xnnpack.measurement.delegates] == [("XNNPACK", "full")]
    assert xnnpack.measurement.delegates[0].nodes_delegated

    refused = by_delegate(forbidden)
    assert refused["xnnpack"].status is Status.OK
    assert (refused["gpu"].status, refused["gpu"].causes) == (Status.INVALID, (Cause.CONDITION_NOT_MET,))
    assert refused["gpu"].measurement is None

    [partial] = full.results
    assert (partial.status, partial.causes) == (Status.INVALID, (Cause.DELEGATE_PARTIAL,))
    assert [cell.latency for cell in report_cells(full)] == [None]


def test_start_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = "start: [warm, cold, cached]\nprocesses: 1"
    with device({"gpu": "gpu_full"}, monkeypatch) as serial:
        run = run_suite(tmp_path, serial, "[cpu, xnnpack, gpu]", extra)
    assert {(r.trial.delegate.name, r.trial.start) for r in run.results} == {
        ("cpu", "warm"),
        *((name, start) for name in ("xnnpack", "gpu") for start in ("warm", "cold", "cached")),
    }
    assert [r.message for r in run.results if r.status is not Status.OK] == []
    init = {(r.trial.delegate.name, r.trial.start): r.measurement.init_us for r in run.results if r.measurement}
    assert init[("gpu", "cached")] < init[("gpu", "cold")]  # type: ignore[operator]  # both are there: every result is ok
    assert {row["start"] for row in rows(run)} == {"warm", "cold", "cached"}
    assert {cell.key.delegate for cell in report_cells(run)} >= {"xnnpack", "xnnpack, cold start", "gpu, cached start"}
    commands = {(r.trial.delegate.name, r.trial.start): " ".join(r.command) for r in run.results}
    model = run.results[0].trial.model.sha256[:16]
    assert "--delegate_serialize_" not in commands[("gpu", "warm")]
    assert f"--delegate_serialize_token={model}-" in commands[("gpu", "cached")]
    assert f"/{model}-" in commands[("xnnpack", "cold")].partition("--xnnpack_weight_cache_file_path=")[2]


def test_a_device_with_a_recording_that_is_missing_does_not_start() -> None:
    with pytest.raises(Exception, match="no recording"), VirtualFarm([profile({"gpu": "no_such"})]):
        pass
