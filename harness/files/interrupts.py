"""Holds Ctrl-C back where it would leave a process behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupts_held_back() -> Iterator[list[int]]:
    """Within it, signals that end a command (SIGINT, SIGTERM, SIGHUP) are only noted in the list it gives, and take effect on leaving.

    While `subprocess.Popen` starts a program, Ctrl-C would leave the program running with nobody to end it. Signals that the harness has no
    handler for do what they always do. Python handles signals in the main thread; in other threads nothing is held back.

    Raises:
        KeyboardInterrupt: on leaving, if a signal came meanwhile whose handler raises it; also after an error in the block.
    """
    held: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield held
        return
    before: dict[int, Callable[[int, FrameType | None], object]] = {}
    over = False

    def note(number: int, frame: FrameType | None) -> None:
        # A signal while the handlers are put back may leave this one in place: it must not swallow anything then.
        if over:
            before[number](number, frame)
        else:
            held.append(number)

    try:
        for one in _SIGNALS:
            handler = signal.getsignal(one)
            if callable(handler):
                before[one] = handler
                signal.signal(one, note)
        yield held
    finally:
        over = True
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in held:
            before[number](number, None)
