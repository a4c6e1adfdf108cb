"""The interface inside the virtual device, between the ADB side (protocol, services) and the Android side (files, shell, state).

The ADB side does not know how a device's file system is made (mount namespace or path mapping), and the Android side never sees a packet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class WindowSize:
    """Terminal size in characters, as `window-size-change` packets of the shell protocol carry it."""

    rows: int
    columns: int
    x_pixels: int = 0
    y_pixels: int = 0


class DeviceProcess(Protocol):
    """A process on the device. Its streams are non-blocking file descriptors that the caller owns and closes.

    With a terminal, `stdin` and `stdout` are the same pty master and `stderr` is None.
    """

    pid: int
    stdin: int
    stdout: int
    stderr: int | None

    def resize(self, size: WindowSize) -> None:
        """Tell the terminal its new size. Does nothing without a terminal."""

    async def wait(self) -> int:
        """Wait for the exit code, 128+N for signal N."""

    def hang_up(self) -> None:
        """Do what adbd does when the stream closes: send SIGHUP to the shell only. Its children live on."""


@dataclass(frozen=True, slots=True)
class FileStat:
    """The facts about a file that sync reports. `mode` has the type bits; times are in seconds since the epoch."""

    mode: int
    size: int
    mtime: int
    atime: int = 0
    ctime: int = 0
    dev: int = 0
    ino: int = 0
    nlink: int = 1
    uid: int = 0
    gid: int = 0


class DeviceFiles(Protocol):
    """The device's file system as adbd's sync service sees it. Paths are absolute device paths, straight from the wire.

    Every method resolves `..` and symbolic links inside the device, so nothing outside is read or written. All raise OSError with Android's
    errno (ENOENT, EACCES, EROFS, ENOSPC, EISDIR ...).
    """

    def lstat(self, path: str) -> FileStat:
        """Describe the file, or the link itself."""

    def stat(self, path: str) -> FileStat:
        """Describe the file, or a link's target."""

    def listdir(self, path: str) -> list[tuple[str, FileStat]]:
        """List names with their lstat, including `.` and `..` as adbd does."""

    def open_read(self, path: str) -> BinaryIO:
        """Open for reading; EISDIR for a folder."""

    def open_write(self, path: str, mode: int) -> BinaryIO:
        """Create or truncate with these permission bits; missing parent folders are made, as adbd does."""

    def symlink(self, target: str, path: str) -> None:
        """Create a link, and replace what was there."""

    def set_mtime(self, path: str, mtime: int) -> None:
        """Set both atime and mtime."""

    def unlink(self, path: str) -> None:
        """Remove a file, as adbd does before and after a refused push."""


class AndroidDevice(Protocol):
    """One virtual device below the ADB side."""

    serial: str
    files: DeviceFiles
    root: Path
    """Folder on the host for everything that this device may write."""
    on_reboot: Callable[[], None]
    """Set by the ADB side; the Android side calls it when a command on the device asks for a reboot. Returns at once."""

    @property
    def banner(self) -> Mapping[str, str]:
        """`ro.product.name`, `ro.product.model`, `ro.product.device` for the CNXN banner."""

    @property
    def auth_required(self) -> bool:
        """Whether a host must prove its key (profile's `virtual.auth`)."""

    async def start(self) -> None:
        """Boot: make the file system and start the state."""

    async def stop(self) -> None:
        """Kill all its processes and unmount; `root` stays (the owner deletes it)."""

    async def reboot(self) -> None:
        """Reboot: all processes die, `/data` and `/sdcard` stay, uptime and boot id are new. Returns when the device is up again."""

    async def spawn(
        self, command: str | None, *, terminal: WindowSize | None = None, term: str = "dumb"
    ) -> DeviceProcess:
        """Run a command with the device's shell (None: an interactive login shell), as user shell, in its file system."""


@runtime_checkable
class FrailDevice(Protocol):
    """A device that can suffer every fault, including those below the ADB side."""

    async def kill_benchmark(self) -> str | None:
        """Send SIGKILL to the benchmark, like the low-memory killer. Returns its command line; None if none runs."""

    async def crash_benchmark(self) -> str | None:
        """Send SIGSEGV to the benchmark, and write log and tombstone. Returns its command line; None if none runs."""

    def set_charge(self, percent: int) -> None:
        """Set the battery's charge, off the charger."""

    def take_serial(self, serial: str) -> None:
        """Claim another device's hardware serial in `ro.serialno` and `ro.boot.serialno`, from now on."""
