"""The kernel's lock on an open file. It ends with the process that holds it, however that ends.

It guards work that only one process may do at a time: write a run, download an address, check out a revision, do the same build, add a
calibration of a phone. It also tells whether a farm of virtual devices is alive.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from harness.files.whole_file import writing


class _OpenFile(Protocol):
    def fileno(self) -> int: ...


def lock_if_free(file: _OpenFile | int) -> bool:
    """Lock an open file (or descriptor) unless somebody else holds it; return whether you hold it now. Closing the file unlocks it.

    A child that inherits the descriptor holds the lock too.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_free(file: _OpenFile | int) -> bool:
    """Return whether nobody holds the lock of an open file, which is not held for it, so that two may ask at once."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True


def lock_when_free(file: _OpenFile | int) -> None:
    """Lock an open file; wait until nobody else holds it."""
    fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def held(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock file; wait while another process holds it.

    Args:
        path: the lock file; made if missing, and left there.
        waiting: called once before a wait. Let it raise to refuse instead of waiting.

    Raises:
        SetupError: the file cannot be made.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("ab")
    with lock:
        if not lock_if_free(lock):
            if waiting is not None:
                waiting()
            lock_when_free(lock)
        yield
