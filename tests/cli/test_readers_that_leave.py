"""Whoever reads what a run says may go away, or have no room for it: the run goes on to its end all the same."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.runs.run_store import load_run
from tests.cli.running import write_suite
from tests.cli.scripted_program import held_run, write_program
from tests.model_files import shipped

TRIALS = 6


def run_in_shell(folder: Path, redirection: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a suite of six trials whose output goes where `redirection` says; the answer is its own, not its reader's."""
    suite = write_suite(folder, [shipped("cnn_fp32.tflite")], f"processes: {TRIALS}\n")
    words = [sys.executable, "-m", "harness", "run", str(suite), "--device", "virtual:1", *options]
    words += ["--binary", write_program(folder), "--out", str(folder / "run")]
    return subprocess.run(
        ["bash", "-c", f'"$@" {redirection}; exit ${{PIPESTATUS[0]}}', "bash", *words],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("redirection", ["2>&1 | head -2", "2>/dev/full", "2> >(head -1 >/dev/null)", "2>&1 | true"])
def test_the_run_goes_on_to_its_end(tmp_path: Path, redirection: str) -> None:
    done = run_in_shell(tmp_path, redirection)
    assert done.returncode == 0, done.stderr
    assert len(load_run(tmp_path / "run").results) == TRIALS
    assert (tmp_path / "run" / "report.html").exists()
    assert "begins" in (tmp_path / "run" / "logs" / "harness.log").read_text()


def test_a_document_needs_nobody_who_reads_the_progress(tmp_path: Path) -> None:
    done = run_in_shell(tmp_path, "2> >(head -1 >/dev/null)", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["statuses"] == {"ok": TRIALS}


@pytest.mark.parametrize("redirection", ["| true", ">/dev/full"])
def test_a_document_that_was_not_written_is_said_by_the_exit_code(tmp_path: Path, redirection: str) -> None:
    done = run_in_shell(tmp_path, redirection, "--json")
    assert done.returncode == 3
    assert len(load_run(tmp_path / "run").results) == TRIALS
    assert "\nharness: " in done.stderr
    assert "Traceback" not in done.stderr


def test_it_outlives_its_terminal(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 3\n")
    out = tmp_path / "run"
    with held_run(["run", suite, "--binary", write_program(tmp_path)], out, after=1) as held:
        for stream in (held.process.stdout, held.process.stderr):
            assert stream is not None
            stream.close()
        held.process.stdout = held.process.stderr = None
        held.process.send_signal(signal.SIGHUP)
        held.release()
        assert held.process.wait(timeout=200) == 0
    assert len(load_run(out).results) == 3
    assert (out / "report.html").exists()
