"""A run that goes on when the terminal that it was started in is closed."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def outlives_its_terminal() -> Iterator[None]:
    """Let SIGHUP pass meanwhile: a night's run must not end with an SSH connection. Its log is in its folder."""
    before = signal.getsignal(signal.SIGHUP)
    # Not SIG_IGN, which every program that is started meanwhile would inherit.
    signal.signal(signal.SIGHUP, signal.SIG_IGN if before is signal.SIG_IGN else _goes_on)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _goes_on(number: int, frame: FrameType | None) -> None:
    del number, frame
