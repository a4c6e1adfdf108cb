"""Which of the processes in an output is read: the last. Numbers of two are never mixed.

People put several runs into one file, `benchmark_model_performance_options` makes several in one process, and an extract of a log may have
lost every line that says where one begins.
"""

from __future__ import annotations

import re

from harness.benchmark_model.foreign.log_prefixes import LOG_BRACKET, LogPrefixes
from harness.benchmark_model.foreign.unknown_prefix import without_unknown_prefix
from harness.benchmark_model.foreign.wrapped import rejoin
from harness.benchmark_model.reader import Reading

_STARTING = re.compile(r"STARTING![ \t]{0,80}(?:\n|$)")
_PARAMETERS = re.compile(r"Log parameter values verbosely: \[")
"""The first line of the Android app, which does not print `STARTING!`."""


def last_process(text: str) -> tuple[str, int]:
    """What the last process printed, by the line with which each begins, and how many came before it."""
    for word, marker in (("STARTING!", _STARTING), ("Log parameter values verbosely: [", _PARAMETERS)):
        if text.count(word) < 2:
            continue
        starts = [match.start() for match in marker.finditer(text)]
        if len(starts) > 1:
            return text[text.rfind("\n", 0, starts[-1]) + 1 :], len(starts) - 1
    return text, 0


def read_last_process(text: str) -> tuple[Reading, int, str]:
    """Read the last process of an output; with it how many came before, and the text that was read."""
    text, restarts = last_process(text)
    reading, earlier = read_last(rejoin(text))
    if reading.begins or reading.timings_seen or reading.counts.announced or reading.litert.seen:
        return reading, restarts + earlier, text
    stripped = without_unknown_prefix(text)
    if stripped is None:
        return reading, restarts + earlier, text
    text, restarts = last_process(stripped)
    reading, earlier = read_last(rejoin(text))
    reading.notes.append("something unknown stands before each line; it was taken off")
    return reading, restarts + earlier, text


def read_last(text: str) -> tuple[Reading, int]:
    """Read the last of the runs that follow each other without such a line, and how many came before it.

    What comes after the timings of one may be the beginning of another, or belong to the same (a stream that was appended): it counts as
    another where it says so, or where it comes to timings of its own.
    """
    current = Reading(strip_prefix=LogPrefixes())
    another: Reading | None = None
    sure = False
    """Some line of the other said beyond doubt that it is another."""
    earlier = 0
    lines = text.split("\n")
    last = len(lines) - 1
    foreign = LOG_BRACKET.match
    for number, raw in enumerate(lines):
        if raw[:1] == "[" and raw[-1:] != "]" and foreign(raw) is None:
            continue  # drivers print such lines by the ten thousand
        cut = number == last
        finished = current.timings_seen
        current.line(raw, cut=cut)
        if not finished:
            continue
        if another is None and current.begun:
            another = Reading(strip_prefix=LogPrefixes())
            sure = False
        if another is not None:
            another.line(raw, cut=cut)
            sure = sure or another.begun == "surely"
            if another.timings_seen:
                current, another = another, None
                earlier += 1
    if another is not None and sure:
        return another, earlier + 1
    return current, earlier
