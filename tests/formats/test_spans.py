"""Spans: nothing while nobody records, and what is recorded reads as a trace."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

import pytest

from harness.formats.span_slices import NOTES, span_events
from harness.formats.trace_events import write_trace
from harness.records.spans import Span, SpanLog, recording, span


def written(log: SpanLog) -> dict[str, Any]:
    stream = io.StringIO()
    write_trace(span_events(log), stream, notes=NOTES, began=log.began)
    document: dict[str, Any] = json.loads(stream.getvalue())
    return document


def slices(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in document["traceEvents"] if event["ph"] == "X"]


def test_nothing_is_kept_while_nobody_records() -> None:
    with recording() as log:
        pass
    with span("late", trial="t") as tell:
        tell(more=1)
    assert log.spans == []
    assert span("a") is span("b", trial="t"), "one object for all: opening a span makes none"


def test_a_span_has_its_thread_its_facts_and_what_is_told_later() -> None:
    def lane() -> None:
        with span("script", trial="t1") as tell:
            pass
        tell(process_s=1.5)

    with recording() as log:
        thread = threading.Thread(target=lane, name="emulator-20000")
        thread.start()
        thread.join()
        with span("report"):
            pass
    script, report = log.spans
    assert (script.name, script.track, script.facts) == (
        "script",
        "emulator-20000",
        {"trial": "t1", "process_s": 1.5},
    )
    assert script.began_ns <= script.ended_ns <= report.began_ns
    assert report.track == threading.current_thread().name


def test_an_error_ends_a_span_and_is_named() -> None:
    with recording() as log, pytest.raises(ZeroDivisionError), span("parse"):
        raise ZeroDivisionError
    assert log.spans[0].facts == {"error": "ZeroDivisionError"}


def test_the_trace_is_json_with_a_slice_per_span_and_parents_first() -> None:
    with recording() as log, span("trial", trial="t1"):
        with span("parse", trial="t1"):
            pass
        times = (log.began_ns + 1_000, log.began_ns + 501_000, 2_000_000)
        log.spans.append(Span("process", "device", *times, {"trial": "t1", "unknown": None}))
    document = written(log)
    assert document["otherData"]["began"] == log.began.isoformat()
    by_name = {event["name"]: event for event in slices(document)}
    assert by_name.keys() == {"trial", "parse", "process"}
    trial, parse, process = (by_name[name] for name in ("trial", "parse", "process"))
    assert trial["ts"] <= parse["ts"]
    assert parse["ts"] + parse["dur"] <= trial["ts"] + trial["dur"]
    assert (process["ts"], process["dur"]) == (1, 500)
    assert parse["args"]["trial"] == "t1"
    assert parse["args"]["cpu_ms"] >= 0
    assert process["args"] == {"cpu_ms": 2.0, "trial": "t1"}
    assert process["tid"] != trial["tid"] == parse["tid"]
    names = {event["args"]["name"] for event in document["traceEvents"] if event["ph"] == "M"}
    assert names == {"harness", "device", threading.current_thread().name}
    order = [event["name"] for event in slices(document)]
    assert order.index("trial") < order.index("parse")


def test_a_recording_ends_with_its_block() -> None:
    with recording() as outer:
        with recording() as inner, span("in"):
            pass
        with span("out"):
            pass
    assert [one.name for one in inner.spans] == ["in"]
    assert [one.name for one in outer.spans] == ["out"]
