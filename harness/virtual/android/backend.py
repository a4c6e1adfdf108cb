"""The interface to a device's own file system and processes: Linux namespaces, or rewritten paths if the host refuses those."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from harness.virtual.android.layout import Layout
from harness.virtual.android.process import SpawnedProcess
from harness.virtual.device_interface import WindowSize

MODE_VARIABLE = "HARNESS_VIRTUAL_NAMESPACES"
"""Environment variable: `1` demands namespaces, `0` path mapping; unset uses namespaces if they work."""


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """A process of the device: its PID and parent as the device sees them, and its used CPU time."""

    pid: int
    parent: int
    cpu_s: float
    waited_s: float = 0.0
    """Seconds that its threads waited for a core of the host; a phone, with cores of its own, would have run them."""


class Backend(Protocol):
    """One device's file system and processes."""

    kind: Literal["namespaces", "path-mapping"]
    shell: str
    """The interpreter of scripts on the device."""
    bus: str
    """The folder of the bus, as the device's processes name it."""
    bin_dir: str
    """`/system/bin`, as the device's processes name it."""
    tree: Path
    """The device's own folder on the host: holds `data` and `sdcard` at least."""
    served: Mapping[str, int]
    """The layout's served files, each with an open `/dev/fuse`, which the caller takes over; empty where that is not to be had."""

    def root_path(self) -> Path:
        """Return the device's root on the host. Raises OSError (ENODEV) while the device is down."""

    def live_path(self, name: str) -> Path:
        """Return where the daemon writes a changing file (`sys/..`, `proc/..`, `dev/harness`)."""

    async def start(self, layout: Layout) -> None:
        """Lay out the files and make processes possible. Raises `BackendUnavailable` if this host refuses."""

    async def stop(self) -> None:
        """Kill every process of the device and return when they are gone."""

    def launch(self, command: str | None, *, terminal: WindowSize | None, env: Mapping[str, str]) -> SpawnedProcess:
        """Run a command with the device's shell, in a session of its own. Raises OSError."""

    def processes(self) -> list[ProcessUse]:
        """List the device's processes, except its process 1."""

    def command_line(self, pid: int) -> list[str]:
        """Return the command line of a process of the device; empty if it is gone."""

    def affinity(self, pid: int) -> int | None:
        """Return the host cores on which a process of the device may run, as a mask; None if there is no such process."""


class BackendUnavailable(Exception):
    """This host does not allow the backend. Never leaves this package."""


_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def read_process(proc: Path) -> ProcessUse | None:
    """Read a process from its folder in /proc (see proc(5)); None if it is gone or a zombie."""
    try:
        text = (proc / "stat").read_bytes()
    except OSError:
        return None
    fields = text.rpartition(b")")[2].split()
    if fields[0] == b"Z":
        return None
    cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    return ProcessUse(int(proc.name), int(fields[1]), cpu_s, _waited_s(proc))


def _waited_s(proc: Path) -> float:
    """Sum up the second number of all threads' `schedstat` (sched-stats.rst); 0 if the kernel does not say."""
    waited_ns = 0
    with suppress(OSError):  # the thread may end meanwhile
        for task in os.scandir(proc / "task"):
            with suppress(OSError, IndexError, ValueError):
                waited_ns += int(Path(task.path, "schedstat").read_text().split()[1])
    return waited_ns / 1e9


def read_command_line(proc: Path) -> list[str]:
    """Read `cmdline` of a process; empty if it is gone."""
    try:
        return (proc / "cmdline").read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
    except OSError:
        return []


def read_affinity(proc: Path) -> int | None:
    """Read `Cpus_allowed` of a process, as a mask; None if it is gone."""
    try:
        for line in (proc / "status").read_text().splitlines():
            if line.startswith("Cpus_allowed:"):
                return int(line.partition(":")[2].strip().replace(",", ""), 16)
    except OSError:
        pass
    return None
