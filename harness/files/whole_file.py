"""Writing a file that the user named: whole or not at all, and never anything but a file.

A result is written beside its place and moved over it, so that a full disk leaves no half table under the name that was asked for. That
must not be done to what is no file: moved over `/dev/null` it would take the machine's device away, over `/dev/stdout` the link.
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
def output_file(path: Path) -> Iterator[IO[bytes]]:
    """A stream into `path`. A file takes its place when the block ends without an error; a pipe or a device gets the bytes as they come.

    Raises:
        UsageError: `path` is no place to write to.
        SetupError: the disk is full, or writing failed otherwise.
    """
    try:
        # A link stays one: what it names is written.
        place = Path(os.path.realpath(path))  # resolve() ends in a RuntimeError where links go in a circle
        if _is_special(place):
            with place.open("wb") as stream:
                yield stream
            return
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        part = place.with_name(f".part-{os.getpid()}-{secrets.token_hex(4)}")
        try:
            with part.open("xb") as stream:
                yield stream
            part.replace(place)
        finally:
            with suppress(OSError):
                part.unlink()
    except OSError as error:
        raise _translated(path, error) from error


@contextmanager
def text_output_file(path: Path) -> Iterator[IO[str]]:
    """The same for text, in UTF-8; bytes of a file name that are no text become escapes.

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
                text.detach()  # else it would close the stream, and write once more into a full disk


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
