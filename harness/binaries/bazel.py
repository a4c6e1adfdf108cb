"""Runs one `bazel build`, follows it through Bazel's own events, and ends it with the harness."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from harness.binaries.build_events import Advance, BuildEvents, FailedAction, read_progress
from harness.errors import BuildFailed, SetupError
from harness.files.interrupts import interrupts_held_back

_POLL_S = 0.2
_END_S = 30.0
"""Seconds that Bazel may take to end its actions after an interrupt."""

_MAX_LINES = 12
_MAX_WIDTH = 300
_TELLING = re.compile(r"\b(error|undefined reference|undefined symbol|fatal|cannot find|No such file)\b", re.IGNORECASE)

# These change how Bazel reports, not what it builds, so builds by hand keep their cache.
_REPORTING = ("--color=no", "--curses=no", "--show_progress_rate_limit=1", "--noshow_loading_progress")


@dataclass(frozen=True, slots=True, kw_only=True)
class BazelCall:
    """A requested build.

    Args:
        program: Bazel or bazelisk.
        folder: the source tree.
        flags: of `bazel build`.
        label: the target.
        environment: variables added to this process's own.
    """

    program: str
    folder: Path
    flags: tuple[str, ...]
    label: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The outcome of a build."""

    output: Path
    """In Bazel's own output tree; the next build overwrites it, so copy it at once."""
    version: str | None
    duration_s: float


def run_build(call: BazelCall, log: Path, progress: Callable[[Advance], None]) -> Built:
    """Build a target.

    Args:
        call: what to build.
        log: gets everything that Bazel prints.
        progress: told how far it is, a few times a second.

    Raises:
        BuildFailed: Bazel failed, with its failing action and first error lines.
        SetupError: Bazel could not be started, or failed for a reason outside the source.
        KeyboardInterrupt: passed on once Bazel has ended its actions.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="harness-build-") as scratch:
        event_file = Path(scratch) / "events.json"
        command = [call.program, "build", *call.flags, *_REPORTING, f"--build_event_json_file={event_file}", call.label]
        events = BuildEvents()
        with log.open("wb") as out, _process(command, call, out) as process:
            _watch(process, event_file, log, events, progress)
        _read_rest(event_file, events)
        if process.returncode != 0 or events.exit_name not in ("SUCCESS", None):
            raise _failure(call, events, process.returncode, log)
        outputs = events.outputs(call.label)
        name = call.label.rpartition(":")[2]
        output = next((path for path in outputs or () if path.name == name), None)
        if output is None or not output.is_file():
            raise SetupError(
                f"Bazel built {call.label}, but its output is not on this machine",
                remedy="a remote cache may hold it back: --flag=--remote_download_outputs=toplevel",
            )
    return Built(
        output=output,
        version=events.version,
        duration_s=round(time.monotonic() - started, 3),
    )


@contextlib.contextmanager
def _process(command: Sequence[str], call: BazelCall, out: BinaryIO) -> Iterator[subprocess.Popen[bytes]]:
    """Run the Bazel client in a session of its own, so that Ctrl-C reaches it once, from here: a third one would kill its server."""
    process = None
    try:
        with interrupts_held_back():
            process = _started(command, call, out)
        yield process
    finally:
        if process is not None and process.poll() is None:
            _end(process)


def _started(command: Sequence[str], call: BazelCall, out: BinaryIO) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            cwd=call.folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **call.environment},
            start_new_session=True,
        )
    except OSError as error:
        raise SetupError(
            f"cannot start {call.program}: {error.strerror}", remedy="harness build --source DIR --abi ABI --check"
        ) from None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask Bazel to end, then force it. A second Ctrl-C moves to the next step.

    The whole session gets the signal, because bazelisk passes none on (`runBazel` in its core.go). Bazel's server has a session of its own
    and ends the actions when its client tells it to.
    """
    with interrupts_held_back() as held:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            until, before = time.monotonic() + _END_S, _pressed(held)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            while process.poll() is None and _pressed(held) == before and time.monotonic() < until:
                time.sleep(_POLL_S)
            if process.returncode is not None:
                return


def _pressed(signals: Sequence[int]) -> int:
    """How many of them ask for an end; a command may go on although its terminal was closed."""
    return sum(number != signal.SIGHUP for number in signals)


def _watch(
    process: subprocess.Popen[bytes],
    event_file: Path,
    log: Path,
    events: BuildEvents,
    progress: Callable[[Advance], None],
) -> None:
    """Follow the events, and the log in between, since Bazel reports progress in events only now and then."""
    shown: Advance | None = None
    with contextlib.ExitStack() as stack:
        lines: Iterator[bytes] | None = None
        text = _follow(stack.enter_context(log.open("rb")))
        while True:
            ended = process.poll() is not None
            if lines is None and event_file.exists():
                lines = _follow(stack.enter_context(event_file.open("rb")))
            for line in _available(lines):
                events.feed(line)
            now = events.advance
            for line in _available(text):
                now = read_progress(line.decode(errors="replace").strip()) or now
            if now is not None and now != shown:
                shown = now
                progress(now)
            if ended:
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)


def _follow(stream: BinaryIO) -> Iterator[bytes]:
    """Yield whole lines as they are written; an empty one if there is none yet."""
    rest = b""
    while True:
        rest += stream.read()
        *lines, rest = rest.split(b"\n")
        yield from (line for line in lines if line)
        yield b""


def _available(lines: Iterator[bytes] | None) -> Iterator[bytes]:
    if lines is not None:
        yield from iter(lines.__next__, b"")


def _read_rest(event_file: Path, events: BuildEvents) -> None:
    """Read the whole file again if the end was missed."""
    if events.finished or not event_file.exists():
        return
    whole = BuildEvents()
    with event_file.open("rb") as stream:
        for line in stream:
            whole.feed(line)
    for name in events.__slots__:
        setattr(events, name, getattr(whole, name))


def _failure(call: BazelCall, events: BuildEvents, exit_code: int, log: Path) -> BuildFailed | SetupError:
    said = log.read_text(encoding="utf-8", errors="replace").splitlines()
    if events.failed_actions:
        action = events.failed_actions[0]
        what = f"{action.kind} {action.label}"
        lines = _first_errors(_stderr_of(action) or said)
        return BuildFailed(f"the build failed at {what}", action=what, lines=lines, log=log)
    lines = tuple(events.problems) or tuple(line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: "))
    if events.exit_name == "INTERRUPTED" or exit_code == 8:
        return SetupError("the build was interrupted", remedy=f"run it again: what is built is kept; log: {log}")
    if not lines and events.exit_name is None:
        last = next((line for line in reversed(said) if line.strip()), f"exit code {exit_code}")
        return SetupError(f"Bazel did not run: {_cut(last)}", remedy=f"log: {log}")
    shown = tuple(_cut(line) for line in lines[:_MAX_LINES])
    return BuildFailed(f"the build of {call.label} failed", action=None, lines=shown, log=log)


def _stderr_of(action: FailedAction) -> list[str]:
    if action.stderr_path is None:
        return []
    try:
        return action.stderr_path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _first_errors(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the first errors with the lines right after them, where a compiler shows the place; else the first lines."""
    chosen: list[str] = []
    after = 0
    for line in lines:
        if _TELLING.search(line):
            after = 3
        if after and len(chosen) < _MAX_LINES:
            chosen.append(_cut(line))
            after -= 1
    return tuple(chosen or [_cut(line) for line in lines if line.strip()][:_MAX_LINES])


def _cut(line: str) -> str:
    text = "".join(c if c.isprintable() else " " for c in line.expandtabs())
    return text if len(text) <= _MAX_WIDTH else text[: _MAX_WIDTH - 3] + "..."
