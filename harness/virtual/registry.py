"""The records of farms that outlive their starter (`harness virtual start`): one JSON file each, in the user's state folder.

The farm's processes hold the kernel's lock on its record, so a farm is alive while the record is locked. That also shows from containers
and hosts that share the folder and see none of its processes. Such a farm ends itself when a file asks for it; see `ask_to_end`.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.files.lock import is_free, lock_when_free
from harness.files.process_scope import network_of_this_process, pids_of_this_process
from harness.files.user_folders import farms_folder

FORMAT = 2
"""1: named by the guardian's pid, alive while that pid was visible. 2: named like the farm's folder, alive while locked."""


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
    pids: str
    """Scope of the pid, from `pids_of_this_process`."""
    network: str
    """The network that the port belongs to, from `network_of_this_process`."""
    host: str
    """Name of the host or container."""
    folder: str

    @property
    def place(self) -> str:
        """Where its processes run, in words."""
        return f"process {self.pid} of {self.host}"


class _NewerFormat(Exception):
    """A newer harness wrote it."""


def record_path(folder: Path) -> Path:
    """Return the path of the record of the farm in this folder."""
    return farms_folder() / f"{folder.name}.json"


def reserve(folder: Path) -> int:
    """Make the empty record of the farm in this folder, and return the descriptor that locks it. The farm lives while a process has it.

    Raises:
        OSError: the state folder cannot be written.
    """
    path = record_path(folder)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f"new-{path.name}")
    lock = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    lock_when_free(lock)
    # Under its final name it is read and, unless locked, removed.
    unfinished.rename(path)
    return lock


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
        pids=pids_of_this_process(),
        network=network_of_this_process(),
        host=socket.gethostname(),
        folder=str(folder),
    )


def write(record: FarmRecord) -> None:
    """Fill a reserved record. In place, because the lock is the file's.

    Raises:
        OSError: the state folder cannot be written.
    """
    content = {"format": FORMAT, **asdict(record), "started_at": record.started_at.isoformat()}
    record_path(Path(record.folder)).write_text(json.dumps(content, indent=1) + "\n")


def running_farms() -> list[FarmRecord]:
    """Return the farms that are alive and whose ports can be reached from here, oldest first. Records of dead farms are removed."""
    here = network_of_this_process()
    return [farm for farm in _alive() if farm.network == here]


def farms_elsewhere() -> list[FarmRecord]:
    """Return the farms that are alive on another host, or in a container with a network of its own, oldest first."""
    here = network_of_this_process()
    return [farm for farm in _alive() if farm.network != here]


def _alive() -> list[FarmRecord]:
    farms = []
    for path in farms_folder().glob("farm-*.json"):
        try:
            record = _read(path)
        except (FileNotFoundError, _NewerFormat):
            # A newer harness's record is left alone.
            continue
        except (OSError, ValueError, TypeError, KeyError):
            # Damaged, or the farm is still starting.
            record = None
        if not _is_locked(path):
            remove(path)
        elif record is not None:
            farms.append(record)
    return sorted(farms, key=lambda record: record.started_at)


def remove(path: Path) -> None:
    """Remove the record of a farm that ends, and the request that it end."""
    path.unlink(missing_ok=True)
    _request(path).unlink(missing_ok=True)


def is_running(record: FarmRecord) -> bool:
    """Return whether a process of the farm is alive, wherever it runs."""
    return _is_locked(record_path(Path(record.folder)))


def can_be_signalled(record: FarmRecord) -> bool:
    """Return whether the record's pid is still its guardian's for the calling process too."""
    return record.pids == pids_of_this_process() and record.start_ticks == _start_ticks(record.pid)


def ask_to_end(record: FarmRecord) -> None:
    """Ask a farm whose processes cannot be signalled from here to end itself.

    Raises:
        OSError: the state folder cannot be written.
    """
    _request(record_path(Path(record.folder))).touch()


def is_asked_to_end(folder: Path) -> bool:
    """Return whether somebody asked the farm in this folder to end."""
    return _request(record_path(folder)).exists()


def _request(path: Path) -> Path:
    return path.with_suffix(".stop")


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as record:
            return not is_free(record)
    except FileNotFoundError:
        return False


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
        pids=str(content["pids"]),
        network=str(content["network"]),
        host=str(content["host"]),
        folder=str(content["folder"]),
    )


def _start_ticks(pid: int) -> int | None:
    """Read field 22 of /proc/PID/stat (proc(5)); None if the process is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])
