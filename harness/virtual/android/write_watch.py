"""Tells when somebody on the device has written a file below `/sys`, so that the answer comes at once, as a kernel's would (inotify(7))."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

_CLOSE_WRITE = 0x8
_HEAD = struct.Struct("iIII")
"""struct inotify_event: watch, mask, cookie, length of the name that follows."""


class WriteWatch:
    """Calls back when a file has been written in place and closed. What is moved to its place does not count.

    Without inotify (its instances are few for each user) it never calls.

    Args:
        folders: the files' folders.
        names: the files' names.
        on_write: called in the running event loop, once for writes that come together.
    """

    def __init__(self, folders: Iterable[Path], names: Collection[str], on_write: Callable[[], None]) -> None:
        self._names, self._on_write = {name.encode() for name in names}, on_write
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd >= 0:
            for folder in folders:
                libc.inotify_add_watch(self._fd, os.fsencode(folder), ctypes.c_uint32(_CLOSE_WRITE))
            asyncio.get_running_loop().add_reader(self._fd, self._read)

    def close(self) -> None:
        """End it. A second call does nothing."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> None:
        events = os.read(self._fd, 65536)
        written, start = False, 0
        while start < len(events):
            *_, length = _HEAD.unpack_from(events, start)
            start += _HEAD.size + length
            written = written or events[start - length : start].rstrip(b"\0") in self._names
        if written:
            self._on_write()
