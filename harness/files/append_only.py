"""A file of lines that only grows. A line counts once it is whole and on the disk.

A process that is killed while it writes leaves a last line without a newline: readers skip it, the next writer cuts it off.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from harness.errors import SetupError


class LineFile:
    """The writing end.

    Args:
        path: the file; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Unbuffered: what a failed write leaves behind must not reach the file with a later close.
        self._file = path.open("ab+", buffering=0)

    def fileno(self) -> int:
        """For a lock on the file."""
        return self._file.fileno()

    def append(self, line: bytes, *, remedy: str) -> None:
        """Write one line, given without its newline; it is on the disk when this returns.

        Raises:
            SetupError: the disk is full or the folder is gone. Nothing half-written counts.
        """
        end = self._file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(line + b"\n")
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # else readers and the next writer see to the torn line
                self._file.truncate(end)
            raise SetupError(f"cannot write {self.path}: {error.strerror}", remedy=remedy) from error

    def cut_torn_line(self) -> None:
        """Cut off what a killed writer left. Call this only with the lock: the line may be another writer's."""
        size = self._file.seek(0, os.SEEK_END)
        if size == 0:
            return
        window = 1 << 20
        position = size
        while position > 0:
            start = max(0, position - window)
            self._file.seek(start)
            newline = self._file.read(position - start).rfind(b"\n")
            if newline >= 0:
                self._file.truncate(start + newline + 1)
                return
            position = start
        self._file.truncate(0)

    def close(self) -> None:
        """Release it."""
        self._file.close()


def whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the bytes of each whole line; nothing if there is no file."""
    if not path.exists():
        return
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.endswith(b"\n"):
                yield number, line
