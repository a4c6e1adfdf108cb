"""What the harness itself spends its time on: spans, recorded only when asked (`harness run --trace FILE`).

    with span("parse", trial=trial.trial_id):
        ...
    with span("script", trial=trial.trial_id) as told:
        output = target.run(...)
    told(exit_code=output.exit_code)  # facts may come later, too

While nobody records, a span is one look at a variable. A span belongs to the thread that opened it: lanes bear their device's serial.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType

Tell = Callable[..., None]
"""Adds facts to a span: `told(bytes=12)`."""


@dataclass(slots=True)
class Span:
    """One stretch of work. Times are those of `time.monotonic_ns`."""

    name: str
    track: str
    """The thread's name."""
    began_ns: int
    ended_ns: int
    cpu_ns: int
    """CPU time of the thread."""
    facts: dict[str, object]


@dataclass(slots=True)
class SpanLog:
    """The spans of one recording, in the order of their ends."""

    began_ns: int = field(default_factory=time.monotonic_ns)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    """The same moment by the wall's clock."""
    spans: list[Span] = field(default_factory=list)


def span(name: str, **facts: object) -> AbstractContextManager[Tell]:
    """Record how long the `with` block takes.

    Args:
        name: what is done, in a word or two: `parse`, `fsync`.
        facts: what tells this span from others of its name: `trial="t1"`.
    """
    log = _log
    return _OFF if log is None else _Open(log, name, facts)


@contextmanager
def recording() -> Iterator[SpanLog]:
    """Record the spans of all threads in the `with` block, one recording at a time."""
    global _log  # spans are opened everywhere; handing a recorder through every call would cost more than it gives
    before, log = _log, SpanLog()
    _log = log
    try:
        yield log
    finally:
        _log = before


_log: SpanLog | None = None


class _Open:
    __slots__ = ("_began_cpu_ns", "_began_ns", "_facts", "_log", "_name")

    def __init__(self, log: SpanLog, name: str, facts: dict[str, object]) -> None:
        self._log, self._name, self._facts = log, name, facts
        self._began_ns = self._began_cpu_ns = 0

    def __enter__(self) -> Tell:
        self._began_cpu_ns, self._began_ns = time.thread_time_ns(), time.monotonic_ns()
        return self._tell

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended_ns, cpu_ns = time.monotonic_ns(), time.thread_time_ns() - self._began_cpu_ns
        if kind is not None:
            self._facts["error"] = kind.__name__
        track = threading.current_thread().name
        self._log.spans.append(Span(self._name, track, self._began_ns, ended_ns, cpu_ns, self._facts))

    def _tell(self, **facts: object) -> None:
        self._facts.update(facts)


def _unheard(**facts: object) -> None:
    pass


_OFF: AbstractContextManager[Tell] = nullcontext(_unheard)
