"""Lets only one nightly run at a time: a second one waits for a limited time, or fails."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from harness.errors import SetupError
from harness.files.lock import lock_if_free
from harness.files.whole_file import writing

_LOOK_S = 0.5


@contextlib.contextmanager
def one_nightly(path: Path, wait_s: float, waiting: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Hold the lock of a nightly. The lock ends with its process, even after a crash.

    Args:
        path: the lock file; made if missing, and left there.
        wait_s: longest wait for another nightly, in seconds; 0 fails at once.
        waiting: called once before a wait, with the holder of the lock.

    Raises:
        SetupError: another nightly still runs, or the file cannot be made.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    with file:
        _take(file, wait_s, waiting)
        # A refused process reads here who holds the lock.
        file.truncate(0)
        file.write(f"pid {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC".encode())
        file.flush()
        yield


def _take(file: BinaryIO, wait_s: float, waiting: Callable[[str], None]) -> None:
    end = time.monotonic() + wait_s
    told = False
    while not lock_if_free(file):
        if time.monotonic() >= end:
            raise SetupError(
                f"another nightly runs ({_holder(file)})",
                remedy="wait for it (--wait SECONDS), or end it; name several suites in one nightly",
            )
        if not told:
            waiting(_holder(file))
            told = True
        time.sleep(min(_LOOK_S, max(0.0, end - time.monotonic())))


def _holder(file: BinaryIO) -> str:
    file.seek(0)
    text = file.read(200).decode(errors="replace")
    return text if text.isprintable() and text else "process unknown"
