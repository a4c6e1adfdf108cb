"""Printing that does not change a command's exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

import click

from harness.errors import HarnessError, SetupError
from harness.files.terminal_text import printable_lines

_GONE = (errno.EPIPE, errno.EIO)
"""Errors of writing to a pipe without a reader, and to a closed terminal."""


@contextlib.contextmanager
def reader_may_leave(*, document: bool = False) -> Iterator[None]:
    """Print inside. A reader that leaves (`| head`) ends only the printing, so that a verdict keeps its exit code.

    Args:
        document: whether a script reads the output and needs all of it.

    Raises:
        SetupError: the reader of a document left before its end.
    """
    try:
        yield
        sys.stdout.flush()
    except SystemExit:  # rich and click exit where a plain stream raises
        pass
    except OSError as error:
        if error.errno not in _GONE:
            raise
    else:
        return
    # The buffered rest must not fail again when Python closes the stream.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if document:
        raise document_lost()


def document_lost() -> SetupError:
    """Return the error for a JSON document that did not reach its reader."""
    return SetupError("the JSON document was not written: its reader has gone")


def say_error(error: HarnessError) -> None:
    """Print an error and its remedy on stderr. Control characters in it, as of a stranger's file name, do nothing to the terminal."""
    click.echo(f"harness: {printable_lines(error.message)}", err=True)
    if error.remedy:
        click.echo(f"  {printable_lines(error.remedy)}", err=True)
