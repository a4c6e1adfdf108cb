"""Stores results beside the lanes, so that no device waits for the disk, and announces each once it is there.

Results that come while the disk is busy are written together: one sync for all of them.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence

from harness.records import Result


class ResultWriter:
    """A thread that stores results in the order of `put`. Use it as a context; it ends when all are stored.

    Args:
        store: writes results; they are on the disk when it returns.
        announce: called with each result that is on the disk.
        failed: called once, with the error, if results cannot be stored or announced; later ones are dropped.
    """

    def __init__(
        self,
        store: Callable[[Sequence[Result]], None],
        announce: Callable[[Result], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._store, self._announce, self._failed = store, announce, failed
        self._changed = threading.Condition()
        self._waiting: list[Result] = []
        self._busy = self._over = self._broken = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> ResultWriter:
        # In a copy of the context, so that its log lines go to the same run (`runs.run_log`).
        self._thread = threading.Thread(target=contextvars.copy_context().run, args=(self._work,), name="results")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def put(self, result: Result) -> None:
        """Store a result soon."""
        with self._changed:
            self._waiting.append(result)
            self._changed.notify_all()

    def drain(self) -> None:
        """Wait until everything put so far is stored, or storing has failed."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._busy)

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            try:
                if not self._broken:
                    self._store(batch)
                    for result in batch:
                        self._announce(result)
            except Exception as error:  # this thread's outermost boundary: the lanes end, and the run says why
                self._broken = True
                self._failed(error)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next(self) -> list[Result] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._over)
            if not self._waiting:
                return None
            batch, self._waiting, self._busy = self._waiting, [], True
            return batch
