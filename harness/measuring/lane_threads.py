"""A thread per lane, waited for in a way that an interrupt can neither cut short nor fool."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Mapping


class LaneThreads:
    """Runs lanes side by side until all have ended, or, once cancelled, those that had begun.

    Lanes are counted here and not by `Thread.is_alive`: CPython 3.11 takes a thread whose `join` was interrupted for ended.

    Args:
        cancel: set when no further lane is to begin; lanes that run look at it themselves.
        interrupted: called on each Ctrl-C with how many there were so far; the waiting goes on after it.
    """

    def __init__(self, cancel: threading.Event, interrupted: Callable[[int], None]) -> None:
        self._cancel = cancel
        self._interrupted = interrupted
        self._lock = threading.Lock()
        self._one_ended = threading.Event()
        self._at_work = self._ended = 0
        self._over = False

    def run(self, lanes: Mapping[str, Callable[[], None]]) -> None:
        """Run them, each in a thread of its name.

        Args:
            lanes: what each does; it must not raise.
        """
        # Each in a copy of this thread's context: what a lane logs belongs to the same run (`runs.run_log`).
        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(self._guarded, lane), name=name)
            for name, lane in lanes.items()
        ]
        interrupts = 0
        over = False
        while not over:
            try:
                for thread in threads:
                    if thread.ident is None and not self._cancel.is_set():
                        thread.start()
                over = self._all_ended(len(threads))
                if not over:
                    self._one_ended.wait(0.2)
                    self._one_ended.clear()
            except KeyboardInterrupt:
                interrupts += 1
                self._interrupted(interrupts)

    def _all_ended(self, count: int) -> bool:
        """Whether every lane has ended; after that none begins."""
        with self._lock:
            self._over = self._over or self._ended == count or (self._cancel.is_set() and not self._at_work)
            return self._over

    def _guarded(self, lane: Callable[[], None]) -> None:
        with self._lock:
            if self._over:
                return
            self._at_work += 1
        try:
            lane()
        finally:
            with self._lock:
                self._at_work -= 1
                self._ended += 1
            self._one_ended.set()
