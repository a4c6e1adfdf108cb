"""Wraps a virtual device so that its storage and clock can fail; otherwise it passes everything through.

The sync service gets refusals from the files themselves. For the shell, functions replace the tools that write (`mkdir`, `cp`, ...): they
print what the tool would print and fail. Redirections by the shell itself still work, as they may for a few bytes on a full phone.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from harness.virtual.device_interface import AndroidDevice, DeviceFiles, DeviceProcess, FileStat, WindowSize

_WRITERS_WHEN_FULL = ("cp", "dd", "fallocate", "tee", "touch")
_WRITERS = (*_WRITERS_WHEN_FULL, "chmod", "ln", "mv", "rm", "rmdir", "truncate")
_STORAGE = ("/data", "/sdcard", "/storage")

OnFile = Callable[[str, str], int | None]
"""Receives an operation (`push` or `pull`) and a path; returns the bytes after which to call `reached`, if any."""


@dataclass(slots=True)
class Ailments:
    """The present failures of a device."""

    refusals: list[int] = field(default_factory=list)
    """Errnos for writes to storage; the latest one counts."""
    clock_offset_s: float = 0.0

    @property
    def refusal(self) -> int | None:
        """The errno that counts; None while storage works."""
        return self.refusals[-1] if self.refusals else None


class FaultyDevice:
    """Implements `AndroidDevice` over another device.

    Args:
        device: the healthy device.
        ailments: its failures; others change them at any time.
    """

    def __init__(self, device: AndroidDevice, ailments: Ailments) -> None:
        self.inner = device
        self.serial, self.root = device.serial, device.root
        self._ailments = ailments
        self.faulty_files = FaultyFiles(device, ailments)
        self.files: DeviceFiles = self.faulty_files

    @property
    def on_reboot(self) -> Callable[[], None]:
        """See `AndroidDevice.on_reboot`."""
        return self.inner.on_reboot

    @on_reboot.setter
    def on_reboot(self, called: Callable[[], None]) -> None:
        self.inner.on_reboot = called

    @property
    def banner(self) -> Mapping[str, str]:
        """See `AndroidDevice.banner`."""
        return self.inner.banner

    @property
    def auth_required(self) -> bool:
        """See `AndroidDevice.auth_required`."""
        return self.inner.auth_required

    async def start(self) -> None:
        """See `AndroidDevice.start`."""
        await self.inner.start()

    async def stop(self) -> None:
        """See `AndroidDevice.stop`."""
        await self.inner.stop()

    async def reboot(self) -> None:
        """See `AndroidDevice.reboot`."""
        await self.inner.reboot()

    async def spawn(
        self, command: str | None, *, terminal: WindowSize | None = None, term: str = "dumb"
    ) -> DeviceProcess:
        """See `AndroidDevice.spawn`."""
        if command is not None:
            command = _prelude(self._ailments) + command
        return await self.inner.spawn(command, terminal=terminal, term=term)


class FaultyFiles:
    """Implements `DeviceFiles` over another device's. Called from several threads."""

    def __init__(self, device: AndroidDevice, ailments: Ailments) -> None:
        self._device = device
        self._ailments = ailments
        self.on_file: OnFile | None = None
        self.on_bytes: Callable[[str], None] | None = None
        """Receives a path once the bytes that `on_file` asked for have been transferred."""

    def lstat(self, path: str) -> FileStat:
        """See `DeviceFiles.lstat`."""
        return self._device.files.lstat(path)

    def stat(self, path: str) -> FileStat:
        """See `DeviceFiles.stat`."""
        return self._device.files.stat(path)

    def listdir(self, path: str) -> list[tuple[str, FileStat]]:
        """See `DeviceFiles.listdir`."""
        return self._device.files.listdir(path)

    def open_read(self, path: str) -> BinaryIO:
        """See `DeviceFiles.open_read`."""
        return self._watched("pull", path, self._device.files.open_read(path))

    def open_write(self, path: str, mode: int) -> BinaryIO:
        """See `DeviceFiles.open_write`."""
        self._refuse(path)
        return self._watched("push", path, self._device.files.open_write(path, mode))

    def symlink(self, target: str, path: str) -> None:
        """See `DeviceFiles.symlink`."""
        self._refuse(path)
        self._device.files.symlink(target, path)

    def set_mtime(self, path: str, mtime: int) -> None:
        """See `DeviceFiles.set_mtime`."""
        self._device.files.set_mtime(path, mtime)

    def unlink(self, path: str) -> None:
        """See `DeviceFiles.unlink`. It also works on a full disk."""
        if self._ailments.refusal != errno.ENOSPC:
            self._refuse(path)
        self._device.files.unlink(path)

    def _refuse(self, path: str) -> None:
        if (code := self._ailments.refusal) and path.startswith(_STORAGE):
            raise OSError(code, os.strerror(code), path)

    def _watched(self, operation: str, path: str, file: BinaryIO) -> BinaryIO:
        after = self.on_file(operation, path) if self.on_file is not None else None
        if after is None and operation == "pull":
            return file
        return cast(BinaryIO, _WatchedFile(file, path, self, after))

    def refuse_bytes(self, path: str) -> None:
        """Raise the present error of a write, if any."""
        self._refuse(path)

    def reached(self, path: str) -> None:
        """Note that the bytes have been transferred."""
        if self.on_bytes is not None:
            self.on_bytes(path)


class _WatchedFile:
    """The part of a binary file that the sync service uses. It counts bytes, and fails when the storage does."""

    def __init__(self, file: BinaryIO, path: str, owner: FaultyFiles, after: int | None) -> None:
        self._file, self._path, self._owner = file, path, owner
        self._left = after

    def write(self, data: memoryview) -> int:
        self._owner.refuse_bytes(self._path)
        if self._left is not None and 0 < self._left < len(data):
            data = data[: self._left]
        count = self._file.write(data)
        self._count(count)
        return count

    def readinto(self, buffer: memoryview) -> int:
        count = int(self._file.readinto(buffer))  # type: ignore[attr-defined]  # BinaryIO lacks what every binary file has
        self._count(count)
        return count

    def close(self) -> None:
        self._file.close()

    def _count(self, count: int) -> None:
        if self._left is None:
            return
        self._left -= count
        if self._left <= 0:
            self._left = None
            self._owner.reached(self._path)


def _prelude(ailments: Ailments) -> str:
    """Return shell text that makes a command's tools fail as they should, on one line to keep the command's line numbers nearly right."""
    parts = []
    if (code := ailments.refusal) is not None:
        reason = os.strerror(code)
        parts.append(
            'mkdir() { for _f in "$@"; do case $_f in -*) ;; *) [ -d "$_f" ] ||'
            f" {{ echo \"mkdir: '$_f': {reason}\" >&2; return 1; }} ;; esac; done; }}"
        )
        for tool in _WRITERS_WHEN_FULL if code == errno.ENOSPC else _WRITERS:
            parts.append(f'{tool}() {{ for _f in "$@"; do :; done; echo "{tool}: \'$_f\': {reason}" >&2; return 1; }}')
    if ailments.clock_offset_s:
        offset = int(ailments.clock_offset_s)
        parts.append(f'date() {{ command date -d "@$(($(command date +%s) + ({offset})))" "$@"; }}')
    return "; ".join(parts) + ("\n" if parts else "")
