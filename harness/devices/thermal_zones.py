"""Reads temperature and thermal status as Android gives them. Pure: text in, values out.

`dumpsys thermalservice` first prints a cached block, which goes stale; only `Current temperatures from HAL:` counts. Some devices have no
HAL (`HAL Ready: false`), and old Androids lack the service; then only the kernel's thermal zones remain.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass

_STATUS = re.compile(r"^\s*Thermal Status:\s*(\d+)\s*$", re.MULTILINE)
_TEMPERATURE = re.compile(r"^temp (\S+)", re.MULTILINE)
_PREFERENCE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (r"cpu-?big|cpu-?1-|^big$", r"cpu|^mid$|^little$", r"soc|^ap$|tsens", r"skin|quiet|case|xo")
)
"""Names of zones that show the CPU's temperature, best first: the big cores, any core, the chip, the case. Pixels call theirs BIG, MID and
LITTLE."""

_CPU, _UNKNOWN = 0, -1
"""`mType` of the thermal HAL (AOSP hardware/interfaces/thermal, TemperatureType)."""

_KIND_RANKS = {_CPU: 1, 13: 2, 3: 3}
"""Kinds that tell something of the CPU, best first: itself, the chip, the case. All others measure something else: 1 GPU, 2 battery, 4 USB,
5 power amplifier, 9 NPU and so on."""

_NO_TEMPERATURE = frozenset({6, 7, 8})
"""`mType` of battery current limits (BCL) as voltage, current and per cent."""

_NO_TEMPERATURE_NAME = re.compile(
    r"(?<![a-z0-9])((soft)?ocp|uvlo|vdroop|smpl|batoilo|[iv]bat)|[a-z0-9](?<!s)ocp\d*(?![a-z0-9])|bcl"
    r"|(limits?|reduce|throttling)\d*(?![a-z0-9])|battery[-_](cell|cycle)",
    re.IGNORECASE,
)
"""Zones that hold a current, a voltage, a share or a state: limits that the kernels of Pixels and of Qualcomm list among their
temperatures. Words are parted by dashes, underscores and the like."""

_COLDEST_C, _HOTTEST_C = -20.0, 130.0
"""A reading beyond this is a sentinel or no temperature: chips shut down earlier."""

_HAL_BLOCK = re.compile(r"^Current temperatures from HAL:\n((?:\s+Temperature\{.*\n?)*)", re.MULTILINE)
_HAL_TEMPERATURE = re.compile(r"Temperature\{mValue=([^,}]*), mType=(-?\d{1,3}), mName=([A-Za-z0-9_.-]{1,64}), ")
"""Names with other characters are passed over, because a name goes into a shell text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalZone:
    """A temperature sensor: a kernel's thermal zone, or a sensor of the thermal HAL.

    Args:
        number: number of the kernel's zone; None for the HAL's sensors.
        type: the vendor's name of it.
        temperature_c: its reading; None if unreadable or a sentinel such as -99.9.
        kind: the HAL's `mType`, which says what the sensor measures; None for the kernel's zones.
    """

    number: int | None
    type: str
    temperature_c: float | None
    kind: int | None = None

    @property
    def path(self) -> str | None:
        """The file with its temperature; None if there is none."""
        return None if self.number is None else f"/sys/class/thermal/thermal_zone{self.number}/temp"

    @property
    def read(self) -> str:
        """Shell text that prints its temperature, for `to_celsius`."""
        if self.path is not None:
            return f"cat {self.path} 2>/dev/null"
        return f'{heat_function(self.line)}\nA=$(dumpsys thermalservice 2>/dev/null); T=; heat; echo "$T"'

    @property
    def line(self) -> str:
        """Shell pattern of a HAL sensor's line in the output of `dumpsys thermalservice`."""
        kind = "" if self.kind is None else f"', mType={self.kind}'"
        return f"*mValue=*{kind}', mName={self.type}, '*"


def heat_function(hal_line: str | None) -> str:
    """Return the shell function `heat`. From `$A`, the output of `dumpsys thermalservice`, it sets `$S`, the status, and `$T`.

    It starts no program. `$T`, for `to_celsius`, stays as it is where the output does not tell it.

    Args:
        hal_line: the sensor's `ThermalZone.line`; None if the HAL's sensors do not matter.
    """
    pick = f"""
    'Current temperatures from HAL'*) hal=1;;
    'Current cooling'*) hal=;;
    {hal_line}) [ "$hal" ] && [ -z "$T" ] && {{ T=${{line#*mValue=}}; T=${{T%%,*}}; }};;"""
    # A name may hold a wildcard. A whole number gets a decimal point, by which `to_celsius` knows the HAL's degrees.
    return f"""heat() {{
  local IFS='
'
  S= hal=; set -f
  for line in $A; do
    case $line in
    *'Thermal Status: '*) [ "$S" ] || {{ S=${{line#*'Thermal Status: '}}; S=${{S%%[!0-9]*}}; }};;{pick if hal_line else ""}
    esac
  done
  set +f{"; case $T in ''|*[!0-9-]*) ;; *) T=$T.0;; esac" if hal_line else ""}
}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """A device's temperature at one moment. None for what it does not tell."""

    temperature_c: float | None
    """Of the relevant sensor, in degrees Celsius."""
    thermal_status: int | None
    """Thermal status: 0 none .. 6 shutdown, from `thermal_status`."""


def read_heat(text: str) -> Heat:
    """Read a script's output: `temp VALUE` of the relevant sensor, and lines of `dumpsys thermalservice`."""
    temperature = _TEMPERATURE.search(text)
    return Heat(
        temperature_c=to_celsius(temperature.group(1)) if temperature else None, thermal_status=thermal_status(text)
    )


def to_celsius(text: str) -> float | None:
    """Convert what `ThermalZone.read` prints to degrees Celsius; None for what is no temperature.

    A value with a decimal point is in degrees: the HAL's. The kernel prints whole numbers: milli-degrees, some vendors' tenths or degrees.
    """
    try:
        value = float(text.strip())
    except ValueError:
        return None
    if re.fullmatch(r"\s*-?\d+\s*", text):
        if abs(value) >= 1000:
            value /= 1000
        elif abs(value) > _HOTTEST_C:
            value /= 10
    return value if _COLDEST_C <= value <= _HOTTEST_C else None


def thermal_status(dumpsys: str) -> int | None:
    """Read `Thermal Status: N` of `dumpsys thermalservice` (0 none .. 6 shutdown); None if there is no such service."""
    match = _STATUS.search(dumpsys)
    status = int(match.group(1)) if match and len(match.group(1)) < 3 else None
    return status if status is not None and status <= 6 else None


def hal_zones(dumpsys: str) -> list[ThermalZone]:
    """Read the HAL's sensors from `dumpsys thermalservice`: all that phones offer that hide the kernel's zones from the shell."""
    block = _HAL_BLOCK.search(dumpsys)
    found = _HAL_TEMPERATURE.findall(block.group(1)) if block else []
    return [
        ThermalZone(number=None, type=name, temperature_c=_hal_celsius(value), kind=int(kind))
        for value, kind, name in found
    ]


def _hal_celsius(text: str) -> float | None:
    """Read the HAL's value, which is always in degrees."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if _COLDEST_C <= value <= _HOTTEST_C else None


def temperatures(zones: Sequence[ThermalZone]) -> list[ThermalZone]:
    """Return the zones that show a temperature now: by the kind that the HAL names, else by name and value."""
    others = {zone.type for zone in zones if zone.kind in _NO_TEMPERATURE}
    # Qualcomm's zone `soc` next to current limits is the battery's state of charge, not the chip.
    charge = any(re.match(r"[iv]bat|.*bcl", zone.type, re.IGNORECASE) for zone in zones)
    return [
        zone
        for zone in zones
        if zone.temperature_c is not None
        and zone.kind not in _NO_TEMPERATURE
        and not (zone.kind is None and zone.type in others)
        and not _NO_TEMPERATURE_NAME.search(zone.type)
        and not (charge and zone.type == "soc" and zone.kind in {None, _UNKNOWN})
    ]


def kind_of(zone: ThermalZone, zones: Sequence[ThermalZone]) -> int | None:
    """Return what a sensor measures, as the HAL's `mType`; None if nobody says.

    A kernel's zone is what the HAL says of its sensor of that name.
    """
    kind = zone.kind
    if kind is None:
        kind = next((one.kind for one in zones if one.kind is not None and one.type == zone.type), None)
    return None if kind == _UNKNOWN else kind


def choose_zone(zones: Sequence[ThermalZone], preferred: Sequence[str] = ()) -> ThermalZone | None:
    """Choose the zone whose temperature says most about the CPU.

    What the HAL says that a sensor measures comes first: the CPU, the chip, the case. A name counts only where it says nothing. Among
    equals the kernel's wins, since the sampler can read its file, then the hottest. A sensor that measures something else is never chosen.

    Args:
        zones: all zones of the device, the kernel's and the HAL's.
        preferred: zone types (globs) that the device's config names, best first.
    """
    readable = temperatures(zones)
    for name in preferred:
        for zone in readable:
            if fnmatch.fnmatchcase(zone.type, name):
                return zone
    ranked = [(rank, zone) for zone in readable if (rank := _rank(zone, zones)) is not None]
    if not ranked:
        return None
    return min(
        ranked,
        key=lambda found: (found[0], found[1].number is None, -(found[1].temperature_c or 0.0), found[1].number or 0),
    )[1]


def _rank(zone: ThermalZone, zones: Sequence[ThermalZone]) -> tuple[int, bool] | None:
    """Rank how much a zone says about the CPU, least for most; None for nothing."""
    named = next((rank for rank, pattern in enumerate(_PREFERENCE) if pattern.search(zone.type)), None)
    kind = kind_of(zone, zones)
    if kind is not None:
        rank = 0 if kind == _CPU and named == 0 else _KIND_RANKS.get(kind)
        return None if rank is None else (rank, False)
    if named is None:
        return None
    # Where the HAL knows a sensor and does not say what it measures, the name is a guess, which comes after what the HAL says.
    return (max(named, 1), True) if zone.kind == _UNKNOWN else (named, False)
