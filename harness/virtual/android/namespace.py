"""Devices in Linux namespaces: a mount, PID, user, UTS and time namespace each, entered with `nsenter` for every command.

The device's user and group `shell` (2000) are the daemon's user and group. An unprivileged user may make no other mapping, so it works the
same with and without root. The device's processes have no capabilities; killing process 1 ends all of them.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from harness.virtual.android import namespace_init
from harness.virtual.android.backend import (
    BackendUnavailable,
    ProcessUse,
    read_affinity,
    read_command_line,
    read_process,
)
from harness.virtual.android.files import SHELL_UID
from harness.virtual.android.layout import Layout, mode_of
from harness.virtual.android.process import SpawnedProcess, open_pty, start
from harness.virtual.android.userland import BUS_DIR, Userland
from harness.virtual.device_interface import WindowSize

_BOOT_TIMEOUT_S = 30.0
_HAS_TIME_NAMESPACES = Path("/proc/self/ns/time").exists()  # Linux 5.6; without them the device shows the host's uptime


class Namespaces:
    """Implements `backend.Backend` with namespaces.

    Args:
        tree: the device's own tree on the host.
        tools: the host's programs.
        overlays: paths where the device's file hides the host's (`/etc/passwd`), each to the device's file.
        hostname: the device's host name.
    """

    kind: Literal["namespaces", "path-mapping"] = "namespaces"
    shell = "/system/bin/sh"
    bus = BUS_DIR
    bin_dir = "/system/bin"

    def __init__(self, tree: Path, *, tools: Userland, overlays: Mapping[str, str], hostname: str) -> None:
        self.tree = tree
        self.served: Mapping[str, int] = {}
        self._nsenter = shutil.which("nsenter") or "nsenter"
        self._tools, self._overlays, self._hostname = tools, overlays, hostname
        self._holder: subprocess.Popen[bytes] | None = None
        self._pid1 = 0
        self._lifeline = -1
        self._live: set[SpawnedProcess] = set()

    def root_path(self) -> Path:
        """See `Backend.root_path`."""
        if not self._pid1:
            raise OSError(errno.ENODEV, "the device is down")
        return Path(f"/proc/{self._pid1}/root")

    def live_path(self, name: str) -> Path:
        """See `Backend.live_path`."""
        return self.root_path() / (f"{namespace_init.LIVE_PROC}{name}" if name.startswith("proc/") else name)

    async def start(self, layout: Layout) -> None:
        """See `Backend.start`."""
        programs = {name: shutil.which(name) for name in ("unshare", "nsenter", "cat")}
        if missing := [name for name, path in programs.items() if path is None]:
            raise BackendUnavailable(f"{', '.join(missing)} not found")
        ours, theirs = socket.socketpair()
        spec = {
            "served": list(layout.served),
            "channel": theirs.fileno(),
            "own": str(self.tree),
            "visible": _needed_inside(),
            "overlays": dict(self._overlays),
            "layout": {
                "folders": layout.folders,
                "links": dict(layout.links),
                "files": [
                    *((name, text, mode_of(name)) for name, text in layout.files.items()),
                    *((name, text, mode_of(name, executable=True)) for name, text in layout.scripts.items()),
                ],
            },
            "hostname": self._hostname,
            "holder": [str(programs["cat"])],
        }
        user = ["--user", f"--map-user={SHELL_UID}", f"--map-group={SHELL_UID}", "--keep-caps"]
        kinds = ["--mount", "--pid", "--uts", *_fresh_uptime(), "--fork", "--kill-child"]
        init = [sys.executable, "-I", "-S", namespace_init.__file__]
        lifeline_read, self._lifeline = os.pipe2(os.O_CLOEXEC)
        try:
            self._holder = subprocess.Popen(  # noqa: ASYNC220  # returns once the child is made
                [str(programs["unshare"]), *user, *kinds, *init],
                stdin=lifeline_read,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )
        except BaseException:
            ours.close()
            raise
        finally:
            os.close(lifeline_read)
            theirs.close()
        with ours:
            try:
                await _write(self._lifeline, json.dumps(spec).encode() + b"\n")
                self._pid1 = await self._first_word(self._holder)
                self.served = _received(ours, layout.served)
            except BaseException:
                await self.stop()
                raise

    async def _first_word(self, holder: subprocess.Popen[bytes]) -> int:
        assert holder.stdout is not None  # noqa: S101  # it was asked for with PIPE
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), holder.stdout
        )
        try:
            line = await asyncio.wait_for(reader.readline(), _BOOT_TIMEOUT_S)
        except TimeoutError as error:
            raise BackendUnavailable("the namespaces took too long") from error
        finally:
            transport.close()
        try:
            said = json.loads(line)
            return int(said["pid"])
        except (ValueError, KeyError, TypeError) as error:
            words = line.decode(errors="replace").strip()
            with suppress(ValueError, KeyError, TypeError):
                words = str(json.loads(line)["error"])
            raise BackendUnavailable(words or "unshare failed without a word") from error

    async def stop(self) -> None:
        """See `Backend.stop`."""
        pid1, self._pid1 = self._pid1, 0
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        holder, self._holder = self._holder, None
        if holder is None:
            return
        if pid1:
            with suppress(ProcessLookupError):
                os.kill(pid1, signal.SIGKILL)
        else:
            holder.kill()
        live = list(self._live)
        for process in live:
            process.kill()
        await _ended(holder)
        for process in live:
            await process.wait()

    def launch(self, command: str | None, *, terminal: WindowSize | None, env: Mapping[str, str]) -> SpawnedProcess:
        """See `Backend.launch`."""
        root = self.root_path()
        enter = [
            self._nsenter,
            f"--target={self._pid1}",
            "--user",
            "--mount",
            "--pid",
            "--uts",
            "--preserve-credentials",
        ]
        enter += ["--time"] if _HAS_TIME_NAMESPACES else []
        session = [self._tools.setsid, *(["-c"] if terminal else [])]
        argv: Sequence[str] = [*enter, "--", *session, self.shell, *(["-c", command] if command is not None else [])]
        pty = open_pty(root / "dev/pts/ptmx", terminal) if terminal else None

        process = start(argv, env=env, cwd=None, shell_is_child=True, pty=pty, on_exit=self._live.discard)
        self._live.add(process)
        return process

    def processes(self) -> list[ProcessUse]:
        """See `Backend.processes`."""
        try:
            proc = self.root_path() / "proc"
            names = [entry.name for entry in os.scandir(proc)]
        except OSError:
            return []
        found = (read_process(proc / name) for name in names if name.isdigit() and name != "1")
        return [use for use in found if use is not None]

    def command_line(self, pid: int) -> list[str]:
        """See `Backend.command_line`."""
        return read_command_line(self.root_path() / "proc" / str(pid))

    def affinity(self, pid: int) -> int | None:
        """See `Backend.affinity`."""
        return read_affinity(self.root_path() / "proc" / str(pid))


def _received(channel: socket.socket, names: Sequence[str]) -> dict[str, int]:
    """Return the open devices that process 1 has sent before its first word; nothing if this host refuses to serve files."""
    fds = array("i")
    # socket.recv_fds() ignores its flags (Python 3.11).
    flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
    with suppress(BlockingIOError):
        for _, _, data in channel.recvmsg(1, socket.CMSG_LEN(len(names) * fds.itemsize), flags)[1]:
            fds.frombytes(data)
    return dict(zip(names, fds, strict=False))


def _fresh_uptime() -> list[str]:
    """Return options of `unshare` that start the device's uptime at its boot. The clock of latencies (monotonic) stays the host's."""
    if not _HAS_TIME_NAMESPACES:
        return []
    return ["--time", f"--boottime=-{int(time.clock_gettime(time.CLOCK_BOOTTIME))}"]


def _needed_inside() -> list[str]:
    """Return the folders that the daemon's own Python needs to start."""
    paths = {sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent), str(Path(__file__).parents[3])}
    return sorted(path for path in paths if path != "/")


async def _ended(popen: subprocess.Popen[bytes]) -> None:
    """Wait for a process without blocking the loop, and reap it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    pidfd = os.pidfd_open(popen.pid)
    loop.add_reader(pidfd, _settle, done)
    try:
        await done
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
    popen.wait()


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


async def _write(fd: int, data: bytes) -> None:
    """Write all data to a pipe, in pieces as the other side reads."""
    os.set_blocking(fd, False)
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            await asyncio.sleep(0.002)
        except BrokenPipeError:
            return  # it has died already, and its last message says why
