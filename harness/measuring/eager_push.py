"""Pushes the coming models in a thread of its own while the device measures (`push: eager` in a suite).

Pushing disturbs the trials that run meanwhile, so it happens only if the suite asks for it, and `disturbed` marks their results.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from harness.devices.push import Blob
from harness.devices.target import Cancelled
from harness.errors import DeviceError
from harness.records import Result

log = logging.getLogger(__name__)

_POLL_S = 0.2


@dataclass(slots=True)
class _Push:
    """A push that began; `ended` is None while it goes on."""

    blob: Blob
    began: datetime
    ended: datetime | None = None
    arrived: bool = False


class _Either(threading.Event):
    """Set when it or another event is."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or self._other.is_set()


class EagerPush:
    """Pushes files in a thread, one after the other, until all are there, one fails, or it is stopped.

    Args:
        push: pushes one file over a connection of its own, and gives up once the event is set.
        blobs: what to push, in the order in which it is needed.
        cancel: set when the run is ending; the thread ends then too.
        note: tells the watcher.
    """

    def __init__(
        self,
        push: Callable[[Blob, threading.Event], object],
        blobs: Iterable[Blob],
        cancel: threading.Event,
        note: Callable[[str], None],
    ) -> None:
        self._push, self._note, self._cancel = push, note, cancel
        self._coming = deque(blobs)
        self._pushes: list[_Push] = []
        self._changed = threading.Condition()
        self._stop = _Either(cancel)
        # In a copy of this thread's context, so that its log lines go to the same run.
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._work,), name="eager push")
        self._thread.start()

    def take(self, blob: Blob) -> bool:
        """Wait for a file that is on its way. Return False if the thread will not push it now, so that the caller must.

        Raises:
            Cancelled: the run is ending.
        """
        with self._changed:
            if blob in self._coming:
                self._coming.remove(blob)
                return False
            mine = next((one for one in self._pushes if one.blob == blob), None)
            while mine is not None and mine.ended is None:
                if self._cancel.is_set():
                    raise Cancelled
                self._changed.wait(_POLL_S)
            arrived = mine is not None and mine.arrived
            if not arrived and self._cancel.is_set():
                raise Cancelled
            return arrived

    def disturbed(self, result: Result) -> Result:
        """Return the result with the name of each file that was pushed while its trial ran."""
        until = result.started_at + timedelta(seconds=result.duration_s)
        with self._changed:
            beside = [
                one
                for one in self._pushes
                if one.began < until and (one.ended is None or one.ended > result.started_at)
            ]
        if not beside:
            return result
        names = (*result.conditions.pushed_beside, *(one.blob.path.name for one in beside))
        return replace(result, conditions=replace(result.conditions, pushed_beside=names))

    def stop(self) -> None:
        """End the thread, and return once it has ended. A push in progress stays unfinished."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            while (push := self._next()) is not None:
                try:
                    self._push(push.blob, self._stop)
                    push.arrived = True
                except OSError as error:
                    # The caller of `take` finds out about the file itself.
                    log.info("eager push: %s: %s", push.blob.path, error)
                finally:
                    with self._changed:
                        push.ended = datetime.now(UTC)
                        self._changed.notify_all()
        except Cancelled:
            pass
        except DeviceError as error:
            self._note(f"pushes no more beside its trials: {error.message}")
        except (
            Exception
        ):  # a thread's outermost boundary: without it the run goes on, and pushes what is left before its trials
            log.exception("eager push: an error that nobody foresaw")
        finally:
            with self._changed:
                self._coming.clear()
                self._changed.notify_all()

    def _next(self) -> _Push | None:
        with self._changed:
            if self._stop.is_set() or not self._coming:
                return None
            push = _Push(self._coming.popleft(), datetime.now(UTC))
            self._pushes.append(push)
            return push
