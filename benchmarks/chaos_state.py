"""What a device is like before and after a run: what runs on it, what lies on it, what is set. Nothing of ours may be left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.devices.device_folder import BASE_DIR

_KEPT = (f"{BASE_DIR}/blobs", f"{BASE_DIR}/cache")
"""Stay for the next run, on purpose."""

_COMMANDS: Mapping[str, str] = {
    **{f"settings of {table}": f"settings list {table}" for table in ("global", "system", "secure")},
    "governors": "cat /sys/devices/system/cpu/cpufreq/policy*/scaling_governor",
    "clock limits": "cat /sys/devices/system/cpu/cpufreq/policy*/scaling_m??_freq",
    "airplane mode": "cmd connectivity airplane-mode 2>/dev/null; true",
    "screen": "dumpsys power | grep -e mWakefulness= -e mStayOn",
    "pretended battery": "dumpsys battery | grep 'UPDATES STOPPED'; true",
    "pretended heat": "dumpsys thermalservice 2>/dev/null | grep IsStatusOverride; true",
}
_FIXED_CLOCKS = "cat /sys/devices/system/cpu/cpufreq/policy*/scaling_cur_freq"
"""Of a device at rest: fixed performance mode, which Android does not tell, holds them up."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A device at rest.

    Args:
        settings: what each command printed.
        processes: command lines of what runs there, process 1 and the asking shell left out.
        files: all below /data/local/tmp but what is kept on purpose.
    """

    settings: Mapping[str, str]
    processes: tuple[str, ...]
    files: tuple[str, ...]


def snapshot(ask: Callable[[str], str]) -> Snapshot:
    """Take one.

    Args:
        ask: runs a command on the device and gives its output.
    """
    settings = {name: ask(command) for name, command in _COMMANDS.items()}
    settings["clocks at rest"] = ask(f"sleep 1; {_FIXED_CLOCKS}")
    listed = ask("echo $$; ps -A -o PID,PPID,ARGS")
    files = ask("find /data/local/tmp -mindepth 1").split("\n")
    return Snapshot(settings, _others(listed), tuple(sorted(file for file in files if file and not _kept(file))))


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """What a run changed, or left."""
    found = [
        f"{name} changed: {old.split()} is now {after.settings[name].split()}"
        for name, old in before.settings.items()
        if after.settings[name] != old
    ]
    found += [f"left running: {line}" for line in after.processes if line not in before.processes]
    found += [f"left on the device: {file}" for file in after.files if file not in before.files]
    return found


def _kept(file: str) -> bool:
    whole = file.startswith(_KEPT) and not file.endswith(".part")
    return whole or file == BASE_DIR


def _others(listed: str) -> tuple[str, ...]:
    me, *rows = listed.split("\n")
    found = []
    for row in rows:
        pid, _, others = row.strip().partition(" ")
        parent, _, words = others.strip().partition(" ")
        if pid.isdigit() and pid not in ("1", me) and parent != me:
            found.append(words.strip())
    return tuple(sorted(found))
