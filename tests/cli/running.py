"""Running the command for the tests of `harness run`, in the test's own process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.in_process import harness

__all__ = ["QUICK", "harness", "no_traceback", "write_suite"]

QUICK = "run: {min_runs: 3, min_s: 0, max_s: 2, warmup_runs: 1, warmup_s: 0, timeout_s: 30}\n"


def write_suite(folder: Path, models: Sequence[Path | str], extra: str = "processes: 1\n") -> Path:
    names = json.dumps([str(model) for model in models], ensure_ascii=False)
    file = folder / "suite.yaml"
    file.write_text(f"suite: test\nmodels: {names}\n{QUICK}{extra}", encoding="utf-8")
    return file


def no_traceback(done: subprocess.CompletedProcess[str]) -> None:
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    assert "internal error" not in done.stderr, done.stderr
