"""The one lock of this machine: the kernel's, on an open file. It ends with the process that holds it, however that ends.

It guards what only one process may do at a time: write a run, download one address, check out one revision, do one and the same build, add
to what is known of a device; and it tells whether anybody of a farm of virtual devices is alive.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from harness.errors import SetupError


class _OpenFile(Protocol):
    def fileno(self) -> int: ...


def lock_if_free(file: _OpenFile | int) -> bool:
    """Lock an open file, unless another one holds it; the answer is whether it is ours now. Closing the file gives it back.

    A child that inherits the descriptor holds the lock as well.

    Args:
        file: an open file, or its descriptor.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_when_free(file: _OpenFile | int) -> None:
    """The same, but wait for whoever holds it."""
    fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def held(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock file; wait where another process holds it.

    Args:
        path: the lock file; made, and left there.
        waiting: called once where there is somebody to wait for. To refuse instead of waiting, let it raise.

    Raises:
        SetupError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("ab")
    except OSError as error:
        raise SetupError(
            f"cannot write {error.filename or path}: {error.strerror}", remedy="free some room, or see its permissions"
        ) from None
    with lock:
        if not lock_if_free(lock):
            if waiting is not None:
                waiting()
            lock_when_free(lock)
        yield
