"""The log of a virtual device, and `logcat` in the format `threadtime` (AOSP system/logging, logprint.cpp)."""

from __future__ import annotations

import getopt
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from harness.virtual.android.bus import CommandAnswer

LogName = Literal["main", "system", "crash"]

_MOST_LINES = 2000
_SYSTEM_PID = 1000
_NAMES: tuple[LogName, ...] = ("main", "system", "crash")
_USAGE = "logcat: a virtual device understands `logcat -c` and `logcat -d [-b BUFFER] [-v threadtime] [-t|-T COUNT|TIME]` only\n"


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log. `at_s` is in seconds since the epoch."""

    at_s: float
    pid: int
    level: str
    tag: str
    message: str
    buffer: LogName = "main"

    def __str__(self) -> str:
        stamp = time.strftime("%m-%d %H:%M:%S", time.localtime(self.at_s))
        milliseconds = int(self.at_s * 1000) % 1000
        return f"{stamp}.{milliseconds:03d} {self.pid:5d} {self.pid:5d} {self.level} {self.tag:<8}: {self.message}"


class LogBuffer:
    """A device's log since its boot; the oldest lines are dropped once there are too many."""

    def __init__(self) -> None:
        self._lines: list[LogLine] = []

    def write(
        self, tag: str, message: str, *, level: str = "I", pid: int = _SYSTEM_PID, buffer: LogName = "main"
    ) -> LogLine:
        """Add a line, and return it."""
        line = LogLine(time.time(), pid, level, tag, message, buffer)
        self._lines.append(line)
        del self._lines[:-_MOST_LINES]
        return line

    def take_back(self, lines: Sequence[LogLine]) -> None:
        """Remove these lines."""
        self._lines = [line for line in self._lines if not any(line is other for other in lines)]

    def answer(self, words: list[str]) -> CommandAnswer:
        """Answer `logcat WORDS`."""
        try:
            options, rest = getopt.gnu_getopt(words, "cdb:v:t:T:")
        except getopt.GetoptError as error:
            return CommandAnswer(err=f"logcat: {error}\n{_USAGE}", code=1)
        given = dict(options)
        names = [name for option, value in options if option == "-b" for name in value.split(",")]
        if rest or not given.keys() & {"-c", "-d", "-t"} or given.get("-v", "threadtime") != "threadtime":
            return CommandAnswer(err=_USAGE, code=1)
        if unknown := [name for name in names if name not in (*_NAMES, "all", "default")]:
            return CommandAnswer(err=f"unknown buffer {unknown[0]}\n", code=1)
        shown = _NAMES if not names or {"all", "default"} & set(names) else tuple(n for n in _NAMES if n in names)
        if "-c" in given:
            self._lines = [line for line in self._lines if line.buffer not in shown]
            return CommandAnswer()
        lines = [line for line in self._lines if line.buffer in shown]
        since = given.get("-t", given.get("-T"))
        if since is not None:
            if since.isdigit():
                lines = lines[-int(since) :] if int(since) else []
            elif (at_s := _seconds(since)) is not None:
                lines = [line for line in lines if line.at_s >= at_s]
            else:
                return CommandAnswer(err=f"-T {since} not in time format\n", code=1)
        return CommandAnswer(out=_text(lines, shown[0]))


def _text(lines: Iterable[LogLine], first: LogName) -> str:
    """Return the lines; each buffer is announced at its first line."""
    begun: list[LogName] = [first]
    text = [f"--------- beginning of {first}"]
    for line in lines:
        if line.buffer not in begun:
            begun.append(line.buffer)
            text.append(f"--------- beginning of {line.buffer}")
        text.append(str(line))
    return "\n".join(text) + "\n"


def _this_year() -> int:
    return time.localtime().tm_year


def _seconds(text: str) -> float | None:
    """Convert a time of logcat to seconds since the epoch: `MM-DD hh:mm:ss.mmm`, the same after `YYYY-`, or seconds."""
    for format_, given in (
        ("%Y-%m-%d %H:%M:%S.%f", text),
        ("%Y-%m-%d %H:%M:%S.%f", f"{_this_year()}-{text}"),
    ):
        try:
            return datetime.strptime(given, format_).timestamp()  # the device's own time zone
        except ValueError:
            continue
    try:
        return float(text)
    except ValueError:
        return None
