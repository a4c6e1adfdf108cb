"""What stands before a message: levels, logcat's columns, absl's and LiteRT's source locations.

A message of the tool looks the same everywhere once its prefix is off. In a logcat the lines of other programs stand between;
they are told apart by their tag. Every pattern here is matched once at the start of a line and repeats nothing without a bound,
so a line costs time in proportion to its prefix, whatever it holds.

Sources: `adb logcat -v` (brief, time, threadtime, year, uid, zone, usec, epoch), Android Studio's two exports, absl's log prefix,
and LiteRT's `LITERT_LOG`.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Line(NamedTuple):
    """A line without its prefix.

    `level` is one of `VDIWEF`, or empty where the line does not say. `ours` is False for a line of another program.
    `tag` is logcat's, empty elsewhere.
    """

    level: str
    text: str
    ours: bool = True
    tag: str = ""


FOREIGN = Line("", "", ours=False)
"""A line that begins with a bracket that is none of the tool's."""

_OWN_TAGS = ("tflite", "litert", "tensorflow", "native", "benchmark")

_TIME = r"\d\d:\d\d:\d\d[.,]\d{3,9}"
_LOGCAT = re.compile(
    rf"(?:\d{{4}}-)?\d\d-\d\d {{1,2}}{_TIME}(?: [+-]\d{{4}})?:? {{1,6}}"
    r"(?:"
    r"(?:(?:[\w.]{1,32} {1,8})?\d{1,9} {1,8}\d{1,9} {1,4})?(?P<level>[VDIWEFA]) (?P<tag>[^:]{0,80}?) {0,80}: ?"  # threadtime
    r"|(?P<time_level>[VDIWEFA])/(?P<time_tag>[^:(]{0,80}?) {0,80}\( {0,8}\d{1,9}\): ?"  # time
    r"|\d{1,9}-\d{1,9}/[\w.?:]{1,100} (?P<studio_level>[VDIWEFA])/(?P<studio_tag>[^:]{0,80}?): ?"  # Android Studio to 2022
    r"|\d{1,9}-\d{1,9} {1,8}(?P<new_tag>\S{1,80}) {1,80}\S{1,120} {1,40}(?P<new_level>[VDIWEFA]) {1,2}"  # and since
    r")"
)
_EPOCH = re.compile(
    r" {0,20}\d{9,12}\.\d{3,9} {1,8}\d{1,9} {1,8}\d{1,9} (?P<level>[VDIWEFA]) (?P<tag>[^:]{0,80}?) {0,80}: ?"
)
_BRIEF = re.compile(r"(?P<level>[VDIWEFA])/(?P<tag>[^:(]{0,80}?) {0,80}(?:\( {0,8}\d{1,9}\))?: ?")
_TAG = re.compile(r"(?P<level>[VDIWEFA]) (?P<tag>[^:]{1,80}?) {0,80}: ?")
_BARE_TAG = re.compile(r"(?:\.{3} {0,8})?(?P<tag>tflite|litert|native) {0,24}: ?")
_QUOTE = re.compile(r"(?:> ?){1,8}|\u2514 |# ")
_LONG = re.compile(
    r"\[ {1,4}(?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9} {1,8}\d{1,9}: {0,8}\d{1,9} (?P<level>[VDIWEFA])/(?P<tag>.{0,80}?) {0,80}\]$"
)
_NSLOG = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9}(?:[+-]\d{4})? [\w.-]{1,80}\[\d{1,9}:\d{1,9}\] ?")
_NATIVE = re.compile(r"[\w./+-]{1,200}\.(?:cc|h|cpp):\d{1,6} ")
"""What TensorFlow's own logging puts before a message under the tag `native`."""
_LEVEL = re.compile(r"(VERBOSE|DEBUG|INFO|WARNING|WARN|ERROR|FATAL): ?(?:WARNING: )?")
"""The second is a part of some messages: `WARN: WARNING: unrecognized commandline flag: --x`."""
_ABSL = re.compile(r"(?P<level>[IWEF])\d{4} \d\d:\d\d:\d{2,12}\.\d{3,9} {1,8}\d{1,9} [\w./+-]{1,200}:\d{1,6}\] ?")
_TF = re.compile(rf"\d{{4}}-\d\d-\d\d {_TIME}: (?P<level>[IWEF]) [\w./+-]{{1,200}}:\d{{1,6}}\] ?")
_CI_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d) ")
_LOCATION = re.compile(r"\[[\w./+@-]{1,200}:\d{1,6}\] ?")

_BRACKETED_TIME = re.compile(r"\[(?:\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\] ?")
TOOL_BRACKET = re.compile(r"\[(?:[nN]ode type\]|Init Phase\]|Overall\]|[\w./+@-]{1,200}:\d{1,6}\]|\d{4}-\d\d-\d\d[ T])")

"""What a line that begins with a bracket begins with, if it is any of the tool's."""

_MAY_WRAP = frozenset("[>#\u25140123456789")
_MOST_WRAPPERS = 3
"""A quoted line of a CI log is as deep as it gets."""
_MAY_START = frozenset("0123456789VDIWEFA.tln")
"""First characters of a line that can begin a prefix; all others are spared the patterns."""


def long_header(raw: str) -> Line | None:
    """The line that `adb logcat -v long` puts above each message; None for any other. The message has no prefix of its own then."""
    match = _LONG.match(raw)
    return None if match is None else Line(match["level"], "", _is_own(match["tag"]), match["tag"])


def strip_prefix(raw: str) -> Line:
    """Take off whatever stands before the message.

    Leading white space that belongs to no prefix stays: in the tables it separates columns.
    """
    if raw[:1] in (" ", "\t") and (body := raw.lstrip(" \t"))[:2] in ("# ", "> "):
        raw = body
    for _ in range(_MOST_WRAPPERS):
        first = raw[:1]
        if first not in _MAY_WRAP or not first:
            break
        match = (_BRACKETED_TIME if first == "[" else _CI_TIME if first.isdigit() else _QUOTE).match(raw)
        if match is None:
            break
        raw = raw[match.end() :]
    if raw[:1] in (" ", "\t"):
        return _indented(raw)
    return _strip(raw)


def _indented(raw: str) -> Line:
    """A line of an indented block, as in a document: its prefix begins after the blanks, if it has one."""
    body = raw.lstrip(" \t")
    if body[:1] == "[":
        return Line("", raw)
    line = _strip(body)
    # A row of a table may begin with a word and a colon; a program of that name would have logged a time before it.
    return line if line.text != body and (line.ours or body[:1].isdigit()) else Line("", raw)


def _is_own(tag: str) -> bool:
    return tag.lower().startswith(_OWN_TAGS)


def _strip(raw: str) -> Line:
    first = raw[:1]
    level = tag = ""
    text = raw
    if first == "[":
        if TOOL_BRACKET.match(raw) is None:
            return FOREIGN
    elif first in _MAY_START and first:
        if first.isdigit():
            match = _TF.match(raw) or _LOGCAT.match(raw) or _EPOCH.match(raw) or _NSLOG.match(raw)
        else:
            match = _BRIEF.match(raw) or _TAG.match(raw) or _BARE_TAG.match(raw) or _ABSL.match(raw)
        if match is not None:
            groups = match.groupdict()
            level = next((groups[name] for name in groups if name.endswith("level") and groups[name]), "")
            tag = next((groups[name] for name in groups if name.endswith("tag") and groups[name]), "")
            text = raw[match.end() :]
            if tag and not _is_own(tag):
                return Line(level, text, False, tag)
            if tag == "native" and (match := _NATIVE.match(text)) is not None:
                text = text[match.end() :]
        if (match := _LEVEL.match(text)) is not None:
            level, text = match[1][0], text[match.end() :]
    if text[:1] == "[" and (match := _LOCATION.match(text)) is not None:
        text = text[match.end() :]
    return Line(level, text, True, tag)
