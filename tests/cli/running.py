"""Running the command for the tests of `harness run`: in the test's own process, or beside it where it is to be interrupted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.in_process import harness

__all__ = ["QUICK", "harness", "no_traceback", "started", "wait_for_lines", "write_suite"]

QUICK = "run: {min_runs: 3, min_s: 0, max_s: 2, warmup_runs: 1, warmup_s: 0, timeout_s: 30}\n"


def write_suite(folder: Path, models: Sequence[Path | str], extra: str = "processes: 1\n") -> Path:
    names = json.dumps([str(model) for model in models], ensure_ascii=False)
    file = folder / "suite.yaml"
    file.write_text(f"suite: test\nmodels: {names}\n{QUICK}{extra}", encoding="utf-8")
    return file


def started(suite: Path, out: Path) -> subprocess.Popen[str]:
    """A run in the background on one virtual device; what it says is read from its stderr when it has ended."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "run", str(suite), "--device", "virtual:1", "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def no_traceback(done: subprocess.CompletedProcess[str]) -> None:
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    assert "internal error" not in done.stderr, done.stderr


def wait_for_lines(file: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if file.exists() and file.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.05)
    pytest.fail(f"{file} did not reach {count} lines")
