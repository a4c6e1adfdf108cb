"""A device below the ADB side that is as plain as can be: /bin/sh in a folder, paths mapped into it."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from harness.devices.device_config import DeviceConfig
from harness.virtual.device_interface import DeviceFiles, DeviceProcess, FileStat, WindowSize


class PlainProcess:
    """A child of this process, its descriptors non-blocking and the caller's."""

    def __init__(self, process: asyncio.subprocess.Process, stdin: int, stdout: int, stderr: int | None) -> None:
        self._process = process
        self.pid = process.pid
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr

    def resize(self, size: WindowSize) -> None:
        if self.stdin == self.stdout:
            packed = struct.pack("HHHH", size.rows, size.columns, size.x_pixels, size.y_pixels)
            fcntl.ioctl(self.stdin, termios.TIOCSWINSZ, packed)

    async def wait(self) -> int:
        code = await self._process.wait()
        return 128 - code if code < 0 else code

    def hang_up(self) -> None:
        self._process.send_signal(signal.SIGHUP)


class PlainFiles:
    """A folder of the host as a whole file system. `/system` is read-only, `/full` has no room."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _host(self, path: str) -> Path:
        parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
        return self._root.joinpath(*parts)

    def _writable(self, path: str) -> Path:
        if path.startswith("/system"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return self._host(path)

    def lstat(self, path: str) -> FileStat:
        return _file_stat(self._host(path).lstat())

    def stat(self, path: str) -> FileStat:
        return _file_stat(self._host(path).stat())

    def listdir(self, path: str) -> list[tuple[str, FileStat]]:
        names = [".", "..", *sorted(os.listdir(self._host(path)))]  # noqa: PTH208  # the names of surrogates stay as they are
        return [(name, self.lstat(path if name.strip(".") == "" else f"{path}/{name}")) for name in names]

    def open_read(self, path: str) -> BinaryIO:
        return self._host(path).open("rb", buffering=0)

    def open_write(self, path: str, mode: int) -> BinaryIO:
        target = self._writable(path)
        if path.startswith("/full"):
            return Path("/dev/full").open("wb", buffering=0)
        target.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        os.fchmod(fd, mode)
        return os.fdopen(fd, "wb")

    def symlink(self, target: str, path: str) -> None:
        link = self._writable(path)
        link.unlink(missing_ok=True)
        link.symlink_to(target)

    def set_mtime(self, path: str, mtime: int) -> None:
        if not path.startswith("/full"):
            os.utime(self._host(path), (mtime, mtime))

    def unlink(self, path: str) -> None:
        self._writable(path).unlink()


class PlainDevice:
    """Runs commands as `/bin/sh -c` with the folder as working directory and in `$ROOT`."""

    def __init__(self, *, serial: str, root: Path, auth_required: bool = False) -> None:
        self.serial = serial
        self.root = root
        self.files: DeviceFiles = PlainFiles(root)
        self.auth_required = auth_required
        self.boots = 0
        self.on_reboot: Callable[[], None] = lambda: None
        self._running: set[asyncio.subprocess.Process] = set()

    @property
    def banner(self) -> Mapping[str, str]:
        return {"ro.product.name": "plain", "ro.product.model": "Plain; One:1=", "ro.product.device": "plain1"}

    async def start(self) -> None:
        (self.root / "data/local/tmp").mkdir(parents=True, exist_ok=True)
        (self.root / "system").mkdir(exist_ok=True)
        self.boots += 1

    async def stop(self) -> None:
        for process in self._running:
            if process.returncode is None:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:  # so young that its setsid has not made the group yet
                    process.kill()
        await asyncio.gather(*(process.wait() for process in self._running))
        self._running.clear()

    async def reboot(self) -> None:
        await self.stop()
        await asyncio.sleep(0.2)
        await self.start()

    async def spawn(
        self, command: str | None, *, terminal: WindowSize | None = None, term: str = "dumb"
    ) -> DeviceProcess:
        if command is not None and command.endswith("cannot-start"):
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        arguments = ["/bin/sh"] if command is None else ["/bin/sh", "-c", command]
        environment = {"PATH": os.defpath, "ROOT": str(self.root), "TERM": term, "PS1": "plain $ "}
        if terminal is not None:
            mine, theirs = pty.openpty()
            ends = [(theirs, theirs, theirs), (mine, mine, None)]
        else:
            pipes = [os.pipe(), os.pipe(), os.pipe()]
            ends = [
                (pipes[0][0], pipes[1][1], pipes[2][1]),
                (pipes[0][1], pipes[1][0], pipes[2][0]),
            ]
        child, parent = ends
        process = await asyncio.create_subprocess_exec(
            *(["setsid", "-c"] if terminal else ["setsid"]),
            *arguments,
            stdin=child[0],
            stdout=child[1],
            stderr=child[2],
            cwd=self.root,
            env=environment,
        )
        for fd in set(child):
            if fd is not None:
                os.close(fd)
        for fd in set(parent):
            if fd is not None:
                os.set_blocking(fd, False)
        self._running.add(process)
        spawned = PlainProcess(process, parent[0] or 0, parent[1] or 0, parent[2])
        if terminal is not None:
            spawned.resize(terminal)
        return spawned


def create_device(
    *, serial: str, profile: DeviceConfig, root: Path, clock_scale: float = 1.0, seed: int = 0
) -> PlainDevice:
    return PlainDevice(serial=serial, root=root, auth_required=profile.virtual is not None and profile.virtual.auth)


def _file_stat(found: os.stat_result) -> FileStat:
    return FileStat(
        mode=found.st_mode,
        size=found.st_size,
        mtime=int(found.st_mtime),
        atime=int(found.st_atime),
        ctime=int(found.st_ctime),
        dev=found.st_dev,
        ino=found.st_ino,
        nlink=found.st_nlink,
        uid=found.st_uid,
        gid=found.st_gid,
    )
