"""What `-o` names: never a file that a run is made of, never a folder of somebody's files, never nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmark_model.recorded import LOGS
from tests.cli.running import harness, write_suite
from tests.model_files import shipped


@pytest.fixture
def run(tmp_path: Path) -> Path:
    out = tmp_path / "run"
    log = LOGS / "host" / "02_opprof_stdout_fp32.log"
    done = harness("ingest", log, "--device", "d", "--model", "m", "--delegate", "xnnpack", "-o", out)
    assert done.returncode == 0, done.stderr
    return out


def content(run: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in run.rglob("*") if file.is_file()}


@pytest.mark.parametrize("name", ["trials.jsonl", "manifest.json", "logs/new.html", "logs/../trials.jsonl"])
@pytest.mark.parametrize("verb", [["export"], ["report"], ["export", "--format", "trace"]], ids=" ".join)
def test_a_run_s_own_files_stay(run: Path, verb: list[str], name: str) -> None:
    before = content(run)
    done = harness(verb[0], run, *verb[1:], "-o", run / name)
    assert (done.returncode, "is part of the run in" in done.stderr) == (2, True), done.stderr
    assert content(run) == before


def test_beside_them_there_is_room(run: Path) -> None:
    assert harness("export", run, "-o", run / "trials.csv").returncode == 0
    assert harness("report", run, "-o", run / "report.html").returncode == 0


@pytest.mark.parametrize("verb", ["export", "report", "compare"])
def test_no_name_is_no_folder(run: Path, verb: str) -> None:
    before = content(run)
    done = harness(verb, run, *([run] if verb == "compare" else []), "-o", "", cwd=run)
    assert (done.returncode, "needs a name" in done.stderr) == (2, True), done.stderr
    assert content(run) == before


@pytest.mark.parametrize("out", ["", "mine"])
def test_a_run_goes_into_no_folder_of_other_files(tmp_path: Path, out: str) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html").write_text("mine")
    before = content(tmp_path)
    for option in ([], ["--dry-run"]):
        done = harness("run", suite, "--device", "virtual:1", "--out", out, *option, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
    assert content(tmp_path) == before
