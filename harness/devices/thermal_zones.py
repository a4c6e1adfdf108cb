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
_TEMPERATURE = re.compile(r"^temp (\S+)", re.MULTILINE)
_PREFERENCE = (r"cpu-?big|cpu-?1-", r"cpuss|cpu", r"soc|^ap$|tsens", r"skin|quiet|case|xo")
_NONSENSE_BELOW_C, _NONSENSE_ABOVE_C = -40.0, 150.0


_HAL_BLOCK = re.compile(r"^Current temperatures from HAL:\n((?:\s+Temperature\{.*\n?)*)", re.MULTILINE)
_HAL_TEMPERATURE = re.compile(r"Temperature\{mValue=([^,}]*), mType=-?\d+, mName=([A-Za-z0-9_.-]{1,64}), ")
"""Names with other characters are passed over: a name goes into a shell text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalZone:
    """A sensor: a kernel's thermal zone, or one that the thermal HAL names.

    Args:
        number: of the kernel's zone; None for the HAL's.
        type: its vendor's name.
        temperature_c: what it read (None: unreadable, or a sentinel such as -99.9).
    """

    number: int | None
    type: str
    temperature_c: float | None

    @property
    def path(self) -> str | None:
        """File that holds its temperature; None where there is none."""
        return None if self.number is None else f"/sys/class/thermal/thermal_zone{self.number}/temp"

    @property
    def read(self) -> str:
        """Shell text that prints its temperature, as `to_celsius` reads it."""
        if self.path is not None:
            return f"cat {self.path} 2>/dev/null"
        name = self.type.replace(".", "\\.")
        pick = f"/^Current temperatures from HAL/,/^Current cooling/s/.*mValue=\\([^,]*\\), .*mName={name}, .*/\\1/p"
        return f"dumpsys thermalservice 2>/dev/null | sed -n '{pick}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """How warm a device is at one moment. None where it does not say."""

    temperature_c: float | None
    """Of the sensor that matters."""
    thermal_status: int | None
    """0 none .. 6 shutdown, as `thermal_status` reads it."""


def read_heat(text: str) -> Heat:
    """Read what a script printed: `temp VALUE` of the sensor that matters, and lines of `dumpsys thermalservice`."""
    temperature = _TEMPERATURE.search(text)
    return Heat(
        temperature_c=to_celsius(temperature.group(1)) if temperature else None, thermal_status=thermal_status(text)
    )


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


def hal_zones(dumpsys: str) -> list[ThermalZone]:
    """What `dumpsys thermalservice` says that the HAL reads now. Phones that hide the kernel's zones from the shell have at least this."""
    block = _HAL_BLOCK.search(dumpsys)
    found = _HAL_TEMPERATURE.findall(block.group(1)) if block else []
    return [ThermalZone(number=None, type=name, temperature_c=_hal_celsius(value)) for value, name in found]


def _hal_celsius(text: str) -> float | None:
    """The HAL says degrees, always."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if _NONSENSE_BELOW_C < value < _NONSENSE_ABOVE_C else None


def choose_zone(zones: Sequence[ThermalZone], preferred: Sequence[str] = ()) -> ThermalZone | None:
    """The zone whose temperature says most about the CPU.

    Args:
        zones: all zones of the device, of one kind.
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
            return max(matching, key=lambda zone: (zone.temperature_c or 0.0, -(zone.number or 0)))
    return None
