"""Appends lines to a file. A line counts once it is whole and on the disk.

A process killed while it writes leaves a last line without a newline: readers skip it, the next writer cuts it off.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from harness.errors import SetupError
from harness.records.spans import span

_READ_AHEAD = 1 << 20
"""A line with a profile is longer than the usual 8 KB: put together from such pieces, it takes twice as long to read."""


class LineFile:
    """The writing end of a file, which is made if it is missing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Unbuffered, so that a later close does not write the rest of a failed write.
        self._file = path.open("ab+", buffering=0)

    def fileno(self) -> int:
        """Return the descriptor, for a lock."""
        return self._file.fileno()

    def append(self, *lines: bytes, remedy: str) -> None:
        """Write lines, given without their newlines. They are on the disk when this returns.

        Raises:
            SetupError: the disk is full or the folder is gone. None of the lines counts then.
        """
        end = self._file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(b"".join(line + b"\n" for line in lines))
            while rest:
                rest = rest[self._file.write(rest) :]
            with span("fsync"):
                os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # readers and the next writer handle a torn line
                self._file.truncate(end)
            raise SetupError(f"cannot write {self.path}: {error.strerror}", remedy=remedy) from error

    def cut_torn_line(self) -> None:
        """Cut off the half line of a killed writer. Call this only with the lock: the line may be another writer's."""
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
        """Close the file."""
        self._file.close()


def whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each whole line; nothing if there is no file."""
    if not path.exists():
        return
    with path.open("rb", buffering=_READ_AHEAD) as stream:
        for number, line in enumerate(stream, 1):
            if line.endswith(b"\n"):
                yield number, line
