"""Runs workers: separate programs that load TensorFlow or litert-quantizer.

These take seconds to load, print, hang on an unknown model, and crash with a signal. None of that may affect the harness.

A worker is a module of `harness.models` with a function `work`. It gets a folder with `request.json` and leaves `answer.json` there
(`worker_side`).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from harness.errors import ModelFailed, SetupError
from harness.files.interrupts import interrupts_held_back
from harness.records.causes import Cause

_POLL_S = 0.2
_SAYS_EVERY_S = 15.0
_HOST = "harness.models.worker_host"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerCall:
    """One call of a worker."""

    module: str
    """Such as `harness.models.variant_worker`."""
    request: Mapping[str, Any]
    log: Path
    """The worker's output is appended to it."""
    doing: str
    """The step, for progress and errors: `digits.keras: making int8`."""
    timeout_s: float
    shares_tensorflow: bool
    """Whether it may be forked from a process that has loaded TensorFlow with Keras 3. Otherwise it is started anew."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Further environment variables of a worker that is started anew."""


class WorkerDied(ModelFailed):
    """A worker ended without an answer.

    Args:
        message: what happened.
        signal_name: such as `SIGSEGV`; None if it exited by itself.
        log: its output.
        cause: the cause, for scripts.
    """

    def __init__(self, message: str, *, signal_name: str | None, log: Path, cause: Cause = Cause.CRASHED) -> None:
        super().__init__(message, cause=cause)
        self.signal_name, self.log = signal_name, log


class Workers:
    """The workers of one Python. On leaving the context, those that still run are killed.

    Args:
        python: the program.
        environment: variables of every worker.
    """

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self._python, self._environment = python, environment
        self._stack = contextlib.ExitStack()
        self._path: Path | None = None
        self._host: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_host()
        self._stack.close()

    def run(self, call: WorkerCall, told: Callable[[str], None]) -> dict[str, Any]:
        """Run a worker to its end and return its answer. If the answer has the key `error`, the caller explains it.

        Raises:
            WorkerDied: it ended with a signal, ran too long, or left no answer.
            SetupError: it cannot be started.
            KeyboardInterrupt: passed on once the worker is gone.
        """
        with tempfile.TemporaryDirectory(prefix="harness-worker-") as scratch:
            folder = Path(scratch)
            (folder / "request.json").write_text(json.dumps(call.request), encoding="utf-8")
            told(call.doing)
            code = self._forked(call, folder, told) if call.shares_tensorflow else self._started(call, folder, told)
            try:
                answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
            except (OSError, ValueError):
                raise _died(call, code) from None
        if not isinstance(answer, dict):
            raise _died(call, code)
        return answer

    def _started(self, call: WorkerCall, folder: Path, told: Callable[[str], None]) -> int:
        process: subprocess.Popen[bytes] | None = None

        def ended(wait_s: float) -> bool:
            assert process is not None  # noqa: S101  # asked only after it was started
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(wait_s)
            return process.poll() is not None

        try:
            with interrupts_held_back(), call.log.open("ab") as log:
                process = self._popen(
                    [call.module, str(folder)], stdin=subprocess.DEVNULL, stdout=log, environment=call.environment
                )
            _wait(call, ended, told)
            return process.returncode
        finally:
            if process is not None:
                _end(process)

    def _forked(self, call: WorkerCall, folder: Path, told: Callable[[str], None]) -> int:
        host = self._running_host(call.log)
        stdin, stdout = host.stdin, host.stdout
        assert stdin is not None  # noqa: S101  # both are pipes
        assert stdout is not None  # noqa: S101
        line = json.dumps({"module": call.module, "folder": str(folder), "log": str(call.log)})
        code: list[bytes] = []

        def ended(wait_s: float) -> bool:
            if select.select([stdout], [], [], wait_s)[0]:
                code.append(stdout.readline())
            return bool(code)

        try:
            with contextlib.suppress(BrokenPipeError):
                stdin.write(line.encode() + b"\n")
                stdin.flush()
            _wait(call, ended, told)
        except BaseException:
            self._end_host()
            raise
        if not code[0].strip():  # the host itself is gone
            self._end_host()
            return host.wait()
        return int(code[0])

    def _running_host(self, log: Path) -> subprocess.Popen[bytes]:
        if self._host is None or self._host.poll() is not None:
            with interrupts_held_back(), log.open("ab") as stream:
                self._host = self._popen(
                    [_HOST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, environment={}
                )
        return self._host

    def _end_host(self) -> None:
        host, self._host = self._host, None
        if host is not None:
            _end(host)
            for pipe in (host.stdin, host.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _popen(
        self,
        arguments: list[str],
        *,
        stdin: int,
        stdout: int | IO[bytes],
        environment: Mapping[str, str],
        stderr: int | IO[bytes] = subprocess.STDOUT,
    ) -> subprocess.Popen[bytes]:
        """Start a module in its own session, so that Ctrl-C does not reach it: the harness kills it, with its child processes."""
        path = os.pathsep.join(filter(None, (str(self._packages()), os.environ.get("PYTHONPATH"))))
        try:
            return subprocess.Popen(
                [self._python, "-P", "-m", *arguments],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={**os.environ, **self._environment, **environment, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        except OSError as error:
            raise SetupError(f"cannot start {self._python}: {error.strerror}") from None

    def _packages(self) -> Path:
        """Return a folder that holds the harness and no other package of this environment: the worker must use its own packages."""
        if self._path is None:
            self._path = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="harness-path-")))
            (self._path / "harness").symlink_to(Path(__file__).resolve().parents[1], target_is_directory=True)
        return self._path


def _wait(call: WorkerCall, ended: Callable[[float], bool], told: Callable[[str], None]) -> None:
    """Wait until a worker ends, and report from time to time that it still runs."""
    started = said = time.monotonic()
    while not ended(_POLL_S):
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
    """Kill a worker with its child processes. It has nothing to clean up: the caller owns its folders."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        while process.poll() is None:
            with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C changes nothing
                process.wait()


def _died(call: WorkerCall, code: int) -> WorkerDied:
    if code >= 0:
        return WorkerDied(f"{call.doing} ended without an answer (exit code {code})", signal_name=None, log=call.log)
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    cause = Cause.OUT_OF_MEMORY if name == "SIGKILL" else Cause.CRASHED
    return WorkerDied(f"{call.doing} ended with {name}", signal_name=name, log=call.log, cause=cause)
