"""Who watches a run, what the run came to beside its results, and how both hear from sessions in several threads."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from harness.analysis.stopping import Step
from harness.records import Result, Trial

log = logging.getLogger(__name__)


class Progress(Protocol):
    """Who watches. Called from several threads, one call at a time."""

    def started(self, trial: Trial) -> None:
        """A trial begins."""

    def finished(self, result: Result) -> None:
        """A trial is stored."""

    def note(self, serial: str, message: str) -> None:
        """Something that a watcher should know."""

    def looked(self, step: Step) -> None:
        """A block of an adaptive run is complete: what was decided, and what comes next."""


class Unheard:
    """Implements `Progress`: tells a watcher, and goes on where that one cannot say it to anybody. What is told is in the run's log too.

    Args:
        watcher: who watches. Its own mistakes are raised.
    """

    def __init__(self, watcher: Progress) -> None:
        self._watcher = watcher

    def started(self, trial: Trial) -> None:
        """See `Progress.started`."""
        with _unheard():
            self._watcher.started(trial)

    def finished(self, result: Result) -> None:
        """See `Progress.finished`."""
        with _unheard():
            self._watcher.finished(result)

    def note(self, serial: str, message: str) -> None:
        """See `Progress.note`."""
        with _unheard():
            self._watcher.note(serial, message)

    def looked(self, step: Step) -> None:
        """See `Progress.looked`."""
        with _unheard():
            self._watcher.looked(step)


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """A pipe whose reader left, a full disk: rich then ends the thread that prints, as if a program had only one."""
    try:
        yield
    except (OSError, SystemExit) as error:
        log.debug("what goes on cannot be shown: %s", error)


@dataclass(slots=True)
class LanesOutcome:
    """What a run came to beside its results."""

    interrupted: bool = False
    set_aside: dict[str, str] = field(default_factory=dict)
    """Serial to reason, for devices that did not get to all their trials."""


class RunEvents:
    """Implements `SessionEvents`: tells the watcher one thing at a time.

    Args:
        progress: who watches.
        lock: held while the watcher is told; the schedule's own.
    """

    def __init__(self, progress: Progress, lock: threading.Lock) -> None:
        self._progress, self._lock = progress, lock

    def started(self, trial: Trial) -> None:
        """See `SessionEvents.started`."""
        log.info("%s: begins %s", trial.device, trial.trial_id)
        with self._lock:
            self._progress.started(trial)

    def note(self, serial: str, message: str) -> None:
        """See `SessionEvents.note`."""
        log.info("%s: %s", serial, message)
        with self._lock:
            self._progress.note(serial, message)
