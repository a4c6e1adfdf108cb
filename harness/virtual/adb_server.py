"""A private ADB server with its own port and HOME, apart from the user's server and phones: no USB, no mDNS, no scan for emulators.

This process owns the listening socket and hands it down (`-L acceptfd:N`), so the port is never free, not even between two servers. After a
crash or `adb kill-server`, clients wait a moment in the socket's queue. Otherwise they would start a server of their own, which would claim
the phones on the USB.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

from harness.errors import SetupError

log = logging.getLogger(__name__)

_BACKLOG = 128
_LONGEST_PAUSE_S = 2.0
_STABLE_S = 10.0
"""After this many seconds a server counts as healthy, and its next crash as a new one."""
_STOP_S = 3.0

# Run by a fresh interpreter: the kernel ends the server with its parent (PR_SET_PDEATHSIG), however that dies. Between fork and exec it
# would need preexec_fn, which is unsafe in a process with threads.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def find_adb() -> Path:
    """Find the adb program: the one in `ADBUTILS_ADB_PATH`, else the one in adbutils' wheel.

    Raises:
        SetupError: neither is there.
    """
    if named := os.environ.get("ADBUTILS_ADB_PATH"):
        if not os.access(named, os.X_OK):
            raise SetupError(f"ADBUTILS_ADB_PATH names {named!r}, which is no program", remedy="unset or correct it")
        return Path(named)
    spec = find_spec("adbutils")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / "binaries" / "adb"
        if os.access(program, os.X_OK):
            return program
    raise SetupError(
        "no adb program: this machine's wheel of adbutils carries none",
        remedy="install the Android platform tools and set ADBUTILS_ADB_PATH to their adb",
    )


class AdbServer:
    """A server that is restarted until you stop it.

    Args:
        adb: the program.
        home: an existing folder for its key and its log.
    """

    def __init__(self, adb: Path, home: Path) -> None:
        self._adb = adb
        self._home = home
        self._socket: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port on 127.0.0.1; known after `start`."""
        assert self._socket is not None, "not started"  # noqa: S101  # a mistake of the caller, not of the world
        return int(self._socket.getsockname()[1])

    @property
    def pid(self) -> int | None:
        """Process id of the running server; None if none runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def log_path(self) -> Path:
        """The server's log file."""
        return self._home / "adb.log"

    async def start(self) -> None:
        """Take a port and run a server on it. Clients can connect at once.

        Raises:
            OSError: no port is free, or the program cannot be run.
        """
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        # Every connection inherits it; the server itself sets it towards devices, but not towards clients.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await self._launch()
        self._supervisor = asyncio.get_running_loop().create_task(self._supervise())

    async def stop(self) -> None:
        """End the server and give up the port."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._socket is not None:
            self._socket.close()

    def kill(self) -> None:
        """Send SIGKILL to the running server; another takes its place."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)

    async def _launch(self) -> None:
        assert self._socket is not None  # noqa: S101  # start made it
        fd = self._socket.fileno()
        with self.log_path.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())),
                *(str(self._adb), "-L", f"acceptfd:{fd}", "nodaemon", "server"),
                env=self._environment(),
                pass_fds=[fd],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._home),
            "TMPDIR": str(self._home),
            "ANDROID_ADB_LOG_PATH": str(self.log_path),
            "ADB_MDNS": "0",
            "ADB_USB": "0",
            "ADB_EMU": "0",
        }

    async def _supervise(self) -> None:
        clock = asyncio.get_running_loop().time
        pause = 0.0
        while True:
            started = clock()
            assert self._process is not None  # noqa: S101  # _launch made it
            code = await self._process.wait()
            pause = 0.02 if clock() - started > _STABLE_S else min(max(2 * pause, 0.02), _LONGEST_PAUSE_S)
            log.warning("the ADB server ended with %d; a new one in %g s", code, pause)
            await asyncio.sleep(pause)
            try:
                await self._launch()
            except OSError as error:
                log.error("cannot start the ADB server: %s", error)  # noqa: TRY400  # the trace adds nothing
                continue
