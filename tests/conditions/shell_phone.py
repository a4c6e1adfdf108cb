"""A phone made of this machine's shell: Android's commands are small scripts over files, and its cpufreq is a folder."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from harness.devices.device_folder import BASE_DIR
from harness.devices.inventory import Inventory
from harness.devices.target import CommandOutput, CommandStream, Outgoing, RemoteStat
from harness.devices.topology import build_topology
from harness.records import DeviceInfo

POLICIES = {0: (0, 1, 2, 3), 4: (4, 5, 6, 7)}
CLOCKS_KHZ = {0: (300_000, 576_000, 1_248_000, 1_804_800), 4: (710_400, 1_401_600, 2_803_200)}

_TOOLS = {
    "settings": """
file=$STATE/$3
case $1 in
  get) if [ -e "$file" ]; then cat "$file"; else echo null; fi;;
  put) echo "$4" >"$file";;
  delete) rm -f "$file"; echo "Deleted 1 rows";;
esac
""",
    "dumpsys": """
case $1 in
  power) echo "POWER MANAGER (dumpsys power)"; echo "  mWakefulness=$(cat $STATE/wakefulness)";;
  thermalservice) cat $STATE/thermalservice;;
  battery) cat $STATE/battery;;
esac
""",
    "input": """
case "$1 $2" in
  "keyevent 223") echo Asleep >$STATE/wakefulness;;
  "keyevent 224") echo Awake >$STATE/wakefulness;;
esac
""",
    "cmd": """
case "$1 $2 $3" in
  "connectivity airplane-mode ") cat $STATE/airplane;;
  "connectivity airplane-mode enable") echo enabled >$STATE/airplane;;
  "connectivity airplane-mode disable") echo disabled >$STATE/airplane;;
  "power set-fixed-performance-mode-enabled "*)
    if [ -e $STATE/fixed ]; then echo $3 >$STATE/fixed; else echo "Failed to set FIXED_PERFORMANCE mode"; fi;;
esac
""",
    "su": 'echo "$@" >>$STATE/su; shift; exec sh -c "$1"',
    "sleep": "",
}


class ShellPhone:
    """One phone with two clusters. `commands` are those that it was sent; files in `state` are what it is like."""

    def __init__(self, folder: Path, serial: str = "R5CT1") -> None:
        self.serial = serial
        self.commands: list[str] = []
        self.state, self._tools, self._ours, self._cpufreq = (folder / n for n in ("state", "bin", "ours", "cpufreq"))
        for path in (self.state, self._tools, self._ours):
            path.mkdir(parents=True)
        for name, text in _TOOLS.items():
            self.install(name, text)
        for name, text in {
            "wakefulness": "Awake",
            "airplane": "disabled",
            "fixed": "false",
            "thermalservice": "IsStatusOverride: false\nThermal Status: 0",
            "battery": "Current Battery Service state:\n  AC powered: false\n  USB powered: true\n  level: 80\n  scale: 100",
        }.items():
            (self.state / name).write_text(text + "\n")
        for policy, clocks in CLOCKS_KHZ.items():
            for name, value in {
                "scaling_governor": "schedutil",
                "scaling_min_freq": clocks[0],
                "scaling_max_freq": clocks[-1],
                "cpuinfo_min_freq": clocks[0],
                "cpuinfo_max_freq": clocks[-1],
                "scaling_available_frequencies": " ".join(map(str, clocks)),
            }.items():
                file = self.cpufreq(policy, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"{value}\n")

    def install(self, name: str, text: str) -> None:
        """Puts a command on the phone."""
        tool = self._tools / name
        tool.write_text(f"#!/bin/sh\n{text}\n")
        tool.chmod(0o755)

    def remove(self, name: str) -> None:
        """Takes a command away: its name is then one that fails, whatever this machine has."""
        self.install(name, "exit 127")

    def cpufreq(self, policy: int, name: str) -> Path:
        """A file of cpufreq."""
        return self._cpufreq / f"policy{policy}" / name

    @property
    def journal(self) -> Path:
        """Where the journal lies."""
        return self._ours / "journal"

    def lose_folder(self) -> None:
        """Somebody removed our folder."""
        self._ours.rename(self._ours.with_name("gone"))

    def values(self) -> dict[str, str]:
        """Everything that a setting may change."""
        files = [*self.state.iterdir(), *self._ours.iterdir(), *self._cpufreq.glob("*/*")]
        return {str(file): file.read_text().strip() for file in sorted(files) if file.name != "su"}

    def inventory(
        self, *, api_level: int | None = 34, become_root: str | None = "su -c", virtual: bool = False
    ) -> Inventory:
        """What the phone says of itself."""
        capacities = {core: 325 if core < 4 else 1024 for core in range(8)}
        topology = build_topology(present="0-7", online="0-7", capacities=capacities, max_frequencies_khz={})
        return Inventory(
            info=DeviceInfo(serial=self.serial, api_level=api_level, virtual=virtual),
            topology=topology,
            config=None,
            properties={},
            boot_id="",
            zone=None,
            zones=(),
            thermal_status=0,
            battery={},
            become_root=become_root,
            policies=POLICIES,
            cpuset=None,
            cpuset_cores=(),
            gpu=None,
        )

    def run(self, command: str, *, timeout_s: float, cancel: threading.Event | None = None) -> CommandOutput:
        """As a device does."""
        self.commands.append(command)
        here = command.replace("/sys/devices/system/cpu/cpufreq", str(self._cpufreq)).replace(BASE_DIR, str(self._ours))
        done = subprocess.run(
            ["sh", "-c", here],
            capture_output=True,
            check=False,
            timeout=timeout_s,
            env={"PATH": f"{self._tools}:{os.environ['PATH']}", "STATE": str(self.state)},
        )
        return CommandOutput(stdout=done.stdout, stderr=done.stderr, exit_code=done.returncode)

    def stream(self, command: str, *, cancel: threading.Event | None = None) -> CommandStream:
        """A condition only runs commands."""
        raise AssertionError(command)

    def push(
        self, files: Sequence[Outgoing], *, timeout_s: float | None = None, cancel: threading.Event | None = None
    ) -> None:
        """A condition only runs commands."""
        raise AssertionError("a condition only runs commands")

    def pull(self, remote: str, local: Path, *, timeout_s: float = 60.0, cancel: threading.Event | None = None) -> bool:
        """A condition only runs commands."""
        raise AssertionError("a condition only runs commands")

    def stat(self, remote: str) -> RemoteStat | None:
        """A condition only runs commands."""
        raise AssertionError("a condition only runs commands")

    def close(self) -> None:
        """Nothing is held."""
