"""Turns on a shared resource: the cores of this machine, for virtual devices that compute on them. First come, first served."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from harness.devices.target import Cancelled
from harness.records.spans import span

_LOOK_S = 0.2
"""Seconds between two looks at whether the run is ending."""


class Turns:
    """A limited number may work at a time; the others queue, so that no device finishes long before another.

    Args:
        at_a_time: how many may work at a time.
    """

    def __init__(self, at_a_time: int) -> None:
        self._free = at_a_time
        self._lock = threading.Lock()
        self._queue: deque[threading.Event] = deque()

    @contextmanager
    def turn(self, cancel: threading.Event) -> Iterator[None]:
        """Wait for a turn, and keep it for the `with` block.

        Raises:
            Cancelled: `cancel` was set while this waited.
        """
        called = self._stand()
        with span("turn"):
            while not called.wait(_LOOK_S):
                if cancel.is_set():
                    self._leave(called)
                    raise Cancelled
        try:
            yield
        finally:
            self._pass_on()

    def _stand(self) -> threading.Event:
        called = threading.Event()
        with self._lock:
            if self._free:
                self._free -= 1
                called.set()
            else:
                self._queue.append(called)
        return called

    def _leave(self, called: threading.Event) -> None:
        with self._lock:
            if not called.is_set():
                self._queue.remove(called)
                return
        self._pass_on()

    def _pass_on(self) -> None:
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._free += 1
