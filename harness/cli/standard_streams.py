"""Makes the three standard streams usable, however the caller left them."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _DropsWhatFails(io.FileIO):
    """Silently drops what cannot be written: a full disk, a pipe without a reader, a closed terminal."""

    def write(self, data: ReadableBuffer, /) -> int:
        """See `io.RawIOBase.write`."""
        try:
            written = super().write(data)
        except OSError:
            written = None
        return memoryview(data).nbytes if written is None else written


def open_streams() -> None:
    """Direct closed streams (`>&-`) to nowhere. If one stayed closed, the next opened file would get its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  # for good


def let_stderr_fail() -> None:
    """Make writes to stderr never fail from now on: unwritable progress must not end the work that it reports."""
    sys.stderr.flush()
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_DropsWhatFails(2, "w", closefd=False)),
        encoding=sys.stderr.encoding,
        errors="backslashreplace",
        line_buffering=True,
    )
