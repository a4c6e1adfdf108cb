"""The seam inside the virtual device: the ADB side (protocol, services) above it, the Android side (files, shell, state) below it.

The ADB side never learns how a device's file system is made (mount namespace or path mapping) and the Android side never sees a packet.
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
    """A process on the device with its streams as non-blocking file descriptors, owned by the caller (who closes them).

    With a terminal, `stdin` and `stdout` are the same pty master and `stderr` is None.
    """

    pid: int
    stdin: int
    stdout: int
    stderr: int | None

    def resize(self, size: WindowSize) -> None:
        """Tell the terminal its new size; does nothing without a terminal."""

    async def wait(self) -> int:
        """Exit code, 128+N for signal N."""

    def hang_up(self) -> None:
        """Do what adbd does when the stream closes: SIGHUP to the shell alone. Its children live on."""


@dataclass(frozen=True, slots=True)
class FileStat:
    """What sync reports of a file. `mode` has the type bits; times in seconds since the epoch."""

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

    Every method resolves `..` and symbolic links inside the device: nothing outside is ever read or written. All raise OSError with the
    errno that Android would give (ENOENT, EACCES, EROFS, ENOSPC, EISDIR ...).
    """

    def lstat(self, path: str) -> FileStat:
        """Of the link itself."""

    def stat(self, path: str) -> FileStat:
        """Of what the link points to."""

    def listdir(self, path: str) -> list[tuple[str, FileStat]]:
        """Names with their lstat, `.` and `..` included as adbd does."""

    def open_read(self, path: str) -> BinaryIO:
        """Opened for reading; EISDIR for a folder."""

    def open_write(self, path: str, mode: int) -> BinaryIO:
        """Created or truncated with these permission bits; missing parent folders are made, as adbd makes them."""

    def symlink(self, target: str, path: str) -> None:
        """Created, replacing what was there."""

    def set_mtime(self, path: str, mtime: int) -> None:
        """Both atime and mtime."""

    def unlink(self, path: str) -> None:
        """As adbd does before and after a refused push."""


class AndroidDevice(Protocol):
    """One virtual device below the ADB side."""

    serial: str
    files: DeviceFiles
    root: Path
    """Folder on the host that holds everything this device may write."""
    on_reboot: Callable[[], None]
    """Set by the ADB side; the Android side calls it when a command on the device asks for a reboot. Returns at once."""

    @property
    def banner(self) -> Mapping[str, str]:
        """`ro.product.name`, `ro.product.model`, `ro.product.device` for the CNXN banner."""

    @property
    def auth_required(self) -> bool:
        """Whether a host must prove its key (profile's `virtual.auth`)."""

    async def start(self) -> None:
        """Boot: make the file system, let the state run."""

    async def stop(self) -> None:
        """Kill all its processes; unmount; keep `root` (the owner deletes it)."""

    async def reboot(self) -> None:
        """All processes die, `/data` and `/sdcard` stay, uptime and boot id are new. Returns when the device is up again."""

    async def spawn(
        self, command: str | None, *, terminal: WindowSize | None = None, term: str = "dumb"
    ) -> DeviceProcess:
        """Run a command with the device's shell (None: an interactive login shell), as user shell, in its file system."""


@runtime_checkable
class FrailDevice(Protocol):
    """A device on which every fault can be played, also those below the ADB side."""

    async def kill_benchmark(self) -> str | None:
        """Send SIGKILL to the benchmark, like the low-memory killer. Returns its command line; None if none runs."""

    async def crash_benchmark(self) -> str | None:
        """SIGSEGV to the benchmark, told in the device's log and tombstones. Its command line; None where none runs."""

    def set_charge(self, percent: int) -> None:
        """Set the battery's charge, off the charger."""

    def take_serial(self, serial: str) -> None:
        """Claim another device's hardware serial in `ro.serialno` and `ro.boot.serialno`, from now on."""
