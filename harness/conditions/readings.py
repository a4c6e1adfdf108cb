"""Reads heat, charge and foreign load of an idle device with one shell command."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.devices.thermal_zones import read_heat

_LOAD_WINDOW_S = 1
_FIELDS_THAT_COUNT = 8
"""user, nice, system, idle, iowait, irq, softirq, steal. The guest times that follow are part of user (proc(5))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Readings of a device; None if the device does not report one."""

    temperature_c: float | None = None
    thermal_status: int | None = None
    battery_percent: int | None = None
    charging: bool | None = None
    busy_cores: float | None = None
    """Average number of busy cores over a second."""


def readings_script(read_temperature: str | None, *, load: bool) -> str:
    """Return shell text that prints the readings for `read_readings`.

    Args:
        read_temperature: shell text that prints the temperature that matters.
        load: measure the load for a second.
    """
    temperature = f'echo "temp $({read_temperature})"\n' if read_temperature else ""
    stat = 'grep -h "^cpu[0-9 ]" /proc/stat 2>/dev/null'
    watch = f"{stat}; sleep {_LOAD_WINDOW_S}; echo =later; {stat}\n" if load else ""
    return (
        f"{temperature}dumpsys thermalservice 2>/dev/null | grep -m 1 'Thermal Status'\n"
        f"dumpsys battery 2>/dev/null | grep -e '^ *level:' -e '^ *scale:' -e ' powered:'\n{watch}true\n"
    )


def read_readings(text: str) -> Readings:
    """Read the output of `readings_script`."""
    heat = read_heat(text)
    powered = re.findall(r"^ *[A-Za-z ]+ powered: (true|false)\s*$", text, re.MULTILINE)
    return Readings(
        temperature_c=heat.temperature_c,
        thermal_status=heat.thermal_status,
        battery_percent=battery_percent(text),
        charging="true" in powered if powered else None,
        busy_cores=_busy_cores(text),
    )


def battery_percent(text: str) -> int | None:
    """Return the charge, 0 to 100, from lines of `dumpsys battery`: `level` of `scale`."""
    found = dict(re.findall(r"^ *(level|scale): (\d{1,5})\s*$", text, re.MULTILINE))
    level, scale = int(found.get("level", -1)), int(found.get("scale", 100))
    return round(100 * level / scale) if 0 <= level <= scale and scale else None


def _busy_cores(text: str) -> float | None:
    before, _, after = text.partition("=later")
    first, second = _ticks(before), _ticks(after)
    cores = len(re.findall(r"^cpu\d", after, re.MULTILINE))
    if first is None or second is None or not cores:
        return None
    total, idle = second[0] - first[0], second[1] - first[1]
    return round(cores * (1 - idle / total), 2) if total > 0 and 0 <= idle <= total else None


def _ticks(text: str) -> tuple[int, int] | None:
    """All ticks, and those of idle cores and cores that wait for storage."""
    match = re.search(r"^cpu +([\d ]+)$", text, re.MULTILINE)
    fields = [int(field) for field in match.group(1).split()[:_FIELDS_THAT_COUNT]] if match else []
    return (sum(fields), fields[3] + fields[4]) if len(fields) > 4 else None
