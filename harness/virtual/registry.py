"""The records of farms that outlive their starter (`harness virtual start`): one JSON file each, in the user's state folder.

A record counts only while the process that wrote it is alive: same pid, same start time, same boot.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.files.user_folders import farms_folder
from harness.files.whole_file import replacing

FORMAT = 1
"""1: the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmRecord:
    """A running farm."""

    adb_port: int
    serials: tuple[str, ...]
    profiles: tuple[str, ...]
    """One per serial."""
    pid: int
    """Process id of the guardian, the outermost process."""
    started_at: datetime
    start_ticks: int
    """Start of that process in clock ticks since boot; distinguishes it from a later one with the same pid."""
    boot_id: str
    folder: str


class _NewerFormat(Exception):
    """A newer harness wrote it."""


def record_path(guardian_pid: int) -> Path:
    """Return the path of the record of this guardian's farm."""
    return farms_folder() / f"farm-{guardian_pid}.json"


def describe_farm(adb_port: int, serials: tuple[str, ...], profiles: tuple[str, ...], folder: Path) -> FarmRecord:
    """Make the record of the calling daemon's farm. Its parent is the guardian."""
    pid = os.getppid()
    return FarmRecord(
        adb_port=adb_port,
        serials=serials,
        profiles=profiles,
        pid=pid,
        started_at=datetime.now(UTC),
        start_ticks=_start_ticks(pid) or 0,
        boot_id=_boot_id(),
        folder=str(folder),
    )


def write(record: FarmRecord) -> None:
    """Write a record, whole or not at all.

    Raises:
        OSError: the state folder cannot be written.
    """
    path = record_path(record.pid)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = {"format": FORMAT, **asdict(record), "started_at": record.started_at.isoformat()}
    with replacing(path) as stream:
        stream.write((json.dumps(content, indent=1) + "\n").encode())


def running_farms() -> list[FarmRecord]:
    """Return the farms that are alive, oldest first. Records of dead farms are removed."""
    farms = []
    for path in farms_folder().glob("farm-*.json"):
        try:
            record = _read(path)
        except FileNotFoundError:
            continue
        except _NewerFormat:
            # A newer harness's record is left alone.
            continue
        except (OSError, ValueError, TypeError, KeyError):
            record = None
        if record is not None and is_running(record):
            farms.append(record)
        else:
            path.unlink(missing_ok=True)
    return sorted(farms, key=lambda record: record.started_at)


def is_running(record: FarmRecord) -> bool:
    """Return whether the process that wrote the record is still alive."""
    return record.boot_id == _boot_id() and record.start_ticks == _start_ticks(record.pid)


def _read(path: Path) -> FarmRecord:
    content: dict[str, Any] = json.loads(path.read_text())
    if content["format"] > FORMAT:
        raise _NewerFormat
    return FarmRecord(
        adb_port=int(content["adb_port"]),
        serials=tuple(map(str, content["serials"])),
        profiles=tuple(map(str, content["profiles"])),
        pid=int(content["pid"]),
        started_at=datetime.fromisoformat(content["started_at"]),
        start_ticks=int(content["start_ticks"]),
        boot_id=str(content["boot_id"]),
        folder=str(content["folder"]),
    )


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_ticks(pid: int) -> int | None:
    """Read field 22 of /proc/PID/stat (proc(5)); None if the process is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])
