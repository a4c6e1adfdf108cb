"""Where a lane's milliseconds go between its first process and its last: the harness's spans, cut by what the devices say. Pure.

The harness writes spans (`harness run --trace`), each device notes when it started a shell and a process, and each waiting process notes
when it began and ended. All by one clock, since everything runs on one machine.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

PROCESS = "process"
BETWEEN_SPANS = "scheduling (in no span)"


Seconds = defaultdict[str, float]


@dataclass(frozen=True, slots=True)
class Slice:
    """A span of the harness, in seconds since the epoch."""

    name: str
    began: float
    ended: float
    cpu_s: float


@dataclass(slots=True)
class Parts:
    """Seconds by part: of lanes' time, of CPU in the lanes' threads, and of spans beside the lanes."""

    lane: Seconds = field(default_factory=lambda: defaultdict(float))
    cpu: Seconds = field(default_factory=lambda: defaultdict(float))
    beside: Seconds = field(default_factory=lambda: defaultdict(float))
    gaps: int = 0
    """Ends of a process with a beginning of the next one of the same device behind it."""


@dataclass(frozen=True, slots=True)
class Device:
    """What really happened on a device."""

    processes: Sequence[tuple[float, float]]
    shells: Sequence[float]
    """When shells were started for requests."""


def device_of(processes: Sequence[tuple[float, float]], events: Iterable[Mapping[str, Any]]) -> Device:
    """Read a device's record."""
    return Device(processes, [float(event["t"]) for event in events if event["event"] == "spawn"])


def read_trace(document: Mapping[str, Any]) -> dict[str, list[Slice]]:
    """Return the spans of each thread."""
    zero = datetime.fromisoformat(document["otherData"]["began"]).timestamp()
    names = {e["tid"]: e["args"]["name"] for e in document["traceEvents"] if e["name"] == "thread_name"}
    tracks: dict[str, list[Slice]] = {name: [] for name in names.values()}
    for event in document["traceEvents"]:
        if event["ph"] == "X":
            began = zero + event["ts"] / 1e6
            cpu_s = event["args"].get("cpu_ms", 0.0) / 1e3
            tracks[names[event["tid"]]].append(Slice(event["name"], began, began + event["dur"] / 1e6, cpu_s))
    return tracks


def parts_of(tracks: Mapping[str, Sequence[Slice]], devices: Mapping[str, Device]) -> Parts:
    """Sum up all lanes, from each device's first process to its last; threads that are no lane count as beside."""
    parts = Parts()
    first = min((d.processes[0][0] for d in devices.values() if d.processes), default=0.0)
    last = max((d.processes[-1][1] for d in devices.values() if d.processes), default=0.0)
    for track, slices in tracks.items():
        if track in devices:
            if devices[track].processes:
                _add_lane(parts, slices, devices[track])
        else:
            whole = [one for one in slices if first <= one.began and one.ended <= last]
            for name, wall, _ in _own(whole, first, last):
                parts.beside[name] += wall
    return parts


def _add_lane(parts: Parts, slices: Sequence[Slice], device: Device) -> None:
    began, ended = device.processes[0][0], device.processes[-1][1]
    parts.gaps += len(device.processes) - 1
    inside = [one for one in slices if one.ended > began and one.began < ended]
    covered = 0.0
    for name, wall, cpu in _own(inside, began, ended):
        covered += wall
        if name == "shell":
            parts.cpu["request (connect, send, receive)"] += cpu
        else:
            parts.lane[name] += wall
            parts.cpu[name] += cpu
    parts.lane[BETWEEN_SPANS] += max(0.0, (ended - began) - covered)
    for one in inside:
        if one.name == "shell":
            for name, since, until in cut_shell(one, slices, device):
                parts.lane[name] += max(0.0, min(until, ended) - max(since, began))


def cut_shell(shell: Slice, slices: Sequence[Slice], device: Device) -> list[tuple[str, float, float]]:
    """Cut one request by what the device noted meanwhile; a request without a process stays whole."""
    connected = max(
        (s.ended for s in slices if s.name == "connect" and shell.began <= s.began <= shell.ended), default=shell.began
    )
    mine = [p for p in device.processes if shell.began <= p[0] <= shell.ended]
    if not mine:
        return [("shell without a process", connected, shell.ended)]
    # The shell may run before the answer to the request has come back.
    at = max(connected, _first(device.shells, shell.began, mine[0][0], default=connected))
    cuts = [("request reaches the device", connected, at)]
    for number, (began, ended) in enumerate(mine):
        before = (
            "shell start, conditions before, start of the process"
            if number == 0
            else "between two processes of a shell"
        )
        cuts += [(before, at, began), (PROCESS, began, ended)]
        at = ended
    cuts.append(("conditions after, trailer", at, shell.ended))
    return cuts


def _first(moments: Sequence[float], since: float, until: float, *, default: float) -> float:
    """Return the first of these moments in a stretch of time."""
    at = bisect.bisect_left(moments, since)
    return moments[at] if at < len(moments) and moments[at] <= until else default


def outside(
    tracks: Mapping[str, Sequence[Slice]], lanes: Sequence[str], since: float, until: float
) -> dict[str, float]:
    """Return the seconds by span of a stretch outside all processes: of the command's own thread, and of the lane that is busiest then.

    Args:
        tracks: the spans.
        lanes: names of the lanes' threads.
        since: begin of the stretch.
        until: its end.
    """
    seconds: Seconds = defaultdict(float)
    busiest: Mapping[str, float] = {}
    for track, slices in tracks.items():
        mine: Seconds = defaultdict(float)
        # A request counts for what needs it.
        for name, wall, _ in _own([one for one in slices if one.name not in ("shell", "connect")], since, until):
            mine[name] += wall
        if track in lanes:
            busiest = max(busiest, mine, key=lambda one: sum(one.values()))
        elif track == "MainThread":
            # While lanes run, the command only waits for them.
            seconds.update((name, wall) for name, wall in mine.items() if name != "measure")
    for name, wall in busiest.items():
        seconds[name] += wall
    seconds["start of Python, imports, the rest"] = max(0.0, until - since - sum(seconds.values()))
    return dict(seconds)


def _own(slices: Sequence[Slice], since: float, until: float) -> list[tuple[str, float, float]]:
    """Return name, wall and CPU seconds of each span without the spans inside it, cut to a stretch of time."""
    found = []
    ordered = sorted(slices, key=lambda one: (one.began, -one.ended))
    inner_wall, inner_cpu = [0.0] * len(ordered), [0.0] * len(ordered)
    stack: list[int] = []
    for index, one in enumerate(ordered):
        while stack and ordered[stack[-1]].ended <= one.began:
            stack.pop()
        if stack:
            inner_wall[stack[-1]] += _within(one, since, until)
            inner_cpu[stack[-1]] += one.cpu_s
        stack.append(index)
    for index, one in enumerate(ordered):
        wall = _within(one, since, until)
        share = wall / (one.ended - one.began) if one.ended > one.began else 1.0
        found.append((one.name, max(0.0, wall - inner_wall[index]), max(0.0, one.cpu_s - inner_cpu[index]) * share))
    return found


def _within(one: Slice, since: float, until: float) -> float:
    return max(0.0, min(one.ended, until) - max(one.began, since))


def busy_seconds(devices: Mapping[str, Device]) -> float:
    """Return the seconds in which processes ran, of all devices."""
    return sum(ended - began for device in devices.values() for began, ended in device.processes)


def gaps_of(processes: Sequence[tuple[float, float]]) -> list[float]:
    """Return the seconds from each process's end to the next one's beginning."""
    return [later[0] - earlier[1] for earlier, later in pairwise(processes)]
