"""Holds Ctrl-C back for a moment in which it would leave a process behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class HeldBack:
    """What came meanwhile."""

    numbers: list[int] = field(default_factory=list)
    """The signals, in the order in which they came."""


@contextmanager
def interrupts_held_back() -> Iterator[HeldBack]:
    """Within it, signals that end a command (SIGINT, SIGTERM, SIGHUP) only count. The first one takes effect on leaving.

    While `subprocess.Popen` starts a program, Ctrl-C would leave the program running with nobody to end it. Signals that the harness has no
    handler for do what they always do. Python handles signals in the main thread; in other threads nothing is held back.

    Raises:
        KeyboardInterrupt: on leaving, if a signal came meanwhile.
    """
    held = HeldBack()
    if threading.current_thread() is not threading.main_thread():
        yield held
        return

    def note(number: int, frame: FrameType | None) -> None:
        held.numbers.append(number)

    before: dict[int, Callable[[int, FrameType | None], object]] = {}
    for one in _SIGNALS:
        handler = signal.getsignal(one)
        if callable(handler):
            before[one] = handler
            signal.signal(one, note)
    try:
        yield held
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held.numbers:
        first = held.numbers[0]
        before[first](first, None)
