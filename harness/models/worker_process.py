"""Runs a worker: a program of its own that loads TensorFlow or litert-quantizer.

They take seconds to load, print, hang on a stranger's model, and end their process with a signal. Nothing of that may reach the harness.

A worker is a module of `harness.models` with `answer_request(...)` at its end. It gets a folder with `request.json` and leaves
`answer.json` there.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness
from harness.errors import ModelFailed, SetupError
from harness.records.causes import Cause

_POLL_S = 0.2
_END_S = 5.0
_SAYS_EVERY_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerCall:
    """One call of a worker."""

    module: str
    """Such as `harness.models.tensorflow_variant`."""
    python: str
    request: Mapping[str, Any]
    log: Path
    """Gets everything that the worker prints, after what is there."""
    doing: str
    """What it does, for progress and errors: `digits.keras: converting to int8`."""
    timeout_s: float
    environment: Mapping[str, str]


class WorkerDied(ModelFailed):
    """A worker ended without an answer.

    Args:
        message: what happened.
        signal_name: such as `SIGSEGV`; None if it exited by itself.
        log: what it had printed.
        cause: the word for scripts.
    """

    def __init__(self, message: str, *, signal_name: str | None, log: Path, cause: Cause = Cause.CRASHED) -> None:
        super().__init__(message, cause=cause)
        self.signal_name, self.log = signal_name, log


def run_worker(call: WorkerCall, told: Callable[[str], None]) -> dict[str, Any]:
    """Run a worker to its end and return its answer.

    An answer with the key `error` is for the caller to explain.

    Raises:
        WorkerDied: it ended with a signal, ran too long, or left no answer.
        SetupError: it cannot be started.
        KeyboardInterrupt: passed on once the worker is gone.
    """
    with tempfile.TemporaryDirectory(prefix="harness-worker-") as scratch:
        folder = Path(scratch)
        (folder / "request.json").write_text(json.dumps(call.request), encoding="utf-8")
        # The worker's Python need not have the harness. This is all that it gets of this environment: its own packages must win.
        (folder / "path").mkdir()
        (folder / "path" / "harness").symlink_to(Path(harness.__file__).parent.resolve(), target_is_directory=True)
        told(call.doing)
        with call.log.open("ab") as log, _process(call, folder, log) as process:
            _wait(call, process, told)
        try:
            answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise _died(call, process.returncode) from None
    if not isinstance(answer, dict):
        raise _died(call, process.returncode)
    return answer


@contextlib.contextmanager
def _process(call: WorkerCall, folder: Path, log: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start it in a session of its own, so that Ctrl-C reaches it once, from here, with all that it started."""
    path = os.pathsep.join(filter(None, (str(folder / "path"), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, **call.environment, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    try:
        process = subprocess.Popen(
            [call.python, "-P", "-m", call.module, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise SetupError(f"cannot start {call.python}: {error.strerror}") from None
    try:
        yield process
    finally:
        if process.poll() is None:
            _end(process)


def _wait(call: WorkerCall, process: subprocess.Popen[bytes], told: Callable[[str], None]) -> None:
    started = said = time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_S)
            return
        now = time.monotonic()
        if now - started > call.timeout_s:
            raise WorkerDied(
                f"{call.doing} did not end within {call.timeout_s:g} s",
                signal_name=None,
                log=call.log,
                cause=Cause.TIMEOUT,
            )
        if now - said > _SAYS_EVERY_S:
            said = now
            told(f"{call.doing} ({now - started:.0f} s)")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the worker's whole session; a second Ctrl-C only hurries it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(_END_S)
            return


def _died(call: WorkerCall, code: int) -> WorkerDied:
    if code >= 0:
        return WorkerDied(f"{call.doing} ended without an answer (exit code {code})", signal_name=None, log=call.log)
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    cause = Cause.OUT_OF_MEMORY if name == "SIGKILL" else Cause.CRASHED
    return WorkerDied(f"{call.doing} ended with {name}", signal_name=name, log=call.log, cause=cause)
