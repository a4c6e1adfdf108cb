"""Lets a run go on when its terminal is closed."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def outlives_its_terminal() -> Iterator[None]:
    """Ignore SIGHUP inside: a night's run must not end with its SSH connection. Its log is in its folder."""
    before = signal.getsignal(signal.SIGHUP)
    # Not SIG_IGN, which every program started meanwhile would inherit.
    signal.signal(signal.SIGHUP, signal.SIG_IGN if before is signal.SIG_IGN else _goes_on)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _goes_on(number: int, frame: FrameType | None) -> None:
    del number, frame
