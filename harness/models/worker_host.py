"""Loads TensorFlow once and forks a worker for each request: `python -m harness.models.worker_host`. `worker_process` starts it.

Loading takes seconds of CPU time, and a source has a step for each variant. Each step still has its own process, which an unknown model
may crash. This process runs no operation of TensorFlow, so a fork is safe: TensorFlow's threads start with its first operation.

Standard input: a JSON line for each request: `module`, `folder` (see `worker_side`), `log`. Standard output: a line for each, with
its exit code, below 0 for a signal.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    """Serve requests until standard input ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a killed harness leaves no converter behind
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of libraries must not look like an answer
    import tensorflow  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(request)
        _pid, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


def _become(request: dict[str, str]) -> None:
    """Handle one request in the forked process, and end the process."""
    try:
        log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for stream, number in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(stream, number)
        from harness.models.worker_side import answer_request

        answer_request(importlib.import_module(request["module"]).work, Path(request["folder"]))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # without the exit handlers, which belong to the parent
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
