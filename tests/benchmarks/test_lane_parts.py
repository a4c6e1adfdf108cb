"""Where a lane's time goes, on made-up spans with known answers."""

from __future__ import annotations

import pytest

from benchmarks.cpu_parts import Process, interpolated, parts_of
from benchmarks.lane_parts import BETWEEN_SPANS, PROCESS, Device, Slice, device_of, outside, read_trace
from benchmarks.lane_parts import parts_of as lane_parts_of

LANE = "emulator-20000"


def request(began: float, ended: float) -> list[Slice]:
    """A script's request of which the first 0.1 s are the connection."""
    return [
        Slice("script", began, ended, 0.02),
        Slice("shell", began, ended, 0.02),
        Slice("connect", began, began + 0.1, 0.01),
    ]


def test_a_request_is_cut_by_what_the_device_noted() -> None:
    device = Device(processes=[(1.0, 2.0), (4.0, 5.0)], shells=[0.2, 3.2])
    slices = [*request(0.0, 2.5), Slice("parse", 2.5, 2.7, 0.2), *request(3.0, 5.5)]
    parts = lane_parts_of({LANE: slices}, {LANE: device})
    assert parts.gaps == 1
    # From the first process's begin at 1.0 to the last one's end at 5.0; the first shell's start lies before.
    expected = {
        PROCESS: 2.0,
        "conditions after, trailer": 0.5,
        "parse": 0.2,
        BETWEEN_SPANS: 0.3,
        "connect": 0.1,
        "request reaches the device": 0.1,
        "shell start, conditions before, start of the process": 0.8,
        "script": 0.0,
    }
    assert parts.lane == pytest.approx(expected)
    assert sum(parts.lane.values()) == pytest.approx(4.0), "no time is lost and none is counted twice"
    assert parts.cpu["parse"] == pytest.approx(0.2)


def test_one_shell_may_run_several_processes() -> None:
    device = Device(processes=[(1.0, 2.0), (2.25, 3.25)], shells=[0.5])
    parts = lane_parts_of({LANE: request(0.0, 4.0)}, {LANE: device})
    assert parts.lane["between two processes of a shell"] == pytest.approx(0.25)
    assert parts.lane[PROCESS] == pytest.approx(2.0)


def test_threads_that_are_no_lane_stand_beside() -> None:
    device = Device(processes=[(1.0, 2.0), (2.1, 3.1)], shells=[0.5])
    tracks = {LANE: request(0.0, 4.0), "store": [Slice("store", 1.5, 1.9, 0.1), Slice("fsync", 1.6, 1.7, 0.0)]}
    parts = lane_parts_of(tracks, {LANE: device})
    assert parts.beside == pytest.approx({"store": 0.3, "fsync": 0.1})
    assert "store" not in parts.lane


def test_what_lies_outside_is_that_of_the_command_and_of_the_busiest_lane() -> None:
    tracks = {
        "MainThread": [Slice("measure", 2.0, 9.0, 0.0), Slice("ask devices", 0.5, 2.0, 0.1)],
        LANE: [Slice("open session", 2.0, 3.0, 0.1), Slice("shell", 2.1, 2.9, 0.0)],
        "emulator-20002": [Slice("open session", 2.0, 2.5, 0.1)],
    }
    spent = outside(tracks, [LANE, "emulator-20002"], 0.0, 4.0)
    assert spent == pytest.approx({"ask devices": 1.5, "open session": 1.0, "start of Python, imports, the rest": 1.5})


def test_a_devices_record_and_a_trace_are_read() -> None:
    events = [
        {"t": 1.0, "event": "boot"},
        {"t": 2.0, "event": "spawn", "command": "x"},
        {"t": 3.0, "event": "taskset", "command": ["sh"]},
    ]
    assert device_of([(3.5, 4.5)], events) == Device([(3.5, 4.5)], [2.0])
    document = {
        "otherData": {"began": "1970-01-01T00:00:10+00:00"},
        "traceEvents": [
            {"ph": "M", "pid": 1, "tid": 1, "name": "thread_name", "args": {"name": LANE}},
            {"ph": "X", "pid": 1, "tid": 1, "ts": 500000, "dur": 250000, "name": "parse", "args": {"cpu_ms": 100}},
        ],
    }
    assert read_trace(document) == {LANE: [Slice("parse", 10.5, 10.75, 0.1)]}


def test_cpu_time_goes_to_the_part_that_spent_it() -> None:
    processes = {
        1: Process("init", 0, 100.0, 100.0),
        10: Process("python", 1, 2.0, 0.5),  # the command
        11: Process("git", 10, 0.25, 0.0),
        20: Process("python", 1, 0.125, 0.0),  # the guardian
        21: Process("python", 20, 4.0, 8.0),  # the daemon, with the shells that it waited for
        22: Process("adb", 21, 1.0, 0.0),
        23: Process("mksh", 21, 0.5, 0.25),
        30: Process("python", 1, 3.0, 64.0),  # this benchmark
    }
    parts = parts_of(processes, command=10, guardian=20, me=30)
    assert parts == {
        "harness": 2.75,
        "adb server": 1.0,
        "virtual devices": 4.125,
        "shell and tools": 8.75,
        "this benchmark": 3.0,
    }


def test_a_moment_between_two_readings_has_a_value_between_theirs() -> None:
    readings = [(10.0, 1.0), (12.0, 2.0), (13.0, 5.0)]
    assert [interpolated(readings, at) for at in (9.0, 10.0, 11.0, 12.5, 14.0)] == [1.0, 1.0, 1.5, 3.5, 5.0]
