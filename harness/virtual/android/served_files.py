"""Small files that the daemon itself reads out and takes in, as a kernel does with those below `/sys` (FUSE, linux/fuse.h).

Each file is a file system of its own, whose root is that file; `namespace_init` mounts them. A thread answers whoever reads, so reading
never waits for the event loop. A write waits until the event loop has judged it: its writer learns of a refusal, and whoever reads the
file afterwards sees what was made of the write.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import stat
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count

_IN_HEAD, _OUT_HEAD = struct.Struct("<IIQQIIII"), struct.Struct("<IiQ")
_ATTR_HEAD, _ATTR = struct.Struct("<QII"), struct.Struct("<6Q10I")
_INIT_OUT = struct.Struct("<IIIIHHIIHHI28x")
_OPEN_OUT, _READ_IN, _WRITE_IN, _WRITE_OUT = (struct.Struct(form) for form in ("<QII", "<QQI", "<QQIIQII", "<II"))
_SETATTR_IN = struct.Struct("<II6Q4I")  # up to the mode
_FORGET, _GETATTR, _SETATTR, _OPEN, _READ, _WRITE, _STATFS, _RELEASE = 2, 3, 4, 14, 15, 16, 17, 18
_INIT, _INTERRUPT, _DESTROY, _BATCH_FORGET = 26, 36, 38, 42
_UNANSWERED = (_FORGET, _INTERRUPT, _DESTROY, _BATCH_FORGET)
_MAJOR, _MINOR = 7, 31
_DIRECT_IO = 1  # of an open file: no page cache, every read and write comes here
_MODE_VALID = 1  # of SETATTR: it changes the mode
_REQUEST_BYTES = 16384
_SIZE = 4096
"""What `ls` says of a file below `/sys`, and the most that a read or write carries."""
_ATTR_LIFETIME_S = 3600  # they change with chmod only, of which the kernel knows


class ServedFiles:
    """Serves the files until it is closed.

    Args:
        fds: each file's open `/dev/fuse`, by the file's name; they are taken over.
        read: returns a file's present content, given its name; called in a thread.
        store: judges what was written into a file; called in the running event loop. False refuses it (EINVAL).
        mode: the files' permission bits.
        owner: their user and group, as the device sees them.
    """

    def __init__(
        self,
        fds: Mapping[str, int],
        *,
        read: Callable[[str], str],
        store: Callable[[str, str], bool],
        mode: int,
        owner: int,
    ) -> None:
        self._read, self._store, self._owner = read, store, owner
        self._made_s = int(time.time())
        self._files = {fd: name for name, fd in fds.items()}
        self._modes = dict.fromkeys(self._files, stat.S_IFREG | mode)
        self._handles = count(1)
        self._seen: dict[
            int, bytes
        ] = {}  # what each open file read last from its start: a value does not change halfway
        self._loop = asyncio.get_running_loop()
        self._stop = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._serve, name="served-files", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it. Whoever waits for an answer, or asks later, gets an error (ENOTCONN). A second call does nothing."""
        if self._stop >= 0:
            os.eventfd_write(self._stop, 1)
            self._thread.join()
            os.close(self._stop)
            self._stop = -1
            for fd in self._files:
                os.close(fd)
            self._files = {}

    def _serve(self) -> None:
        poll = select.epoll()
        poll.register(self._stop, select.EPOLLIN)
        for fd in self._files:
            os.set_blocking(fd, False)
            poll.register(fd, select.EPOLLIN)
        with poll:
            while True:
                for fd, events in poll.poll():
                    if fd == self._stop:
                        return
                    if events & (select.EPOLLERR | select.EPOLLHUP):  # unmounted
                        poll.unregister(fd)
                        continue
                    with suppress(OSError):  # the asker was interrupted before its request was read
                        self._take(fd, os.read(fd, _REQUEST_BYTES))

    def _take(self, fd: int, request: bytes) -> None:
        _, operation, unique, *_ = _IN_HEAD.unpack_from(request)
        if operation == _WRITE:
            self._loop.call_soon_threadsafe(self._judge, fd, unique, request[_IN_HEAD.size :])
        elif operation not in _UNANSWERED:
            answer = self._answer(fd, operation, request[_IN_HEAD.size :])
            self._reply(fd, unique, answer or b"", 0 if answer is not None else errno.ENOSYS)

    def _reply(self, fd: int, unique: int, answer: bytes, error: int = 0) -> None:
        with suppress(OSError):  # the asker was killed, or the file is unmounted
            os.write(fd, _OUT_HEAD.pack(_OUT_HEAD.size + len(answer), -error, unique) + answer)

    def _answer(self, fd: int, operation: int, body: bytes) -> bytes | None:
        """Return the answer to a request that changes no value; None for an operation that such files do not have."""
        if operation == _INIT:
            return _INIT_OUT.pack(_MAJOR, _MINOR, _SIZE, 0, 0, 0, _SIZE, 1, 0, 0, 0)
        if operation == _GETATTR:
            return self._attributes(fd)
        if operation == _SETATTR:  # also what `>` does to the size: nothing
            valid, *_, mode = _SETATTR_IN.unpack_from(body)
            if valid & _MODE_VALID:
                self._modes[fd] = stat.S_IFREG | stat.S_IMODE(mode)
            return self._attributes(fd)
        if operation == _OPEN:
            return _OPEN_OUT.pack(next(self._handles), _DIRECT_IO, 0)
        if operation == _READ:
            handle, offset, size = _READ_IN.unpack_from(body)
            if offset == 0 or handle not in self._seen:
                self._seen[handle] = self._read(self._files[fd]).encode()
            return self._seen[handle][offset : offset + size]
        if operation == _RELEASE:
            self._seen.pop(_READ_IN.unpack_from(body)[0], None)
            return b""
        return bytes(80) if operation == _STATFS else None

    def _attributes(self, fd: int) -> bytes:
        own = (0, 0, 0, self._modes[fd], 1, self._owner, self._owner, 0, _SIZE, 0)
        return _ATTR_HEAD.pack(_ATTR_LIFETIME_S, 0, 0) + _ATTR.pack(1, _SIZE, 0, *[self._made_s] * 3, *own)

    def _judge(self, fd: int, unique: int, body: bytes) -> None:
        name = self._files.get(fd)
        if name is None:  # closed meanwhile
            return
        accepted = False
        try:
            accepted = self._store(name, body[_WRITE_IN.size :].decode("utf-8", "replace").strip("\0 \t\r\n"))
        finally:  # a writer that gets no answer cannot even be killed
            size = len(body) - _WRITE_IN.size
            answer = _WRITE_OUT.pack(size, 0) if accepted else b""
            self._reply(fd, unique, answer, 0 if accepted else errno.EINVAL)
