"""The trailer: what a trial's script recorded around the benchmark and printed on stderr after a line with a nonce. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.conditions.journal import read_values
from harness.conditions.readings import battery_percent
from harness.devices.cpu_list import format_list, parse_list
from harness.devices.thermal_zones import read_heat, to_celsius
from harness.records import Sample

MARK = "--8<-- harness "
"""Starts each line that separates parts of the trailer; a nonce follows."""

_FILE = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_CLOCK = re.compile(r"\s*\d{1,12}\s*", re.ASCII)
_TICKS_PER_S = 100
"""USER_HZ: the unit of /proc/PID/stat, the same on every Linux that Android runs on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailer:
    """What the script recorded around the benchmark. Temperatures are in degrees Celsius, times in seconds of the device's uptime."""

    exit_code: int
    ran_s: float | None
    temperature_before_c: float | None
    temperature_after_c: float | None
    thermal_status_before: int | None
    thermal_status_after: int | None
    boot_id: str
    battery_percent: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    task_profile_applied: bool | None = None
    """Whether `apply_task_profile` succeeded; None if there was none."""
    samples: tuple[Sample, ...] = field(default_factory=tuple)
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Name to content of the output files that came along."""
    left: tuple[str, ...] = ()
    """Names of the output files that were too big to come along."""
    began_s: float | None = None
    took_s: float | None = None
    """Seconds from the trial's beginning until its notes were written."""

    @property
    def affinity(self) -> str | None:
        """Union of the cores allowed to all threads in all samples, in list syntax; None if the process was too short to be sampled."""
        cores: set[int] = set()
        for sample in self.samples:
            for seen in sample.affinity:
                cores.update(parse_list(seen))
        return format_list(sorted(cores)) or None


def split_trailer(stderr: bytes, nonce: str, cores: Sequence[int], has_zone: bool) -> tuple[bytes, Trailer | None]:
    """Split stderr into the benchmark's own and the trailer.

    Args:
        stderr: the stderr from the device.
        nonce: the script's nonce.
        cores: the cores of `frequency_paths`, in its order.
        has_zone: whether each sample ends with a zone's temperature.

    Returns:
        The benchmark's own stderr, and the trailer; None if it is missing or incomplete (the shell was killed, the device went away).
    """
    mark = f"{MARK}{nonce}".encode()
    own, found, rest = stderr.partition(mark)
    if not found:
        return stderr, None
    own = own[:-1] if own.endswith(b"\n") else own
    parts: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for piece in rest.split(mark):
        first, _, data = piece.partition(b"\n")
        name, _, value = first.decode(errors="replace").strip().partition(" ")
        if name == "file" and _FILE.fullmatch(value):
            files[value] = data.removesuffix(b"\n")  # of the line feed before the next mark
        parts[name] = value if name in {"rc", "left"} else data.decode(errors="replace")
    if "end" not in parts or not re.fullmatch(r"\d{1,3}", parts.get("rc", "").strip()):
        return own, None
    start, stop = _seconds(parts.get("start", "")), _seconds(parts.get("stop", ""))
    over = _seconds(parts.get("over", ""))
    before, after = read_heat(parts.get("before", "")), read_heat(parts.get("after", ""))
    return own, Trailer(
        exit_code=int(parts["rc"]),
        ran_s=stop - start if start is not None and stop is not None else None,
        temperature_before_c=before.temperature_c,
        temperature_after_c=after.temperature_c,
        thermal_status_before=before.thermal_status,
        thermal_status_after=after.thermal_status,
        boot_id=parts.get("boot", "").strip(),
        battery_percent=battery_percent(parts.get("after", "")),
        settings=read_values(parts.get("settings", "")),
        task_profile_applied=parts["profile"].strip() == "0" if parts.get("profile", "").strip() else None,
        samples=_samples(parts.get("samples", ""), start or 0.0, cores, has_zone),
        files=files,
        left=tuple(parts.get("left", "").split()),
        began_s=start,
        took_s=over - start if start is not None and over is not None else None,
    )


def _seconds(text: str) -> float | None:
    match = re.match(r"\s*(\d{1,12}(\.\d+)?)", text)
    return float(match.group(1)) if match else None


def _samples(text: str, start_s: float, cores: Sequence[int], has_zone: bool) -> tuple[Sample, ...]:
    samples = []
    for block in re.split(r"^t ", text, flags=re.MULTILINE)[1:]:
        values, _, affinity = block.partition("\na\n")
        values, _, stat = values.partition("\ncpu ")
        lines = values.split("\n")
        taken = _seconds(lines[0])
        seen = re.findall(r"^Cpus_allowed_list:\s*([0-9,-]+)$", affinity, re.MULTILINE)
        if taken is None or not seen:
            continue  # the process ended during this sample, so the readings belong to the time after it
        readings = lines[1:]
        # One line per file, in order. With fewer lines, none can be assigned to its file.
        whole = len(readings) == len(cores) + has_zone
        frequencies = {
            core: int(line) for core, line in zip(cores, readings, strict=False) if whole and _CLOCK.fullmatch(line)
        }
        samples.append(
            Sample(
                t_s=round(taken - start_s, 3),
                frequency_khz=frequencies,
                temperature_c=to_celsius(readings[-1]) if whole and has_zone else None,
                affinity=tuple(sorted({text for text in seen if _is_list(text)})),
                cpu_s=_cpu_seconds(stat),
                waited_s=_waited_seconds(affinity),
            )
        )
    return tuple(samples)


def _cpu_seconds(stat: str) -> float | None:
    """Read utime and stime from `/proc/PID/stat`. The name before them is in parentheses and may hold any character."""
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 13 or not (fields[11].isdigit() and fields[12].isdigit()):
        return None
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _waited_seconds(text: str) -> float | None:
    waited_ns = [int(found) for found in re.findall(r"^\d{1,20} (\d{1,20}) \d{1,20}$", text, re.MULTILINE)]
    return round(sum(waited_ns) / 1e9, 3) if waited_ns else None


def _is_list(text: str) -> bool:
    try:
        return bool(parse_list(text))
    except ValueError:
        return False
