"""The seam to a device: six verbs. Everything else (pinning, thermal, deployment) is a module over it, never a method on it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

PULL_TIMEOUT_S = 60.0
"""Seconds of wall time for a file from a device: logs and profiles have a few megabytes at most."""


def push_timeout_s(size: int) -> float:
    """Return the wall time in seconds to allow for a push: even USB 2 phones are faster than 2 MB/s."""
    return 30 + size / 2e6


class Cancelled(Exception):
    """The caller's cancel event was set. Not an error of the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOutput:
    """The output and exit code of a command (128+N: ended by signal N)."""

    stdout: bytes
    stderr: bytes
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStat:
    """A file on the device. `mode` includes the type bits; `mtime` is in seconds since the epoch."""

    mode: int
    size: int
    mtime: int


class CommandStream(Protocol):
    """A command that runs on a device, with its output as it comes."""

    @property
    def exit_code(self) -> int:
        """Its exit code, once it has ended."""

    def receive(self, *, timeout_s: float) -> tuple[int, bytes] | None:
        """Return STDOUT or STDERR with the next piece of it; None once the command has ended.

        Args:
            timeout_s: wall time in seconds after which DeviceHung is raised.

        Raises:
            DeviceHung: nothing came within `timeout_s`. The command may still run.
            DeviceLost: the device went away.
            Cancelled: the event that `Target.stream` was given is set.
        """

    def close(self) -> None:
        """Stop listening. The command is not told."""


STDOUT, STDERR = 1, 2
"""The streams of a command, as ADB's shell protocol numbers them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A file to copy to a device: where it is, its path there, and its permissions there."""

    local: Path
    remote: str
    mode: int = 0o644


class Target(Protocol):
    """One reachable device. Methods raise subclasses of DeviceError and never the transport's own errors."""

    serial: str

    def run(self, command: str, *, timeout_s: float, cancel: threading.Event | None = None) -> CommandOutput:
        """Run a shell command line to its end.

        Args:
            command: text for the device's `sh -c`; the caller quotes.
            timeout_s: wall time in seconds after which DeviceHung is raised, whatever the command printed meanwhile.
            cancel: set by another thread to give up early.

        Raises:
            DeviceHung: the command did not end within `timeout_s`. It may still run on the device.
            DeviceLost: the device went away meanwhile.
            Cancelled: `cancel` was set.
        """

    def stream(self, command: str, *, cancel: threading.Event | None = None) -> CommandStream:
        """Start a shell command line whose output is read while it runs. The caller closes what it gets.

        Args:
            command: as for `run`.
            cancel: set by another thread to give up early.

        Raises:
            DeviceLost, DeviceHung: it could not be started.
            Cancelled: `cancel` was set.
        """

    def push(
        self, files: Sequence[Outgoing], *, timeout_s: float | None = None, cancel: threading.Event | None = None
    ) -> None:
        """Copy files to the device, in one session.

        Args:
            files: what to copy, in this order.
            timeout_s: wall time in seconds after which DeviceHung is raised. Default: `push_timeout_s` of all sizes together.
            cancel: set by another thread to give up early.

        Raises:
            StorageFull, StorageRefused, CommandFailed, PushFailed, DeviceLost, DeviceHung: also in the middle; some files are there then,
                perhaps in part.
            OSError: one of the files cannot be read.
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
        """Copy a file from the device. Return False if it is not there. `local` is written whole or not at all.

        Args:
            remote: the file on the device.
            local: where to copy it.
            timeout_s: wall time in seconds after which DeviceHung is raised.
            cancel: set by another thread to give up early.

        Raises:
            DeviceLost, DeviceHung.
            Cancelled: `cancel` was set.
        """

    def stat(self, remote: str) -> RemoteStat | None:
        """Describe a file; None if there is no such file."""

    def close(self) -> None:
        """Release what this object holds. The device stays as it is."""


@runtime_checkable
class Roaming(Protocol):
    """A target that may come back under another name: moved from USB to the network, or listed under another serial."""

    def others(self) -> Sequence[Target]:
        """List all other devices that can be reached the same way now. Raises DeviceError if that cannot be told."""

    def follow(self, other: Target) -> None:
        """From now on reach the device as `other`; `serial` stays as it was."""
