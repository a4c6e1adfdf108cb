"""Printing that must not decide what a command says by its exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

from harness.errors import SetupError

_GONE = (errno.EPIPE, errno.EIO)
"""What writing ends in where a pipe's reader has left, and where a terminal was closed."""


@contextlib.contextmanager
def reader_may_leave(*, document: bool = False) -> Iterator[None]:
    """Print inside; a reader that goes away (`| head`) ends the printing and nothing else, so that a verdict keeps its exit code.

    Args:
        document: a script reads it and needs all of it.

    Raises:
        SetupError: the reader of a document left before its end.
    """
    try:
        yield
        sys.stdout.flush()
    except SystemExit:  # rich and click end the program where a plain stream raises
        pass
    except OSError as error:
        if error.errno not in _GONE:
            raise
    else:
        return
    # What is still buffered must not fail again when Python closes the stream.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if document:
        raise document_lost()


def document_lost() -> SetupError:
    """What to say where a script's JSON document did not reach it."""
    return SetupError("the JSON document was not written: its reader has gone")
