"""Separates the runs of the tool in a log, so that numbers of two runs never mix.

People put several runs into one file, logcat interleaves processes, and an extract may have lost every line with which a run begins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.benchmark_model.failures import FailureEvidence
from harness.benchmark_model.foreign.log_prefixes import LOG_BRACKET, LogPrefixes
from harness.benchmark_model.foreign.process_ids import split_by_process
from harness.benchmark_model.foreign.unknown_prefix import without_unknown_prefix
from harness.benchmark_model.foreign.wrapped import rejoin
from harness.benchmark_model.performance_options import is_of_performance_options
from harness.benchmark_model.reader import Reading
from harness.records.causes import Cause

_STARTING = re.compile(r"STARTING![ \t]{0,80}(?:\n|$)")
_PARAMETERS = re.compile(r"Log parameter values verbosely: \[")
"""The first line of the Android app, which does not print `STARTING!`."""

MIXED = "lines of several processes alternate here, and no process ids tell them apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRun:
    """One run of the tool and its reading."""

    text: str
    reading: Reading
    pid: int | None = None
    """Process id, if the log holds several processes."""


def read_runs(text: str) -> list[ToolRun]:
    """Read each run of a log, in the order of their ends. There is always at least one."""
    runs = []
    for pid, lines in split_by_process(text):
        of_options = is_of_performance_options(lines)
        for part, reading in _read_runs_of_process(lines):
            reading.of_options = of_options
            runs.append(ToolRun(text=part, reading=reading, pid=pid))
    return runs


def _read_runs_of_process(text: str) -> list[tuple[str, Reading]]:
    runs = _read_each(text)
    last = runs[-1][1]
    if last.begins or last.timings_seen or last.counts.announced or last.litert.seen:
        return runs
    stripped = without_unknown_prefix(text)
    if stripped is None:
        return runs
    runs = _read_each(stripped)
    for _, reading in runs:
        reading.notes.append("something unknown stands before each line; it was taken off")
    return runs


def _read_each(text: str) -> list[tuple[str, Reading]]:
    parts = [_split_and_read(rejoin(part)) for part in split_at_beginnings(text)]
    ended = [part[0][1].timings_seen or part[0][1].failing_line for part in parts]
    for number, part in enumerate(parts):
        if len(part) > 1 and not all(ended[:number]):
            # An earlier run that had not ended before this one began ends within it.
            for _, reading in part:
                reading.evidence.append(FailureEvidence(Cause.UNKNOWN, MIXED))
    return [run for part in parts for run in part]


def split_at_beginnings(text: str) -> list[str]:
    """Split a text before each line with which a run begins. Text before the first such line belongs to the first run."""
    for word, marker in (("STARTING!", _STARTING), ("Log parameter values verbosely: [", _PARAMETERS)):
        if text.count(word) < 2:
            continue
        starts = [text.rfind("\n", 0, match.start()) + 1 for match in marker.finditer(text)]
        if len(starts) > 1:
            ends = [*starts[1:], len(text)]
            return [text[start:end] for start, end in zip([0, *starts[1:]], ends, strict=True)]
    return [text]


def _split_and_read(text: str) -> list[tuple[str, Reading]]:
    """Read runs that follow each other without such a line.

    Text after a run's timings may begin another run or belong to the same one (an appended stream). It counts as another run if a line says
    so, or if it has timings of its own.
    """
    current = Reading(strip_prefix=LogPrefixes())
    another: Reading | None = None
    sure = False
    """A line shows beyond doubt that `another` is another run."""
    begun = 0
    starts = [0]
    lines = text.split("\n")
    last = len(lines) - 1
    foreign = LOG_BRACKET.match
    for number, raw in enumerate(lines):
        if raw[:1] == "[" and raw[-1:] != "]" and (raw[1:2] == " " or foreign(raw) is None):
            continue  # drivers print such lines by the ten thousand
        cut = number == last
        finished = current.timings_seen
        current.line(raw, cut=cut)
        if not finished:
            continue
        if another is None and current.begun:
            another = Reading(strip_prefix=LogPrefixes())
            sure, begun = False, number
        if another is not None:
            another.line(raw, cut=cut)
            sure = sure or another.begun == "surely"
            if another.timings_seen:
                if _same_results(another, current):
                    another = None
                    continue
                current, another = another, None
                starts.append(begun)
    if another is not None and sure:
        current = another
        starts.append(begun)
    parts = ["\n".join(lines[start:end]) for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
    return [*((part, _read(part)) for part in parts[:-1]), (parts[-1], current)]


def _same_results(one: Reading, other: Reading) -> bool:
    """Return whether a run's timings are merely printed again, maybe in the other form, as some ports do."""
    both = one.timings_text.keys() & other.timings_text.keys()
    return "inference" in both and all(one.timings_text[key] == other.timings_text[key] for key in both)


def _read(text: str) -> Reading:
    reading = Reading(strip_prefix=LogPrefixes())
    # Its last line has a line end, because another run follows.
    reading.read(f"{text}\n")
    return reading
