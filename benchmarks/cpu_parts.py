"""CPU time of the parts of a measurement, from /proc/PID/stat: harness, ADB server, virtual devices, and what runs on them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

PARTS = ("harness", "adb server", "virtual devices", "shell and tools", "this benchmark")
"""`virtual devices` is the farm's own daemon; `shell and tools` what it started for the devices; `this benchmark` holds the proxy."""
OTHERS = "other work"
"""CPU time of everything else on this machine. What ends without being waited for counts here, too."""

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """One line of /proc/PID/stat. Times are in seconds; `ended_s` is of children that were waited for."""

    name: str
    parent: int
    own_s: float
    ended_s: float


def read_processes() -> dict[int, Process]:
    """Read all processes of this machine, by PID."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                text = Path(entry.path, "stat").read_text(errors="replace")
            except OSError:
                continue
            name, _, rest = text.partition("(")[2].rpartition(")")
            words = rest.split()
            user, system, children_user, children_system = (int(word) * _TICK_S for word in words[11:15])
            found[int(entry.name)] = Process(name, int(words[1]), user + system, children_user + children_system)
    return found


def parts_of(processes: Mapping[int, Process], *, command: int, guardian: int, me: int) -> dict[str, float]:
    """Return CPU seconds by part.

    Args:
        processes: of this machine.
        command: the command that is measured.
        guardian: the farm's outermost process.
        me: this benchmark.
    """
    children: dict[int, list[int]] = {}
    for pid, process in processes.items():
        children.setdefault(process.parent, []).append(pid)
    parts = dict.fromkeys(PARTS, 0.0)
    parts["harness"] = sum(processes[pid].own_s + processes[pid].ended_s for pid in _tree(command, children, processes))
    if me in processes:
        parts["this benchmark"] = processes[me].own_s
    daemons = {guardian, *children.get(guardian, ())} & processes.keys()
    for pid in _tree(guardian, children, processes):
        process = processes[pid]
        if pid in daemons:
            parts["virtual devices"] += process.own_s
            parts["shell and tools"] += process.ended_s
        elif process.name == "adb":
            parts["adb server"] += process.own_s
        else:
            parts["shell and tools"] += process.own_s + process.ended_s
    return parts


def _tree(root: int, children: Mapping[int, list[int]], processes: Mapping[int, Process]) -> list[int]:
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        if pid in processes:
            found.append(pid)
            todo += children.get(pid, ())
    return found


class CpuClock:
    """Reads the parts now and then in a thread, so that CPU time between any two moments can be told.

    Args:
        command: PID of the command.
        guardian: PID of the farm's outermost process.
        every_s: seconds between two readings; each reads all of /proc.
    """

    def __init__(self, *, command: int, guardian: int, every_s: float = 1.0) -> None:
        self._command, self._guardian, self._every_s = command, guardian, every_s
        self._readings: list[tuple[float, dict[str, float]]] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        self._thread.join()

    def between(self, began: float, ended: float) -> dict[str, float]:
        """Return CPU seconds by part between two moments of `time.time()`."""
        parts = {part: self._at(ended, part) - self._at(began, part) for part in (*PARTS, OTHERS)}
        return parts | {OTHERS: max(0.0, parts[OTHERS] - sum(parts[part] for part in PARTS))}

    def _run(self) -> None:
        while True:
            now = time.time()
            parts = parts_of(read_processes(), command=self._command, guardian=self._guardian, me=os.getpid())
            parts[OTHERS] = _machine_s()
            if self._readings:
                # What has ended without being waited for takes its time with it; a part never runs backwards.
                before = self._readings[-1][1]
                parts = {part: max(seconds, before[part]) for part, seconds in parts.items()}
            self._readings.append((now, parts))
            if self._ends.wait(self._every_s):
                return

    def _at(self, moment: float, part: str) -> float:
        return interpolated([(at, parts[part]) for at, parts in self._readings], moment)


def _machine_s() -> float:
    """Return the CPU seconds that this machine has spent on anything: the first line of /proc/stat, without idle and waiting for disks."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, soft_irq = (int(word) for word in words[:7])
    return (user + nice + system + irq + soft_irq) * _TICK_S


def interpolated(readings: list[tuple[float, float]], moment: float) -> float:
    """Return the value at a moment, between the readings around it; outside of all, that of the nearest."""
    before = readings[0]
    for reading in readings:
        if reading[0] >= moment:
            span = reading[0] - before[0]
            share = (moment - before[0]) / span if span > 0 else 0.0
            return before[1] + (reading[1] - before[1]) * min(1.0, max(0.0, share))
        before = reading
    return before[1]
