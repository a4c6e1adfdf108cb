"""Temperature and thermal status as Android gives them. Pure: text in, values out.

`dumpsys thermalservice` prints a cached block first, which goes stale; only `Current temperatures from HAL:` counts. Some devices have no
HAL (`HAL Ready: false`), and old Androids no such service: then the kernel's thermal zones remain.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass

_STATUS = re.compile(r"^\s*Thermal Status:\s*(\d+)\s*$", re.MULTILINE)
_PREFERENCE = (r"cpu-?big|cpu-?1-", r"cpuss|cpu", r"soc|^ap$|tsens", r"skin|quiet|case|xo")
_NONSENSE_BELOW_C, _NONSENSE_ABOVE_C = -40.0, 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalZone:
    """A kernel thermal zone: its number, its vendor's name, and what it read (None: unreadable, or a sentinel such as -99.9)."""

    number: int
    type: str
    temperature_c: float | None

    @property
    def path(self) -> str:
        """File that holds its temperature."""
        return f"/sys/class/thermal/thermal_zone{self.number}/temp"


def to_celsius(text: str) -> float | None:
    """A zone's `temp` in degrees Celsius: the kernel says milli-degrees, some vendors tenths or whole degrees."""
    try:
        value = float(text.strip())
    except ValueError:
        return None
    if abs(value) >= 1000:
        value /= 1000
    elif abs(value) > _NONSENSE_ABOVE_C:
        value /= 10
    return value if _NONSENSE_BELOW_C < value < _NONSENSE_ABOVE_C else None


def thermal_status(dumpsys: str) -> int | None:
    """`Thermal Status: N` of `dumpsys thermalservice` (0 none .. 6 shutdown); None where there is no such service."""
    match = _STATUS.search(dumpsys)
    status = int(match.group(1)) if match and len(match.group(1)) < 3 else None
    return status if status is not None and status <= 6 else None


def choose_zone(zones: Sequence[ThermalZone], preferred: Sequence[str] = ()) -> ThermalZone | None:
    """The zone whose temperature says most about the CPU.

    Args:
        zones: all zones of the device.
        preferred: zone types (globs) that the device's config names, best first.
    """
    readable = [zone for zone in zones if zone.temperature_c is not None]
    for name in preferred:
        for zone in readable:
            if fnmatch.fnmatchcase(zone.type, name):
                return zone
    for pattern in _PREFERENCE:
        matching = [zone for zone in readable if re.search(pattern, zone.type, re.IGNORECASE)]
        if matching:
            return max(matching, key=lambda zone: (zone.temperature_c or 0.0, -zone.number))
    return None
