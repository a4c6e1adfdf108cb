"""The three streams that a program is born with, whatever its caller made of them."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _DropsWhatFails(io.FileIO):
    """What cannot be written is lost, and nobody is told: a full disk, a pipe without a reader, a terminal that was closed."""

    def write(self, data: ReadableBuffer, /) -> int:
        """See `io.RawIOBase.write`."""
        try:
            written = super().write(data)
        except OSError:
            written = None
        return memoryview(data).nbytes if written is None else written


def open_streams() -> None:
    """A stream that the caller closed (`>&-`) goes nowhere; left closed, its number would be the next file's that is opened."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  # for good


def let_stderr_fail() -> None:
    """From now on nothing that is said on stderr can fail: progress that cannot be written must not end what it tells of."""
    sys.stderr.flush()
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_DropsWhatFails(2, "w", closefd=False)),
        encoding=sys.stderr.encoding,
        errors="backslashreplace",
        line_buffering=True,
    )
