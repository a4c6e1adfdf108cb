"""`harness ingest`: recorded logs become a run like any other."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.records import LlmFigures, Purpose, Status
from harness.records.causes import Cause
from harness.runs.run_store import load_run
from tests.benchmark_model.recorded import CASES, LOGS, other_log
from tests.cli.running import write_suite
from tests.in_process import harness
from tests.model_files import shipped

HOST = LOGS / "host"


def ingest(
    run: Path, *logs: object, delegate: str = "xnnpack", extra: tuple[object, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return harness(
        "ingest", *logs, "--device", "Pixel 6", "--model", "mobilenet", "--delegate", delegate, "-o", run, *extra
    )


def test_makes_and_extends_a_run(tmp_path: Path) -> None:
    run = tmp_path / "recorded"
    first = ingest(run, HOST / "01_default_fp32.log", HOST / "11_threads_2.log")
    assert (first.returncode, first.stderr) == (0, "")
    second = ingest(run, HOST / "01_default_fp16.log", HOST / "02_opprof_stdout_fp32.log")
    assert second.returncode == 0
    loaded = load_run(run)
    trials = [result.trial for result in loaded.results]
    assert [(trial.purpose, trial.threads, trial.process) for trial in trials] == [
        (Purpose.LATENCY, -1, 0),
        (Purpose.LATENCY, 2, 0),
        (Purpose.LATENCY, -1, 1),
        (Purpose.PROFILE, -1, 0),
    ]
    assert [trial.block for trial in trials] == [0, 1, 2, 3]  # none took turns with another
    assert len({trial.trial_id for trial in trials}) == 4
    assert [device.serial for device in loaded.manifest.devices] == ["Pixel 6"]
    assert [artifact.origin for artifact in loaded.manifest.artifacts] == ["recorded"]
    assert {trial.trial_id for trial in loaded.manifest.trials} == {trial.trial_id for trial in trials}
    result = loaded.results[0]
    assert result.measurement is not None
    assert result.measurement.notes[0] == "recorded elsewhere and read from 01_default_fp32.log"
    assert (run / result.logs["stdout"]).read_bytes() == (HOST / "01_default_fp32.log").read_bytes()
    assert (result.exit_code, result.command[0], result.synthetic) == (0, "bin/benchmark_model", False)


def test_reports_and_exports_like_any_other(tmp_path: Path) -> None:
    run = tmp_path / "recorded"
    assert ingest(run, HOST / "01_default_fp32.log", HOST / "02_opprof_stdout_fp32.log").returncode == 0
    rows = list(csv.DictReader(io.StringIO(harness("export", run).stdout)))
    assert [(row["device"], row["model"], row["inference_avg_us"]) for row in rows] == [
        ("Pixel 6", "mobilenet", "8340.78"),
        ("Pixel 6", "mobilenet", "9441.6"),
    ]
    assert len(harness("export", run, "--table", "ops").stdout.splitlines()) == 67
    assert harness("report", run).returncode == 0
    assert (run / "report.html").stat().st_size > 10_000


def test_a_failed_log_is_a_result(tmp_path: Path) -> None:
    done = ingest(tmp_path / "run", HOST / "01_default_fp32.log", HOST / "17_badpath.log")
    assert done.returncode == 1
    assert "1 ok, 1 failed" in done.stdout
    statuses = [result.status for result in load_run(tmp_path / "run").results]
    assert statuses == [Status.OK, Status.FAILED]


def test_a_fallback_is_not_labelled_with_the_delegate(tmp_path: Path) -> None:
    done = ingest(tmp_path / "run", HOST / "01_default_fp32.log", delegate="gpu", extra=("--json",))
    assert done.returncode == 1
    (trial,) = json.loads(done.stdout)["trials"]
    assert (trial["status"], trial["causes"]) == ("invalid", ["delegate_not_applied"])


def test_an_excerpt_is_believed(tmp_path: Path) -> None:
    data, expected = other_log("002-mi11-yolov5s-fp32-nnapi-qtigpu-tail")
    done = harness(
        "ingest", "-", "--device", "Mi 11", "--model", "yolo", "--delegate", "NNAPI", "--process", "7", "--threads", "4",
        "-o", tmp_path / "run", stdin=data,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    (result,) = load_run(tmp_path / "run").results
    assert (result.trial.process, result.trial.threads, result.trial.delegate.name) == (7, 4, "nnapi")
    assert result.measurement is not None
    assert result.measurement.inference_avg_us == expected["inference_avg_us"]


def test_the_same_output_twice_is_not_two_processes(tmp_path: Path) -> None:
    log = HOST / "01_default_fp32.log"
    twice = ingest(tmp_path / "run", log, log)
    assert (twice.returncode, twice.stderr.splitlines()[0]) == (
        2,
        "harness: 01_default_fp32.log is in the run already, as process 0",
    )
    assert not (tmp_path / "run").exists()
    assert ingest(tmp_path / "run", log).returncode == 0
    assert ingest(tmp_path / "run", log).returncode == 2
    assert ingest(tmp_path / "run", HOST / "01_default_fp16.log", extra=("--process", 0)).returncode == 2
    assert len(load_run(tmp_path / "run").results) == 1


def test_wrong_requests(tmp_path: Path) -> None:
    log = HOST / "11_threads_2.log"
    assert ingest(tmp_path / "run", log, delegate="no such/thing").returncode == 2
    assert ingest(tmp_path / "run", tmp_path / "none.log").returncode == 2
    assert ingest(tmp_path / "run", log, extra=("--threads", 4)).returncode == 2
    assert not (tmp_path / "run").exists()


def test_a_log_of_something_played_back_stays_synthetic(tmp_path: Path) -> None:
    log = tmp_path / "played.log"
    log.write_text("harness-replay: synthetic, recording x\n" + (HOST / "01_default_fp32.log").read_text())
    assert ingest(tmp_path / "run", log, HOST / "01_default_fp16.log").returncode == 0
    synthetic = [result.synthetic for result in load_run(tmp_path / "run").results]
    assert synthetic == [False, True], "the newer file ran later"


def test_an_extract_of_the_cpu_s_is_not_taken_for_the_gpu_s(tmp_path: Path) -> None:
    log = tmp_path / "extract.log"
    log.write_text(
        "Replacing 510 out of 559 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 11 partitions for subgraph 0.\n"
        "count=50 first=102 curr=99 min=98 max=104 avg=101.5 std=2\n"
        "Inference timings in us: Init: 2000, First inference: 130, Warmup (avg): 106, Inference (avg): 101.5\n"
    )
    assert ingest(tmp_path / "cpu", log, delegate="xnnpack").returncode == 0
    done = ingest(tmp_path / "gpu", log, delegate="gpu")
    assert done.returncode == 1
    assert "invalid (delegate_not_applied)" in done.stdout


def test_each_of_several_runs_in_one_log_is_a_process(tmp_path: Path) -> None:
    log = tmp_path / "two.log"
    log.write_bytes((HOST / "11_threads_1.log").read_bytes() + (HOST / "11_threads_2.log").read_bytes())
    done = ingest(tmp_path / "run", log)
    assert (done.returncode, "2 recorded processes added (2 ok)" in done.stdout) == (0, True)
    first, second = load_run(tmp_path / "run").results
    assert (first.trial.threads, second.trial.threads) == (1, 2)
    assert first.measurement is not None
    assert first.measurement.notes[0] == "recorded elsewhere and read from two.log, run 1 of 2"
    again = ingest(tmp_path / "run", log)
    assert (again.returncode, "run 1 of 2 is in the run already" in again.stderr) == (2, True)


def test_two_processes_of_one_logcat_are_refused_where_they_ran_two_models(tmp_path: Path) -> None:
    done = ingest(tmp_path / "run", CASES / "16-interleaved.log")
    assert (done.returncode, (tmp_path / "run").exists()) == (2, False)
    assert "processes 3380, 4411, which ran 2 models" in done.stderr


def test_two_processes_of_one_logcat_are_told_apart(tmp_path: Path) -> None:
    log = tmp_path / "one_model.log"
    log.write_text((CASES / "16-interleaved.log").read_text().replace("other.tflite", "model.tflite"))
    done = ingest(tmp_path / "run", log, delegate="nnapi")
    assert done.returncode == 1
    nnapi, cpu = load_run(tmp_path / "run").results
    assert nnapi.measurement is not None
    assert cpu.measurement is not None
    assert (nnapi.status, nnapi.measurement.inference_avg_us) == (Status.OK, 12167.6)
    assert (cpu.status, cpu.causes) == (Status.INVALID, (Cause.DELEGATE_NOT_APPLIED,))
    raw = (tmp_path / "run" / cpu.logs["stdout"]).read_text()
    assert ("4411" in raw, "3380" in raw) == (True, False)


def test_what_the_reader_noted_is_said(tmp_path: Path) -> None:
    log = tmp_path / "noted.log"
    log.write_text("Duplicate flags: num_threads\n" + (HOST / "01_default_fp32.log").read_text())
    assert "note on process 0: Duplicate flags: num_threads" in ingest(tmp_path / "run", log).stdout


def test_a_measured_run_takes_recorded_logs_once_it_is_finished_and_is_not_resumed_after_it(tmp_path: Path) -> None:
    out = tmp_path / "run"
    suite = write_suite(tmp_path, [shipped("cnn_int8.tflite")], "processes: 3\n")
    assert harness("run", suite, "--device", "virtual:1", "--out", out).returncode == 0
    whole = (out / "trials.jsonl").read_bytes()
    (out / "trials.jsonl").write_bytes(whole.splitlines(keepends=True)[0])  # as a controller leaves it that was killed
    manifest = (out / "manifest.json").read_bytes()
    refused = ingest(out, HOST / "01_default_fp32.log")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"finish it: harness run --resume {out}" in refused.stderr
    assert (out / "manifest.json").read_bytes() == manifest
    (out / "trials.jsonl").write_bytes(whole)
    assert ingest(out, HOST / "01_default_fp32.log").returncode == 0
    run = load_run(out)
    assert [r.trial.block for r in run.results] == [0, 1, 2, 3], "none took turns with another"
    again = harness("run", "--resume", out)
    assert (again.returncode, "recorded runs cannot be resumed" in again.stderr) == (2, True), again.stderr


def test_of_two_at_once_into_one_run_none_is_lost(tmp_path: Path) -> None:
    logs = sorted(HOST.glob("11_threads_*.log"))
    run = tmp_path / "run"
    words = [sys.executable, "-m", "harness", "ingest", "--device", "d", "--model", "m", "--delegate", "xnnpack"]
    at_once = [subprocess.Popen([*words, str(log), "-o", str(run)], stdout=subprocess.DEVNULL) for log in logs]
    assert [one.wait() for one in at_once] == [0] * len(logs)
    loaded = load_run(run)
    assert len(loaded.results) == len(loaded.manifest.trials) == len(logs)
    assert sorted(trial.block for trial in loaded.manifest.trials) == list(range(len(logs)))


@pytest.mark.parametrize("name", ["", "mine"])
def test_a_folder_of_other_files_is_no_place_for_a_run(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html").write_text("mine")
    done = harness("ingest", HOST / "01_default_fp32.log", "--device", "d", "--model", "m", "--delegate", "cpu",
                   "-o", name, cwd=tmp_path)  # fmt: skip
    assert done.returncode == 2, done.stdout
    assert [file.name for file in tmp_path.rglob("*")] == ["mine", "report.html"]


@pytest.mark.parametrize(("delegate", "code"), [("nnapi", 0), ("gpu", 1)])
def test_an_excerpt_whose_profile_shows_another_delegate_is_not_the_one_that_was_named(
    tmp_path: Path, delegate: str, code: int
) -> None:
    log = tmp_path / "excerpt.log"
    log.write_bytes(other_log("003-mi11-yolov5s-nnapi-qtigpu-profile")[0])
    command = [sys.executable, "-m", "harness", "ingest", str(log), "--device", "d", "--model", "m"]
    done = subprocess.run(
        [*command, "--delegate", delegate, "-o", str(tmp_path / "run")], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert ("GPU was asked for, and NNAPI took part of the graph" in done.stdout + done.stderr) == (code == 1)


def test_figures_of_a_language_model_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "llm.log"
    log.write_text("BenchmarkInfo:\n      Prefill Speed: 7.79 tokens/sec.\n      Decode Speed: 11.21 tokens/sec.\n")
    assert ingest(tmp_path / "run", log, delegate="cpu").returncode == 0
    (result,) = load_run(tmp_path / "run").results
    assert result.measurement is not None
    assert result.measurement.llm == LlmFigures(prefill_tps=7.79, decode_tps=11.21)
    assert harness("report", tmp_path / "run").returncode == 0
