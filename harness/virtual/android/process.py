"""A process on a virtual device: its streams, its exit code, and the hang-up that adbd sends when a stream closes."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.virtual.device_interface import WindowSize

_TIOCGPTPEER = 0x5441
"""The ioctl that opens the other end of a pty without a path, so also of a pty in another mount namespace (Linux 4.13)."""


class SpawnedProcess:
    """Implements `harness.virtual.device_interface.DeviceProcess`.

    Args:
        popen: the started process: the shell itself, or the `nsenter` that waits for it.
        shell_is_child: whether it is `nsenter`.
        stdin, stdout, stderr: the daemon's ends; the caller owns them.
        on_exit: called once, when the process has been reaped.
    """

    def __init__(
        self,
        popen: subprocess.Popen[bytes],
        *,
        shell_is_child: bool,
        stdin: int,
        stdout: int,
        stderr: int | None,
        on_exit: Callable[[SpawnedProcess], None],
    ) -> None:
        self.pid = popen.pid
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self._popen, self._shell_is_child, self._on_exit = popen, shell_is_child, on_exit
        self._terminal = stderr is None
        self._loop = asyncio.get_running_loop()
        self._exit: asyncio.Future[int] = self._loop.create_future()
        self._pidfd = os.pidfd_open(popen.pid)
        self._loop.add_reader(self._pidfd, self._reap)

    def _reap(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = self._popen.wait()
        self._exit.set_result(code if code >= 0 else 128 - code)
        self._on_exit(self)

    def resize(self, size: WindowSize) -> None:
        """See `DeviceProcess.resize`."""
        if self._terminal:
            with suppress(OSError):  # the caller may have closed it already
                _set_size(self.stdin, size)

    async def wait(self) -> int:
        """See `DeviceProcess.wait`."""
        return await asyncio.shield(self._exit)

    @property
    def ended(self) -> bool:
        """Whether the process has been reaped."""
        return self._exit.done()

    def hang_up(self) -> None:
        """See `DeviceProcess.hang_up`."""
        if self.ended:
            return
        with suppress(ProcessLookupError):
            for pid in children_of(self.pid) if self._shell_is_child else [self.pid]:
                os.kill(pid, signal.SIGHUP)

    def kill(self) -> None:
        """Kill the started process on the host, whatever its state."""
        if not self.ended:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def children_of(pid: int) -> list[int]:
    """Return the PIDs of a process's direct children; empty if it is gone."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        if not Path(f"/proc/{pid}").exists():
            return []
    return [child for child, parent in _parents().items() if parent == pid]  # a kernel without CONFIG_PROC_CHILDREN


def _parents() -> dict[int, int]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError):
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None,
    shell_is_child: bool,
    pty: tuple[int, int] | None,
    on_exit: Callable[[SpawnedProcess], None],
) -> SpawnedProcess:
    """Start `argv` with pipes, or on the terminal `pty` (master, slave; both are taken over).

    Raises:
        OSError: the host cannot start it.
    """
    if pty is not None:
        theirs = (pty[1], pty[1], pty[1])
        ours: tuple[int, ...] = (pty[0],)
    else:
        (stdin_read, stdin_write), (stdout_read, stdout_write), (stderr_read, stderr_write) = (
            os.pipe2(os.O_CLOEXEC) for _ in range(3)
        )
        theirs, ours = (stdin_read, stdout_write, stderr_write), (stdin_write, stdout_read, stderr_read)
    try:
        popen = subprocess.Popen(argv, stdin=theirs[0], stdout=theirs[1], stderr=theirs[2], env=env, cwd=cwd)
    except OSError:
        for fd in ours:
            os.close(fd)
        raise
    finally:
        for fd in set(theirs):
            os.close(fd)
    for fd in ours:
        os.set_blocking(fd, False)
    stdin, stdout, stderr = (ours[0], ours[0], None) if pty else ours
    return SpawnedProcess(
        popen, shell_is_child=shell_is_child, stdin=stdin, stdout=stdout, stderr=stderr, on_exit=on_exit
    )


def open_pty(ptmx: Path, size: WindowSize) -> tuple[int, int]:
    """Return master and slave of a new terminal of this size.

    Raises:
        OSError: no terminal is available.
    """
    master = os.open(ptmx, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(master, termios.TIOCSPTLCK if hasattr(termios, "TIOCSPTLCK") else 0x40045431, struct.pack("i", 0))
        slave = fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        _set_size(master, size)
    except OSError:
        os.close(master)
        raise
    return master, slave


def _set_size(fd: int, size: WindowSize) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.columns, size.x_pixels, size.y_pixels))


@contextmanager
def confined(host_cpus: set[int] | None) -> Iterator[None]:
    """Confine processes that this thread starts inside to these cores of the host; None: to all cores of the thread."""
    before = os.sched_getaffinity(0)
    try:
        if host_cpus is not None:
            os.sched_setaffinity(0, host_cpus)
        yield
    finally:
        if host_cpus is not None:
            os.sched_setaffinity(0, before)
