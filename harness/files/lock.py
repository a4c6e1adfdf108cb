"""What only one process of this user may do at a time: downloads of one address, checkouts of one revision, one and the same build, what
is known of one device's calibrations."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import SetupError


@contextmanager
def held(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock file; wait where another process holds it. The kernel lets go of it when this process ends, however that is.

    Args:
        path: the lock file; made, and left there.
        waiting: called once where there is somebody to wait for.

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
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is not None:
                waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
