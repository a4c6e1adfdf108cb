"""The way in which Android's commands on a device (small shell scripts, see `userland`) ask the daemon.

A request is three steps on the device: write the words, each ended by NUL, to `PID.req`; make a FIFO `PID.res` and open it; write the PID
twice, as a line, to the FIFO `requests`. To make a FIFO takes a program, so a script may take one that is there instead: it makes
`NAME.taken`, which only one can, and writes its PID and NAME. The daemon answers with `PID.out`, `PID.err` and one line on the FIFO: the
exit code, or for `taskset` what to run. The device can tamper with everything in the folder, and the daemon may be root: it opens no links
there and never waits.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

READY_FIFOS = ("a", "b", "c", "d")
"""Names of the FIFOs that are there. Who finds none free makes its own."""

_REQUEST = re.compile(rb"(\d{1,11}) (\d{1,11}|[a-d])")
_MAX_REQUEST = 1 << 18
_ANSWER_LIFETIME_S = 5.0


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """Output and exit code of a command. `directive` replaces the exit code for the scripts that understand one."""

    out: str = ""
    err: str = ""
    code: int = 0
    directive: str | None = None


class Bus:
    """The daemon's end.

    Args:
        folder: the host's folder that is `/dev/harness` on the device, new at each boot.
        handle: answers a command, given the PID of the script (as the device sees it) and the command's words.
    """

    def __init__(self, folder: Path, handle: Callable[[int, list[str]], CommandAnswer]) -> None:
        self._folder, self._handle = folder, handle
        self._dir = self._requests = -1
        self._buffer = b""
        self._stale: set[asyncio.TimerHandle] = set()

    def open(self) -> None:
        """Start listening."""
        for name in ("requests", *(f"{ready}.res" for ready in READY_FIFOS)):
            os.mkfifo(self._folder / name, 0o600)
        self._dir = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # Opened for writing too, so that it never reports an end while no command holds it.
        self._requests = os.open("requests", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._dir)
        asyncio.get_running_loop().add_reader(self._requests, self._read)

    def close(self) -> None:
        """Stop listening. Commands that wait for an answer keep waiting."""
        if self._requests < 0:
            return
        asyncio.get_running_loop().remove_reader(self._requests)
        os.close(self._requests)
        os.close(self._dir)
        self._requests = self._dir = -1
        for timer in self._stale:
            timer.cancel()
        self._stale.clear()

    def _read(self) -> None:
        with suppress(BlockingIOError):
            self._buffer += os.read(self._requests, 65536)
        *lines, self._buffer = self._buffer.split(b"\n")
        self._buffer = self._buffer[-64:]
        for line in lines:
            if (match := _REQUEST.fullmatch(line)) is not None:
                pid, fifo = match[1].decode(), match[2].decode()
                with suppress(OSError):  # the script has gone, or is malicious
                    self._answer(pid, fifo)
                if fifo in READY_FIFOS:
                    # A new one, because the script still has the old one open.
                    self._remove(f"{fifo}.res")
                    with suppress(OSError):
                        os.mkfifo(f"{fifo}.res", 0o600, dir_fd=self._dir)
                    self._remove(f"{fifo}.taken")

    def _answer(self, pid: str, fifo: str) -> None:
        request = os.open(f"{pid}.req", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._dir)
        with os.fdopen(request, "rb") as file:
            words = file.read(_MAX_REQUEST).split(b"\0")[:-1]
        self._remove(f"{pid}.req", f"{pid}.out", f"{pid}.err")
        answer = self._handle(int(pid), [os.fsdecode(word) for word in words])
        for suffix, text in (("out", answer.out), ("err", answer.err)):
            if text:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                with os.fdopen(os.open(f"{pid}.{suffix}", flags, 0o600, dir_fd=self._dir), "wb") as file:
                    file.write(os.fsencode(text))
        reply = os.open(f"{fifo}.res", os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._dir)
        try:
            if stat.S_ISFIFO(os.fstat(reply).st_mode):
                os.write(reply, f"{answer.directive or answer.code}\n".encode())
        finally:
            os.close(reply)
        if fifo == pid:
            self._remove(f"{pid}.res")
        if answer.out or answer.err:
            self._remove_later(f"{pid}.out", f"{pid}.err")

    def _remove(self, *names: str) -> None:
        for name in names:
            with suppress(OSError):
                os.unlink(name, dir_fd=self._dir)

    def _remove_later(self, *names: str) -> None:
        def expire() -> None:
            self._stale.discard(timer)
            self._remove(*names)

        timer = asyncio.get_running_loop().call_later(_ANSWER_LIFETIME_S, expire)
        self._stale.add(timer)
