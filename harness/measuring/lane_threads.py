"""Runs one thread per lane and waits for all of them, also through Ctrl-C."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Mapping


class LaneThreads:
    """Runs lanes side by side until all have ended; once cancelled, until those that had begun have ended.

    Lanes are counted here and not by `Thread.is_alive`: CPython 3.11 reports a thread whose `join` was interrupted as ended.

    Args:
        cancel: set when no further lane may begin; running lanes watch it themselves.
        interrupted: called on each Ctrl-C with the number of them so far; the wait continues after it.
    """

    def __init__(self, cancel: threading.Event, interrupted: Callable[[int], None]) -> None:
        self._cancel = cancel
        self._interrupted = interrupted
        self._lock = threading.Lock()
        self._one_ended = threading.Event()
        self._at_work = self._ended = 0
        self._over = False

    def run(self, lanes: Mapping[str, Callable[[], None]]) -> None:
        """Run each lane in a thread that bears its name.

        Args:
            lanes: what each does; it must not raise.
        """
        # Each in a copy of this thread's context, so that a lane's log lines go to the same run (`runs.run_log`).
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
        """Return whether every lane has ended; after that none begins."""
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
