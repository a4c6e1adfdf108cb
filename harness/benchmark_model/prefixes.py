"""Takes off what the tool and the runtime print before a message: levels, source locations, and their loggers' columns.

Each pattern is matched once at the start of a line and has no unbounded repetition, so a line costs time in proportion to its prefix.

`foreign.log_prefixes` takes off what logcat, consoles and documents add to recorded lines.

Sources: TensorFlow Lite's minimal logging, TensorFlow's and absl's log prefixes, and LiteRT's `LITERT_LOG`.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Line(NamedTuple):
    """A line without its prefix.

    `level` is one of `VDIWEF`, or empty where the line does not say. `ours` is False for a line of another program.
    """

    level: str
    text: str
    ours: bool = True


FOREIGN = Line("", "", ours=False)
"""A line to pass over: it begins with a bracket that is not the tool's."""

TIME = r"\d\d:\d\d:\d\d[.,]\d{3,9}"
LEVEL = re.compile(r"(VERBOSE|DEBUG|INFO|WARNING|WARN|ERROR|FATAL): ?(?:WARNING: )?")
"""The second level is part of some messages: `WARN: WARNING: unrecognized commandline flag: --x`."""
LOCATION = re.compile(r"\[[\w./+@-]{1,200}:\d{1,6}\] ?")
ABSL = re.compile(r"(?P<level>[IWEF])\d{4} \d\d:\d\d:\d{2,12}\.\d{1,9} {1,8}\d{1,9} [\w./+-]{1,200}:\d{1,6}\] ?")
TENSORFLOW = re.compile(rf"\d{{4}}-\d\d-\d\d {TIME}: (?P<level>[IWEF]) [\w./+-]{{1,200}}:\d{{1,6}}\] ?")
NATIVE_LOCATION = re.compile(r"[\w./+-]{1,200}\.(?:cc|h|cpp):\d{1,6} ")
"""Source location that TensorFlow's logging puts before a message, after its tag `native`."""
_NATIVE = re.compile(rf"native : (?:{NATIVE_LOCATION.pattern})?")
TOOL_BRACKET = re.compile(r"\[(?:[nN]ode type\]|Init Phase\]|Overall\]|[\w./+@-]{1,200}:\d{1,6}\])")
"""Beginning of a line with a bracket that is the tool's."""
_MAY_START = frozenset("0123456789VDIWEFn")
"""First characters of all prefixes; other lines skip the patterns."""


def strip_tool_prefix(raw: str) -> Line:
    """Take off what the tool or the runtime printed before a message.

    White space at the start of a line stays, because it separates columns in the tables.
    """
    first = raw[:1]
    level, text = "", raw
    if first == "[":
        if TOOL_BRACKET.match(raw) is None:
            return FOREIGN  # drivers print such lines by the ten thousand
    elif first in _MAY_START and first:
        pattern = TENSORFLOW if first.isdigit() else _NATIVE if first == "n" else ABSL
        if (match := pattern.match(raw)) is not None:
            level, text = match.groupdict().get("level", ""), raw[match.end() :]
        level, text = strip_level(level, text)
    return Line(level, strip_location(text))


def strip_level(level: str, text: str) -> tuple[str, str]:
    """Return the level with which the message begins, else `level`; and the message without it."""
    match = LEVEL.match(text)
    return (level, text) if match is None else (match[1][0], text[match.end() :])


def strip_location(text: str) -> str:
    """Remove the source location before a message."""
    match = LOCATION.match(text) if text[:1] == "[" else None
    return text if match is None else text[match.end() :]
