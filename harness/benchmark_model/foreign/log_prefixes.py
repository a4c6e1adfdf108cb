"""Takes off the prefixes that logcat, consoles, CI systems and documents put before a message, besides the tool's own.

A logcat contains lines of other programs too; their tag tells them apart. Every pattern is matched once at the start of a line and has no
unbounded repetition, so a line costs time in proportion to its prefix.

Sources: `adb logcat -v` (brief, time, threadtime, year, uid, zone, usec, epoch, long), Android Studio's two exports, Apple's NSLog.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.benchmark_model.prefixes import (
    ABSL,
    FOREIGN,
    NATIVE_LOCATION,
    TENSORFLOW,
    TIME,
    TOOL_BRACKET,
    Line,
    strip_level,
    strip_location,
)

_OWN_TAGS = ("tflite", "litert", "tensorflow", "native", "benchmark")

_LOGCAT = re.compile(
    rf"(?:\d{{4}}-)?\d\d-\d\d {{1,2}}{TIME}(?: [+-]\d{{4}})?:? {{1,6}}"
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
_CI_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d) ")

_BRACKETED_TIME = re.compile(r"\[(?:\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\] ?")
LOG_BRACKET = re.compile(rf"{TOOL_BRACKET.pattern}|\[\d{{4}}-\d\d-\d\d[ T]")
"""Beginning of a line with a bracket that is the tool's or a time."""

_MAY_WRAP = frozenset("[>#\u25140123456789")
_MOST_WRAPPERS = 3
"""Most prefixes of one line: a quoted line of a CI log has this many."""
_MAY_START = frozenset("0123456789VDIWEFA.tln")
"""First characters of all prefixes; other lines skip the patterns."""


@dataclass(slots=True)
class LogPrefixes:
    """Takes off prefixes line by line, and remembers headers: `adb logcat -v long` prints one above each message."""

    _other_program: bool = False
    """The last header was of another program."""

    def __call__(self, raw: str) -> Line:
        """Take the next line of a log."""
        if raw[:1] == "[":
            if raw[:2] == "[ " and raw[-1:] == "]" and (header := _LONG.match(raw)) is not None:
                self._other_program = not is_own(header["tag"])
                return FOREIGN
            if LOG_BRACKET.match(raw) is None:
                return FOREIGN
        line = strip_log_prefix(raw)
        return line._replace(ours=False) if self._other_program and line.text else line


def strip_log_prefix(raw: str) -> Line:
    """Take off everything before the message.

    Leading white space outside a prefix stays, because it separates columns in the tables.
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
    """Take off the prefix of an indented line, as in a document: it begins after the blanks, if there is one."""
    body = raw.lstrip(" \t")
    if body[:1] == "[":
        return Line("", raw)
    line = _strip(body)
    # A table's row may begin with a word and a colon, but a program's log line would have a time before them.
    return line if line.text != body and (line.ours or body[:1].isdigit()) else Line("", raw)


def is_own(tag: str) -> bool:
    """Return whether a logcat tag is the tool's or the runtime's."""
    return tag.lower().startswith(_OWN_TAGS)


def _strip(raw: str) -> Line:
    first = raw[:1]
    level = tag = ""
    text = raw
    if first == "[":
        if LOG_BRACKET.match(raw) is None:
            return FOREIGN
    elif first in _MAY_START and first:
        if first.isdigit():
            match = TENSORFLOW.match(raw) or _LOGCAT.match(raw) or _EPOCH.match(raw) or _NSLOG.match(raw)
        else:
            match = _BRIEF.match(raw) or _TAG.match(raw) or _BARE_TAG.match(raw) or ABSL.match(raw)
        if match is not None:
            groups = match.groupdict()
            level = next((groups[name] for name in groups if name.endswith("level") and groups[name]), "")
            tag = next((groups[name] for name in groups if name.endswith("tag") and groups[name]), "")
            text = raw[match.end() :]
            if tag and not is_own(tag):
                return Line(level, text, ours=False)
            if tag == "native" and (match := NATIVE_LOCATION.match(text)) is not None:
                text = text[match.end() :]
        level, text = strip_level(level, text)
    return Line(level, strip_location(text))
