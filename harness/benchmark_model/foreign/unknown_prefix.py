"""Removes an unknown prefix from every message, learned from lines that are the tool's beyond doubt.

Test runners, container logs and consoles put anything before a line: a counter, a time, a level in brackets, a table cell.
"""

from __future__ import annotations

import re
from collections import Counter

from harness.benchmark_model.needles import present

_ANCHORS = (
    "STARTING!",
    "Log parameter values verbosely: [",
    "Initialized session in ",
    "Running benchmark for ",
    "Inference timings in us: Init: ",
    "Average inference timings in us: Warmup: ",
    "Profiling Info for Benchmark Initialization:",
    "Operator-wise Profiling Info for Regular Benchmark Runs:",
    "============================== Run Order ",
    "============================== Top by Computation Time ",
    "============================== Summary by node type ",
    "Timings (microseconds): count=",
)
_MOST_ANCHORS = 50
_LONGEST = 120
_LEVEL = re.compile(r"(?:VERBOSE|DEBUG|INFO|WARNING|WARN|ERROR|FATAL): ?$")
_PART = re.compile(r"\d+|\s+|[VDIWEF]\b|(?:VERBOSE|DEBUG|INFO|WARNING|WARN|ERROR|FATAL)\b|.", re.DOTALL)
_VARIABLE = (
    (re.compile(r"\d+"), r"\d{1,20}"),
    (re.compile(r"\s+"), r"[ \t]{0,40}"),
    (re.compile(r"[VDIWEF]"), r"[VDIWEF]"),
    (re.compile(r"[A-Z]{4,}"), r"(?:VERBOSE|DEBUG|INFO|WARNING|WARN|ERROR|FATAL)"),
)


def without_unknown_prefix(text: str) -> str | None:
    """Remove the prefix of each message, and its suffix in a table or a string. Return None if nothing can be learned."""
    shapes: Counter[tuple[str, str]] = Counter()
    for anchor in present(text, _ANCHORS):
        position = text.find(anchor)
        for _ in range(_MOST_ANCHORS):
            if position < 0:
                break
            start = text.rfind("\n", max(0, position - 4 * _LONGEST), position) + 1
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            before = _LEVEL.sub("", text[start:position])
            after = text[position + len(anchor) : end] if anchor == "STARTING!" else ""
            if before.strip(" \t=") and len(before) <= _LONGEST and len(after) <= 20:
                shapes[_shape(before), after.rstrip()] += 1
            position = text.find(anchor, end)
    if not shapes:
        return None
    prefix = Counter({shape: number for (shape, _), number in shapes.items()}).most_common(1)[0][0]
    suffix = next((after for (shape, after) in shapes if shape == prefix and after), "")
    pattern = re.compile(f"^{prefix}", re.MULTILINE)
    stripped = pattern.sub("", text)
    if suffix:
        stripped = re.sub(rf"{re.escape(suffix)}[ \t]{{0,40}}$", "", stripped, flags=re.MULTILINE)
    return stripped


def _shape(prefix: str) -> str:
    """Make a pattern for prefixes of the same form, with other digits, other blanks or another level.

    The number of blanks at its end is fixed, because the message may be indented.
    """
    stem = prefix.rstrip()
    parts = [
        next((general for form, general in _VARIABLE if form.fullmatch(part)), re.escape(part))
        for part in _PART.findall(stem)
    ]
    return "".join(parts) + re.escape(prefix[len(stem) :])
