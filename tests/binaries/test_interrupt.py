"""Ctrl-C where Bazel takes its time; with a real Bazel it is `test_bazel.py`'s matter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.binaries.workspace import TENSORFLOW

# Ends its actions for two minutes once it is interrupted, as a Bazel does whose action does not listen.
_SLOW_TO_END = """#!{python}
import os, pathlib, signal, sys, time
if "--version" in sys.argv:
    print("bazel 7.4.1")
    sys.exit()
signal.signal(signal.SIGINT, lambda *_: pathlib.Path({interrupted!r}).touch())
pathlib.Path({started!r}).write_text(str(os.getpid()))
until = time.monotonic() + 120
while time.monotonic() < until:
    time.sleep(1)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    marker = tmp_path / "src" / TENSORFLOW / "BUILD"
    marker.parent.mkdir(parents=True)
    marker.touch()
    return tmp_path / "src"


def test_a_second_ctrl_c_ends_a_bazel_that_does_not_end(tree: Path, tmp_path: Path) -> None:
    started, interrupted = tmp_path / "started", tmp_path / "interrupted"
    bazel = tmp_path / "bazel"
    bazel.write_text(_SLOW_TO_END.format(python=sys.executable, started=str(started), interrupted=str(interrupted)))
    bazel.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "build", "--source", str(tree), "--abi", "linux_x86_64"],
        env={**os.environ, "BAZEL": str(bazel), "HARNESS_STATE_DIR": str(tmp_path / "state")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_for(lambda: started.exists() and started.read_text(), process)
        process.send_signal(signal.SIGINT)
        _wait_for(interrupted.exists, process)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=25)  # less than the patience after the first
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert not Path(f"/proc/{started.read_text()}").exists()
    assert not (tmp_path / "state" / "binaries" / "programs").exists()


def _wait_for(reached: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
