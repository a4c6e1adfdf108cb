"""Where a command's results go: standard output, whose reader may leave, or a file, which is whole or not there."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from harness.errors import SetupError, UsageError


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """Print inside; a reader that goes away (`| head`) ends the printing and nothing else, so that a verdict keeps its exit code."""
    try:
        yield
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # rich ends the program where a plain stream raises
        # What is still buffered must not fail again when Python closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def text_file(path: Path) -> Iterator[IO[str]]:
    """A text file that is written beside `path` and moved over it at the end: a full disk leaves no half file under the name asked for.

    Raises:
        UsageError: the place cannot be written to.
        SetupError: the disk is full, or the like.
    """
    with _replacing(path) as part, part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        yield stream


@contextlib.contextmanager
def binary_file(path: Path) -> Iterator[IO[bytes]]:
    """The same for bytes."""
    with _replacing(path) as part, part.open("wb") as stream:
        yield stream


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    part = path.with_name(path.name + ".part")
    try:
        yield part
        part.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError | PermissionError):
            raise UsageError(f"cannot write {path}: {error.strerror}") from error
        if isinstance(error, OSError):
            raise SetupError(f"cannot write {path}: {error.strerror}") from error
        raise
