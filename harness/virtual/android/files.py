"""Opens a virtual device's files directly on the host, for the sync service.

It walks a path one component at a time from a descriptor of the device's root, follows links by hand, and takes `..` back to the descriptor
passed on the way down. So neither an absolute link, nor a chain of `..`, nor a folder swapped for a link meanwhile can lead outside, on any
kernel and without privileges.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from harness.virtual.device_interface import FileStat

_MAX_LINKS = 40  # as the kernel
_MAX_PATH = 4096
_UNWRITABLE = ("sys", "proc", "dev")
SHELL_UID = 2000
"""User and group `shell`, as which adbd and its commands run. Files of the daemon's user appear as theirs."""


class HostFiles:
    """Implements `harness.virtual.device_interface.DeviceFiles`.

    Args:
        root: returns the device's present root on the host; raises OSError while the device is down.
        before: called with each path before access, so that files of the living state are fresh.
    """

    def __init__(self, root: Callable[[], Path], before: Callable[[str], None] = lambda path: None) -> None:
        self._root, self._before = root, before

    def lstat(self, path: str) -> FileStat:
        """See `DeviceFiles.lstat`."""
        with self._find(path, follow=False) as found:
            return _file_stat(os.fstat(found.existing(path)))

    def stat(self, path: str) -> FileStat:
        """See `DeviceFiles.stat`."""
        with self._find(path) as found:
            return _file_stat(os.fstat(found.existing(path)))

    def listdir(self, path: str) -> list[tuple[str, FileStat]]:
        """See `DeviceFiles.listdir`."""
        entries = []
        with self._find(path) as found:
            folder = os.open(f"/proc/self/fd/{found.existing(path)}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                for name in (".", "..", *os.listdir(folder)):  # noqa: PTH208  # pathlib knows no descriptors
                    with suppress(FileNotFoundError):  # gone since it was listed
                        entries.append((name, _file_stat(os.stat(name, dir_fd=folder, follow_symlinks=False))))
            finally:
                os.close(folder)
        return entries

    def open_read(self, path: str) -> BinaryIO:
        """See `DeviceFiles.open_read`."""
        with self._find(path) as found:
            fd = found.existing(path)
            mode = os.fstat(fd).st_mode
            if stat.S_ISDIR(mode):
                raise _error(errno.EISDIR, path)
            if not mode & stat.S_IRUSR:  # a root daemon could read it, the device's user could not
                raise _error(errno.EACCES, path)
            return _reopen(fd, os.O_RDONLY | os.O_NONBLOCK, "rb")

    def open_write(self, path: str, mode: int) -> BinaryIO:
        """See `DeviceFiles.open_write`."""
        with self._find(path, make_parents=True, writing=True) as found:
            if found.fd is None:
                _refuse_unwritable(found.parent, path)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                fd = os.open(found.name, flags, 0o600, dir_fd=found.parent)
                file: BinaryIO = os.fdopen(fd, "wb")
            else:
                if stat.S_ISDIR(os.fstat(found.fd).st_mode):
                    raise _error(errno.EISDIR, path)
                _refuse_unwritable(found.fd, path)
                file = _reopen(found.fd, os.O_WRONLY | os.O_TRUNC | os.O_NONBLOCK, "wb")
            os.fchmod(file.fileno(), mode & 0o777)
            return file

    def symlink(self, target: str, path: str) -> None:
        """See `DeviceFiles.symlink`."""
        with self._find(path, follow=False, make_parents=True, writing=True) as found:
            _refuse_unwritable(found.parent, path)
            if found.fd is not None:
                os.unlink(found.name, dir_fd=found.parent)
            os.symlink(target, found.name, dir_fd=found.parent)

    def set_mtime(self, path: str, mtime: int) -> None:
        """See `DeviceFiles.set_mtime`."""
        with self._find(path, writing=True) as found:
            os.utime(f"/proc/self/fd/{found.existing(path)}", (mtime, mtime))

    def unlink(self, path: str) -> None:
        """See `DeviceFiles.unlink`."""
        with self._find(path, follow=False, writing=True) as found:
            found.existing(path)
            _refuse_unwritable(found.parent, path)
            os.unlink(found.name, dir_fd=found.parent)

    @contextmanager
    def _find(
        self, path: str, *, follow: bool = True, make_parents: bool = False, writing: bool = False
    ) -> Iterator[_Found]:
        if not path.startswith("/") or "\0" in path:
            raise _error(errno.EINVAL, path)
        if len(os.fsencode(path)) >= _MAX_PATH:
            raise _error(errno.ENAMETOOLONG, path)
        self._before(path)
        walk = _Walk(self._root(), path)
        try:
            found = walk.to_end(follow=follow, make_parents=make_parents)
            if writing and walk.top in _UNWRITABLE:
                raise _error(errno.EACCES, path)
            yield found
        finally:
            walk.close()


@dataclass(slots=True)
class _Found:
    """The target of a path: `fd` (O_PATH) if it exists, and the folder that holds (or would hold) `name`."""

    parent: int
    name: str
    fd: int | None

    def existing(self, path: str) -> int:
        if self.fd is None:
            raise _error(errno.ENOENT, path)
        return self.fd


class _Walk:
    """One walk down from the root. Owns every descriptor that it opens."""

    def __init__(self, root: Path, path: str) -> None:
        self._path = path
        self._pending = deque(part for part in path.split("/") if part not in ("", "."))
        self._stack = [os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
        self._names: list[str] = []
        self._links = 0
        self._last: int | None = None

    @property
    def top(self) -> str:
        """The top-level folder in which the walk ended."""
        return self._names[0] if self._names else ""

    def close(self) -> None:
        for fd in (*self._stack, self._last):
            if fd is not None:
                os.close(fd)

    def to_end(self, *, follow: bool, make_parents: bool) -> _Found:
        while self._pending:
            name = self._pending.popleft()
            if name == "..":
                if self._names:
                    os.close(self._stack.pop())
                    self._names.pop()
                continue
            is_last = not self._pending
            fd = self._open(name, make=make_parents and not is_last)
            if fd is not None and (follow or not is_last) and stat.S_ISLNK(os.fstat(fd).st_mode):
                self._follow(fd)
                continue
            if is_last:
                self._last = fd
                self._names.append(name)  # only for `top`
                return _Found(self._stack[-1], name, fd)
            if fd is None:
                raise _error(errno.ENOENT, self._path)
            self._stack.append(fd)
            self._names.append(name)
            if not stat.S_ISDIR(os.fstat(fd).st_mode):
                raise _error(errno.ENOTDIR, self._path)
        # The path is the present folder: the root, or it ended in `..`.
        return _Found(
            self._stack[max(len(self._stack) - 2, 0)], self._names[-1] if self._names else ".", self._stack[-1]
        )

    def _open(self, name: str, *, make: bool) -> int | None:
        flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(name, flags, dir_fd=self._stack[-1])
        except FileNotFoundError:
            if not make:
                return None
        _refuse_unwritable(self._stack[-1], self._path)
        if self.top in _UNWRITABLE:
            raise _error(errno.EACCES, self._path)
        with suppress(FileExistsError):
            os.mkdir(name, 0o775, dir_fd=self._stack[-1])
        return os.open(name, flags, dir_fd=self._stack[-1])

    def _follow(self, link: int) -> None:
        self._links += 1
        try:
            target = os.readlink("", dir_fd=link)
        finally:
            os.close(link)
        if self._links > _MAX_LINKS:
            raise _error(errno.ELOOP, self._path)
        if target.startswith("/"):
            while self._names:
                os.close(self._stack.pop())
                self._names.pop()
        self._pending.extendleft(part for part in reversed(target.split("/")) if part not in ("", "."))


def _error(code: int, path: str) -> OSError:
    return OSError(code, os.strerror(code), path)


def _refuse_unwritable(fd: int, path: str) -> None:
    """Refuse by the permission bits, because a root daemon could write what the device's user could not."""
    if not os.fstat(fd).st_mode & stat.S_IWUSR:
        raise _error(errno.EACCES, path)


def _reopen(fd: int, flags: int, mode: str) -> BinaryIO:
    """Open the file of an O_PATH descriptor, without blocking: a FIFO on the device must not stop the daemon."""
    return cast(BinaryIO, os.fdopen(os.open(f"/proc/self/fd/{fd}", flags | os.O_CLOEXEC), mode))


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
        uid=SHELL_UID if found.st_uid == os.geteuid() else found.st_uid,
        gid=SHELL_UID if found.st_gid == os.getegid() else found.st_gid,
    )
