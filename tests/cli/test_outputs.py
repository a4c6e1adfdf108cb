"""What `-o` names: never a file that a run is made of, never a folder of somebody's files, never nothing."""

from __future__ import annotations

import subprocess
import sys
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


@pytest.mark.parametrize(
    "verb",
    [
        "export RUN -o y.csv",
        "compare RUN RUN -o y.txt",
        "report RUN -o y.html",
        "report run",
        "ingest LOG --device d --model m --delegate cpu -o new",
        "run SUITE --device virtual:1",
        "run SUITE --device virtual:1 --out new",
        "calibrate SUITE --device virtual:1",
    ],
)
def test_a_working_folder_that_was_deleted_is_said(run: Path, tmp_path: Path, verb: str) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")])
    places = {"RUN": run, "LOG": LOGS / "host" / "02_opprof_stdout_fp32.log", "SUITE": suite}
    words = [str(places.get(word, word)) for word in verb.split()]
    script = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-P", "-m", "harness", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "harness: the working folder was deleted\n  change into a folder that exists\n"
