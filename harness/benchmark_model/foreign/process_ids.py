"""Splits a log of several processes at once, such as a logcat, by the process id before each line.

Numbers of two processes never mix, even if their lines alternate.
"""

from __future__ import annotations

import re
from collections import Counter

from harness.benchmark_model.foreign.log_prefixes import is_own, strip_log_prefix
from harness.benchmark_model.needles import present

_TIME = r"\d\d:\d\d:\d\d[.,]\d{3,9}"
_ID = re.compile(
    r"(?:[>#] ?){0,4}"
    r"(?:"
    rf"(?:\d{{4}}-)?\d\d-\d\d {{1,2}}{_TIME}(?: ?[+-]\d{{4}})?:? {{1,6}}"
    r"(?:(?:[\w.]{1,32} {1,8})?(\d{1,9}) {1,8}\d{1,9} {1,4}[VDIWEFA] "  # threadtime
    r"|[VDIWEFA]/[^:(]{0,80}\( {0,8}(\d{1,9})\):"  # time
    r"|(\d{1,9})-\d{1,9}/\S{1,100} [VDIWEFA]/"  # Android Studio to 2022
    r"|(\d{1,9})-\d{1,9} {1,8}\S{1,80} "  # and since
    r"|[\w.-]{1,80}\[(\d{1,9}):\d{1,9}\] )"  # Apple's NSLog
    r"| {0,20}\d{9,12}\.\d{3,9} {1,8}(\d{1,9}) {1,8}\d{1,9} [VDIWEFA] "  # epoch
    r"|[VDIWEFA]/[^:(]{0,80}\( {0,8}(\d{1,9})\):"  # brief
    r"|[^\[\]]{0,120}\w\[(\d{1,9})\]: "  # syslog, journalctl
    r")"
)
_ID_ABOVE = re.compile(
    rf"\[ {{1,4}}(?:\d{{4}}-)?\d\d-\d\d {_TIME} {{1,8}}(\d{{1,9}}): {{0,8}}\d{{1,9}} [VDIWEFA]/(.{{0,80}})"
)
"""`adb logcat -v long` has a header above each message."""
_TOOL_WORDS = (
    "STARTING!",
    "Log parameter values verbosely: [",
    "Initialized session in ",
    "Running benchmark for ",
    "timings in us: ",
    "BENCHMARK RESULTS",
)
"""Text that only the tool prints (the first ends its line): other apps that use the runtime log under the same tags."""
_TOOL = re.compile(
    "|".join(re.escape(word) + (r"\s*$" if word == "STARTING!" else "") for word in _TOOL_WORDS), re.MULTILINE
)


def split_by_process(text: str) -> list[tuple[int | None, str]]:
    """Return the text of each process of the tool, in the order of their ends; the whole text without an id if there is only one.

    A line without an id belongs to the process of the line before it. A line of another program, such as the system's crash report, goes to
    the process whose id it names, or to all. A line of another app's runtime goes to none. Linear: each line is matched once, at its start.
    """
    if not present(text, _TOOL_WORDS) or _TOOL.search(text) is None:
        return [(None, text)]
    lines = text.split("\n")
    if not any(map(_has_id, lines)):
        return [(None, text)]
    owners, foreign = _owners(lines)
    tools = {
        owner
        for line, owner, other in zip(lines, owners, foreign, strict=True)
        if not other and _TOOL.search(line) is not None and strip_log_prefix(line).ours
    }
    counts = Counter(owner for line, owner in zip(lines, owners, strict=True) if line)
    # A number that changes with every line is a line counter.
    if not tools or None in tools or len(counts) < 2 or all(counts[pid] == 1 for pid in tools):
        return [(None, text)]
    ends = {owner: number for number, owner in enumerate(owners) if lines[number]}
    order = sorted((pid for pid in tools if pid is not None), key=ends.__getitem__)
    parts: dict[int, list[str]] = {pid: [] for pid in order}
    whole = len(order) == 1
    for line, owner, other in zip(lines, owners, foreign, strict=True):
        if owner in parts:
            parts[owner].append(line)
        elif owner is not None and not other and strip_log_prefix(line).ours:
            whole = False
        else:
            named = [pid for pid in order if owner is not None and re.search(rf"\b{pid}\b", line)]
            for pid in named or order:
                parts[pid].append(line)
    if whole:
        return [(None, text)]
    # Only the last line of the whole text may lack its line end.
    return [(pid, "\n".join(parts[pid]) + ("" if pid == owners[-1] else "\n")) for pid in order]


def _has_id(line: str) -> bool:
    # Drivers print lines with a bracket by the ten thousand; an id stands in one only after `[ ` and a date.
    if line[:2] == "[ " and "-" not in line[:12]:
        return False
    # Rows of a profile begin with a tab, and only syslog's pattern, the slowest, begins with any text.
    if line[:1] == "\t" and "]: " not in line:
        return False
    return _ID.match(line) is not None or _ID_ABOVE.match(line) is not None


def _owners(lines: list[str]) -> tuple[list[int | None], list[bool]]:
    """Return the process of each line, and whether the header above the line is another program's.

    The process is None before the first id, and from a line of the tool without an id on.
    """
    owners: list[int | None] = []
    foreign: list[bool] = []
    owner: int | None = None
    headed = other = False
    for line in lines:
        if (match := _ID_ABOVE.match(line)) is not None:
            owner, headed, other = int(match[1]), True, not is_own(match[2])
        elif (match := _ID.match(line)) is not None:
            owner, headed, other = int(match[match.lastindex or 0]), False, False
        elif not headed and owner is not None and _TOOL.search(line) is not None:
            owner = None
        owners.append(owner)
        foreign.append(other)
    return owners, foreign
