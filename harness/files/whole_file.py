"""Writes files whole or not at all.

The new file lies beside its place until it is complete and then takes the place in one step. So a full disk or a kill leaves the old file,
and no half file under a name that somebody reads.

    replacing       the step itself: a stream, with plain OSErrors
    write_whole     for the harness's own files, which must last
    output_file     for a file that the user named. It never replaces a pipe or a device: a file moved over `/dev/null` would take away the
                    machine's device, over `/dev/stdout` the link
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from harness.errors import HarnessError, SetupError, UsageError

_WRONG_PLACE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP}


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[IO[bytes]]:
    """Yield a stream for the new content of `path`, which changes when the block ends without an error.

    Args:
        path: the file; its folder must exist.
        durable: sync it to the disk before the block ends, so that it outlives a power cut.

    Raises:
        OSError: it cannot be written; the old file is unchanged.
    """
    part = unfinished(path)
    try:
        with part.open("xb") as stream:
            yield stream
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        put_in_place(part, path, durable=durable)
    finally:
        with suppress(OSError):
            part.unlink()


def unfinished(path: Path) -> Path:
    """Return a name beside `path` for a file that is not whole yet. No reader looks for it."""
    return path.with_name(f".part-{os.getpid()}-{secrets.token_hex(4)}")


def put_in_place(part: Path, path: Path, *, durable: bool) -> None:
    """Give a whole file its final name in one step, or raise an OSError."""
    part.replace(path)
    if durable:  # a name is on the disk when its folder is
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write the harness's own files inside.

    Args:
        path: what the error names where the system names no file.

    Raises:
        SetupError: they cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise SetupError(
            f"cannot write {error.filename or path}: {error.strerror}", remedy="free some room, or see its permissions"
        ) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write one of the harness's own files, with its folders. It is on the disk when this returns.

    Raises:
        SetupError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, durable=True) as stream:
            stream.write(data)
    except OSError as error:
        raise SetupError(
            f"cannot write {path}: {error.strerror}", remedy="free some room, or see its permissions"
        ) from error


@contextmanager
def output_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a stream into a file that the user named. A pipe or a device gets the bytes as they come.

    Raises:
        UsageError: you cannot write to `path`.
        SetupError: the disk is full, or writing failed otherwise.
    """
    try:
        # A link stays: its target is written.
        place = Path(os.path.realpath(path))  # resolve() raises a RuntimeError for a circle of links
        if _is_special(place):
            with place.open("wb") as stream:
                yield stream
            return
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with replacing(place) as stream:
            yield stream
    except OSError as error:
        raise _translated(path, error) from error


@contextmanager
def text_output_file(path: Path) -> Iterator[IO[str]]:
    """Do `output_file` for text in UTF-8; bytes of a file name that are no text become escapes.

    Raises:
        UsageError, SetupError: as `output_file`.
    """
    with output_file(path) as binary:
        text = io.TextIOWrapper(binary, encoding="utf-8", errors="backslashreplace", newline="", write_through=True)
        try:
            yield text
            text.flush()
        finally:
            with suppress(OSError):
                text.detach()  # closing would write once more into a full disk


def _is_special(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _translated(path: Path, error: OSError) -> HarnessError:
    message = f"cannot write {path}: {error.strerror or error}"
    if error.errno in _WRONG_PLACE:
        return UsageError(message, remedy="name another file: -o FILE")
    return SetupError(message, remedy="free some room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None)
