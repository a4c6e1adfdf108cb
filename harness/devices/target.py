"""The seam to a device: five verbs. Everything else (pinning, thermal, deployment) is a module over it, never a method on it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

PULL_TIMEOUT_S = 60.0
"""Wall time for a file from a device: logs and profiles are megabytes at most."""


def push_timeout_s(size: int) -> float:
    """Wall time for a file of so many bytes to a device: 2 MB/s is slower than any USB 2 phone, below it something is wrong."""
    return 30 + size / 2e6


class Cancelled(Exception):
    """The caller's cancel event was set while something went on. Not an error of the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOutput:
    """What a command printed and how it ended (128+N: signal N)."""

    stdout: bytes
    stderr: bytes
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStat:
    """A file on the device. `mode` has the type bits, `mtime` is in seconds since the epoch."""

    mode: int
    size: int
    mtime: int


class Target(Protocol):
    """One device that can be reached. All methods raise DeviceError subclasses and nothing of the transport's own."""

    serial: str

    def run(self, command: str, *, timeout_s: float, cancel: threading.Event | None = None) -> CommandOutput:
        """Run a shell command line to its end.

        Args:
            command: for the device's `sh -c`; the caller quotes.
            timeout_s: wall time after which DeviceHung is raised, whatever the command printed meanwhile.
            cancel: set by another thread to give up early.

        Raises:
            DeviceHung: no end within `timeout_s`. What was started may still run on the device.
            DeviceLost: the device went away meanwhile.
            Cancelled: `cancel` was set.
        """

    def push(
        self,
        local: Path,
        remote: str,
        *,
        mode: int = 0o644,
        timeout_s: float | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        """Copy a file to the device.

        Args:
            local: what to copy.
            remote: the file on the device.
            mode: its permissions.
            timeout_s: wall time after which DeviceHung is raised. Default: `push_timeout_s` of its size.
            cancel: set by another thread to give up early.

        Raises:
            StorageFull, PushFailed, DeviceLost, DeviceHung.
            Cancelled: `cancel` was set.
        """

    def pull(
        self,
        remote: str,
        local: Path,
        *,
        timeout_s: float = PULL_TIMEOUT_S,
        cancel: threading.Event | None = None,
    ) -> bool:
        """Copy a file from the device; False if it is not there. `local` is written whole or not at all.

        Args:
            remote: the file on the device.
            local: where to copy it.
            timeout_s: wall time after which DeviceHung is raised.
            cancel: set by another thread to give up early.

        Raises:
            DeviceLost, DeviceHung.
            Cancelled: `cancel` was set.
        """

    def stat(self, remote: str) -> RemoteStat | None:
        """None if there is no such file."""

    def close(self) -> None:
        """Release what this object holds; leaves the device as it is."""


@runtime_checkable
class Roaming(Protocol):
    """A target that may come back under another name: moved from USB to the network, or given another serial by its server."""

    def others(self) -> Sequence[Target]:
        """All other devices that can be reached the same way now. Raises DeviceError if that cannot be told."""

    def follow(self, other: Target) -> None:
        """Reach the device as that one from now on; `serial` stays what it was."""
