"""A program that prints what a recorded `benchmark_model` printed, and ends no sooner than the device's sampler has seen it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.devices.adb_target import AdbTarget
from harness.virtual.farm import VirtualFarm

ABI = {"x86_64": "x86_64", "aarch64": "arm64-v8a"}[os.uname().machine]
"""What virtual devices of this machine run."""

UNTIL_SEEN = "n=0; while ! [ -e seen ] && [ $n -lt 1200 ]; do sleep 0.05; n=$((n+1)); done\n"
"""Shell text. Once a program has been sampled, there is a file `seen` where it is started (harness/measuring/trial_watch.py).
On a busy machine the sampler may be late, and a program that did not wait for it would come and go unseen."""

HOLD = """
if cd /data/local/tmp/hold 2>/dev/null; then
    echo >>calls
    while [ "$(wc -l <calls)" = "$(cat at)" ]; do sleep 0.1; done 2>/dev/null
    cd "$OLDPWD"
fi
"""
"""Shell text. Where a test has asked for it, the program stays in one of its calls: see `held_run`."""

HELP = 'for a in "$@"; do [ "$a" = --help ] && { echo "	--num_runs=50 	int32" >&2; exit 1; }; done\n'
OUTPUT = (
    "echo 'STARTING!'\necho 'Loaded model x'\necho 'The input model file size (MB): 1.5'\n"
    "echo 'Initialized session in 1.5ms.'\n"
    "echo 'Explicitly applied XNNPACK delegate, and the model graph will be completely executed by the delegate.'\n"
    "echo 'Running benchmark for at least 1 iterations and at least 0 seconds but terminate if exceeding 2 seconds.'\n"
    "echo 'count=1 curr=1200'\necho\n"
    "echo 'Running benchmark for at least 3 iterations and at least 0 seconds but terminate if exceeding 2 seconds.'\n"
    "echo 'count=3 first=1001 curr=999 min=999 max=1001 avg=1000 std=1'\necho\n"
    "echo 'Inference timings in us: Init: 1500, First inference: 1200, Warmup (avg): 1200, Inference (avg): 1000'\n"
)


def write_program(folder: Path) -> str:
    """Write it; the value of `--binary` that takes it."""
    program = folder / "benchmark_model"
    program.write_text(f"#!/bin/sh\n{HELP}{HOLD}{UNTIL_SEEN}{OUTPUT}")
    program.chmod(0o755)
    return f"{ABI}={program}"


class HeldRun:
    """A run in the background that waits in one of its trials."""

    def __init__(self, process: subprocess.Popen[str], target: AdbTarget) -> None:
        self.process = process
        self._target = target

    def release(self) -> None:
        """Let it go on."""
        self._target.run("rm /data/local/tmp/hold/at", timeout_s=60)


@contextmanager
def held_run(arguments: Sequence[object], out: Path, *, after: int) -> Iterator[HeldRun]:
    """Start a run whose program does not end once there are so many results, and wait for those.

    However slow this machine is, nothing happens meanwhile. It holds on this device only: a run that is resumed gets new virtual devices.

    Args:
        arguments: verb and options, but for `--device` and `--out`; the program must hold `HOLD`.
        out: the run's folder.
        after: how many results there are then.
    """
    with VirtualFarm(["virtual-flagship"]) as farm:
        target = AdbTarget(farm.serials[0], port=farm.adb_port)
        hold = f"mkdir /data/local/tmp/hold && echo {after + 1} >/data/local/tmp/hold/at"
        assert target.run(hold, timeout_s=60).exit_code == 0
        words = [*map(str, arguments), "--device", target.serial, "--out", str(out)]
        process = subprocess.Popen(
            [sys.executable, "-m", "harness", *words],
            env={**os.environ, "ANDROID_ADB_SERVER_PORT": str(farm.adb_port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_for_lines(out / "trials.jsonl", after)
            yield HeldRun(process, target)
        finally:
            process.kill()
            process.communicate()


def wait_for_lines(file: Path, count: int) -> None:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        if file.exists() and file.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.05)
    pytest.fail(f"{file} did not reach {count} lines")
