"""A target without a device, for tests: it answers from a dictionary or a function. See docs/testing.md.

    phone = FakeTarget({"settings get global airplane_mode_on": "1\\n", re.compile("dumpsys battery"): DeviceLost("gone", serial="phone")})

It keeps files in memory, remembers its calls, fails when you tell it to, and has a clock that advances without sleeping.
"""

from __future__ import annotations

import enum
import re
import stat
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.devices.target import (
    PULL_TIMEOUT_S,
    STDERR,
    STDOUT,
    Cancelled,
    CommandOutput,
    Outgoing,
    RemoteStat,
    push_timeout_s,
)
from harness.errors import CommandFailed, DeviceHung
from harness.files.whole_file import output_file

LONGEST_WAIT_S = 60.0
"""A test that forgets to set its cancel event fails after this many real seconds."""


class UnexpectedCommand(AssertionError):
    """The code under test sent a command for which the fake has no answer.

    It is not a HarnessError, because code that tolerates a device's failures must not tolerate a gap in the test.

    Args:
        command: the command.
        known: the commands and patterns that have answers.
    """

    def __init__(self, command: str, known: Sequence[str]) -> None:
        super().__init__(
            f"no answer for this command:\n{command}\nthere are answers for: {', '.join(known) or 'nothing'}"
        )
        self.command = command


class Hang(enum.Enum):
    """An answer that does not come."""

    UNTIL_DEADLINE = "until deadline"
    """DeviceHung is raised at once; the clock advances by the command's `timeout_s`."""

    UNTIL_CANCELLED = "until cancelled"
    """Really waits for another thread to set `cancel`."""


@dataclass(frozen=True, slots=True)
class After:
    """A slow answer: the fake's clock advances, nobody sleeps. If it takes as long as the command's `timeout_s`, DeviceHung is raised.

    Args:
        seconds: on the fake's clock.
        answer: the answer after that time.
    """

    seconds: float
    answer: Answer


Answer = str | bytes | int | CommandOutput | BaseException | Hang | After
"""Text or bytes are standard output with exit code 0. A number is an exit code without output. An exception is raised."""

Answers = Answer | Sequence[Answer] | Callable[[str], Answer]
"""A list gives one answer per call and repeats the last one. A function receives the command."""


class FakeClock:
    """A clock that advances only when it is told to."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        """Return seconds since the fake was made; stands in for `time.monotonic`."""
        return self._now_s

    def sleep(self, seconds: float) -> None:
        """Advance the clock; stands in for `time.sleep`."""
        self._now_s += seconds


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the fake.

    Args:
        verb: the method.
        argument: the command, or the path on the device.
        at_s: time of the call, on the fake's clock.
    """

    verb: Literal["run", "push", "pull", "stat"]
    argument: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeFile:
    """A file in the fake's memory. `mtime` is in seconds since the epoch."""

    data: bytes
    mode: int = 0o644
    mtime: int = 0


class FakeStream:
    """See `CommandStream`: a command of the fake, which runs when somebody first asks for its output."""

    def __init__(self, target: FakeTarget, command: str, cancel: threading.Event | None) -> None:
        self._target, self._command, self._cancel = target, command, cancel
        self._pieces: list[tuple[int, bytes]] | None = None
        self.exit_code = 255
        """See `CommandStream.exit_code`."""

    def receive(self, *, timeout_s: float) -> tuple[int, bytes] | None:
        """See `CommandStream.receive`."""
        if self._pieces is None:
            output = self._target.run(self._command, timeout_s=timeout_s, cancel=self._cancel)
            self.exit_code = output.exit_code
            self._pieces = [(kind, data) for kind, data in ((STDOUT, output.stdout), (STDERR, output.stderr)) if data]
        return self._pieces.pop(0) if self._pieces else None

    def close(self) -> None:
        """See `CommandStream.close`."""


class FakeTarget:
    """A target for tests; see `Target`. Several threads may use it at once.

    Args:
        answers: commands to their answers, or a function from command to answer. A key is a whole command, or a pattern to search in the
            command. Whole commands go before patterns; patterns are tried in their order. A command without an answer raises
            UnexpectedCommand.
        serial: its name.
        files: files on the device, by path.
        faults: failures by number of the call, from 1 on; runs, pushes, pulls and stats all count. A call that fails does nothing.
    """

    def __init__(
        self,
        answers: Mapping[str | re.Pattern[str], Answers] | Callable[[str], Answer] | None = None,
        *,
        serial: str = "fake",
        files: Mapping[str, bytes | FakeFile] | None = None,
        faults: Mapping[int, BaseException | Hang] | None = None,
    ) -> None:
        self.serial = serial
        self.clock = FakeClock()
        self.files = {
            path: found if isinstance(found, FakeFile) else FakeFile(data=found)
            for path, found in (files or {}).items()
        }
        """The files on the device now; a test may change them."""
        self.calls: list[Call] = []
        self.closed = False
        self._answers = answers if callable(answers) else dict(answers or {})
        self._faults = dict(faults or {})
        self._given: dict[str | re.Pattern[str], int] = {}
        self._lock = threading.RLock()

    @property
    def commands(self) -> list[str]:
        """The commands of all `run` calls, in order."""
        return [call.argument for call in self.calls if call.verb == "run"]

    def run(self, command: str, *, timeout_s: float, cancel: threading.Event | None = None) -> CommandOutput:
        """See `Target.run`.

        Raises:
            UnexpectedCommand: there is no answer for it.
        """
        fault = self._note("run", command)
        if cancel is not None and cancel.is_set():
            raise Cancelled
        with self._lock:
            answer = self._answer_to(command) if fault is None else fault
        return self._play(answer, command, timeout_s, cancel)

    def stream(self, command: str, *, cancel: threading.Event | None = None) -> FakeStream:
        """See `Target.stream`. The answers are those of `run`: all output comes at once. It counts as a run."""
        return FakeStream(self, command, cancel)

    def push(
        self, files: Sequence[Outgoing], *, timeout_s: float | None = None, cancel: threading.Event | None = None
    ) -> None:
        """See `Target.push`. Each file is a call of its own, so that a fault can strike between two files."""
        limit_s = push_timeout_s(sum(file.local.stat().st_size for file in files)) if timeout_s is None else timeout_s
        for file in files:
            self._fail(self._note("push", file.remote), file.remote, limit_s, cancel)
            mtime = int(file.local.stat().st_mtime)
            self.files[file.remote] = FakeFile(data=file.local.read_bytes(), mode=file.mode, mtime=mtime)

    def pull(
        self,
        remote: str,
        local: Path,
        *,
        timeout_s: float = PULL_TIMEOUT_S,
        cancel: threading.Event | None = None,
    ) -> bool:
        """See `Target.pull`."""
        self._fail(self._note("pull", remote), remote, timeout_s, cancel)
        if remote not in self.files:
            if self._is_folder(remote):
                raise CommandFailed(f"pull {remote}", exit_code=1, output="Is a directory", serial=self.serial)
            return False
        with output_file(local) as stream:
            stream.write(self.files[remote].data)
        return True

    def stat(self, remote: str) -> RemoteStat | None:
        """See `Target.stat`. A path with files below it is a folder."""
        self._fail(self._note("stat", remote), remote, 0.0, None)
        if (found := self.files.get(remote)) is not None:
            return RemoteStat(mode=stat.S_IFREG | found.mode, size=len(found.data), mtime=found.mtime)
        return RemoteStat(mode=stat.S_IFDIR | 0o755, size=4096, mtime=0) if self._is_folder(remote) else None

    def close(self) -> None:
        """See `Target.close`. As with a real target, later calls are still answered; a test may look at `closed`."""
        self.closed = True

    # --- below: how an answer is found and played -----------------------------------------------------------------

    def _note(self, verb: Literal["run", "push", "pull", "stat"], argument: str) -> BaseException | Hang | None:
        with self._lock:
            self.calls.append(Call(verb, argument, self.clock()))
            return self._faults.get(len(self.calls))

    def _answer_to(self, command: str) -> Answer:
        if callable(self._answers):
            return self._answers(command)
        for key, found in self._matching(command):
            if callable(found):
                return found(command)
            if isinstance(found, str | bytes) or not isinstance(found, Sequence):
                return found
            number = self._given.get(key, 0)
            self._given[key] = number + 1
            return found[min(number, len(found) - 1)]
        known = [key if isinstance(key, str) else f"/{key.pattern}/" for key in self._answers]
        raise UnexpectedCommand(command, known)

    def _matching(self, command: str) -> list[tuple[str | re.Pattern[str], Answers]]:
        if callable(self._answers):
            return []
        whole = [(key, found) for key, found in self._answers.items() if key == command]
        return whole + [
            (key, found) for key, found in self._answers.items() if isinstance(key, re.Pattern) and key.search(command)
        ]

    def _play(self, answer: Answer, command: str, timeout_s: float, cancel: threading.Event | None) -> CommandOutput:
        match answer:
            case CommandOutput():
                return answer
            case str():
                return CommandOutput(stdout=answer.encode(), stderr=b"", exit_code=0)
            case bytes():
                return CommandOutput(stdout=answer, stderr=b"", exit_code=0)
            case int():
                return CommandOutput(stdout=b"", stderr=b"", exit_code=answer)
            case BaseException():
                raise answer
            case After():
                if answer.seconds >= timeout_s:
                    return self._play(Hang.UNTIL_DEADLINE, command, timeout_s, cancel)
                self.clock.sleep(answer.seconds)
                return self._play(answer.answer, command, timeout_s - answer.seconds, cancel)
            case Hang.UNTIL_DEADLINE:
                self.clock.sleep(timeout_s)
                raise DeviceHung(f"no end of the command within {timeout_s:g} s", serial=self.serial)
            case Hang.UNTIL_CANCELLED:
                if cancel is None:
                    raise AssertionError(f"nobody can cancel this command:\n{command}")
                if not cancel.wait(LONGEST_WAIT_S):
                    raise AssertionError(f"nobody has cancelled this command within {LONGEST_WAIT_S:g} s:\n{command}")
                raise Cancelled

    def _fail(
        self, fault: BaseException | Hang | None, path: str, timeout_s: float, cancel: threading.Event | None
    ) -> None:
        if cancel is not None and cancel.is_set():
            raise Cancelled
        if isinstance(fault, BaseException):
            raise fault
        if fault is Hang.UNTIL_CANCELLED and cancel is not None:
            self._play(fault, path, timeout_s, cancel)
        if fault is not None:
            self.clock.sleep(timeout_s)
            raise DeviceHung(f"it does not answer about {path}", serial=self.serial)

    def _is_folder(self, path: str) -> bool:
        return any(name.startswith(path.rstrip("/") + "/") for name in self.files)
