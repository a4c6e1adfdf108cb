"""Writes the harness's own spans (`harness.records.spans`) as a trace for Perfetto. Pure.

Tracks are threads: the command itself, each device's lane, `results` (stores results), `ask_0` and so on (query devices), and those that
push beside a lane. `args.cpu_ms` is the CPU time of the thread in that span, with the spans inside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.formats.trace_events import TraceEvent, known, names_of, slice_event
from harness.records.spans import SpanLog

PROCESS = "harness"

NOTES = (
    "ts counts from otherData.began. A slice is what the harness did, or waited for: the difference is args.cpu_ms.",
    "A slice inside another is part of it.",
)


def span_events(log: SpanLog) -> Iterator[TraceEvent]:
    """Yield the events of a recording, parents before the spans inside them."""
    tracks = {name: number for number, name in enumerate(dict.fromkeys(span.track for span in log.spans), 1)}
    yield from names_of(1, PROCESS, {number: name for name, number in tracks.items()})
    for span in sorted(log.spans, key=lambda span: (span.began_ns, -span.ended_ns)):
        facts = known({"cpu_ms": span.cpu_ns / 1e6, **{name: _plain(value) for name, value in span.facts.items()}})
        began_ns, ended_ns = span.began_ns - log.began_ns, span.ended_ns - log.began_ns
        yield slice_event(1, tracks[span.track], span.name, began_ns, ended_ns, facts)


def _plain(value: object) -> object:
    return value if isinstance(value, int | float | str | None) else str(value)
