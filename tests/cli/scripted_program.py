"""A program that prints what a recorded `benchmark_model` printed, and ends no sooner than the device's sampler has seen it."""

from __future__ import annotations

import os
from pathlib import Path

ABI = {"x86_64": "x86_64", "aarch64": "arm64-v8a"}[os.uname().machine]
"""What virtual devices of this machine run."""

UNTIL_SEEN = (
    "n=0; while ! grep -q Cpus_allowed samples && [ $n -lt 1200 ]; do sleep 0.05; n=$((n+1)); done 2>/dev/null\n"
)
"""Shell text. The sampler writes its looks into the folder that the program is started in (harness/measuring/trial_script.py). On a busy
machine it may be late, and a program that did not wait for it would come and go unseen."""

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
    program.write_text(f"#!/bin/sh\n{HELP}{UNTIL_SEEN}{OUTPUT}")
    program.chmod(0o755)
    return f"{ABI}={program}"
