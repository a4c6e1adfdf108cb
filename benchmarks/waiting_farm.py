"""A farm of virtual devices that only wait, behind the counting proxy, and what really ran on them."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.adb_proxy import CountingProxy
from benchmarks.cpu_parts import read_processes
from benchmarks.kept_bytecode import kept_bytecode
from harness.virtual.farm import VirtualFarm, default_profiles
from harness.virtual.replay.waiting import WAITED_LOG, that_waits

Stretch = tuple[float, float]
"""Begin and end of a process on a device, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class WaitingFarm:
    """Devices whose processes take a set time.

    Args:
        farm: the devices.
        proxy: what everybody reaches them through.
        folder: scratch.
        seconds: how long each process takes.
    """

    farm: VirtualFarm
    proxy: CountingProxy
    folder: Path
    seconds: float

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment in which adb and the harness see only these devices, and the harness keeps its state here."""
        ours = {"ANDROID_ADB_SERVER_PORT": str(self.proxy.port), "HARNESS_STATE_DIR": str(self.folder / "state")}
        return {**kept_bytecode(), **self.farm.adb_environment, **ours}

    @property
    def guardian(self) -> int:
        """PID of the farm's outermost process."""
        folder = os.fsencode(self.farm.folder)
        named = {pid: process for pid, process in read_processes().items() if folder in _command_line(pid)}
        return next(pid for pid, process in named.items() if process.parent not in named)

    def processes(self) -> dict[str, list[Stretch]]:
        """Return what has run since `forget`, by device."""
        return {serial: _stretches(self._device(serial) / "fs" / WAITED_LOG) for serial in self.farm.serials}

    def events(self, serial: str, since: float) -> list[dict[str, object]]:
        """Return a device's own record of what it started (`harness.virtual.android.event_log`)."""
        lines = (self._device(serial) / "events.jsonl").read_text(encoding="utf-8").splitlines()
        return [event for line in lines if (event := json.loads(line))["t"] >= since]

    def forget(self) -> None:
        """Begin anew."""
        for serial in self.farm.serials:
            (self._device(serial) / "fs" / WAITED_LOG).unlink(missing_ok=True)

    def _device(self, serial: str) -> Path:
        return self.farm.folder / "devices" / serial


@contextlib.contextmanager
def waiting_farm(devices: int, seconds: float) -> Iterator[WaitingFarm]:
    """So many devices, of the profiles in turn, for the `with` block."""
    profiles = [that_waits(profile, seconds) for profile in default_profiles(devices)]
    with (
        tempfile.TemporaryDirectory(prefix="pipeline-") as folder,
        VirtualFarm(profiles) as farm,
        CountingProxy(farm.adb_port) as proxy,
    ):
        yield WaitingFarm(farm, proxy, Path(folder), seconds)


def _stretches(path: Path) -> list[Stretch]:
    if not path.exists():
        return []
    return [(float(began), float(ended)) for began, ended in (line.split() for line in path.read_text().splitlines())]


def _command_line(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path("/proc", str(pid), "cmdline").read_bytes()
    return b""
