"""The watcher of a run, the run's outcome besides its results, and how sessions in several threads report to both."""

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
    """A watcher of a run. Called from several threads, one call at a time."""

    def started(self, trial: Trial) -> None:
        """A trial begins."""

    def finished(self, result: Result) -> None:
        """A trial is stored."""

    def note(self, serial: str, message: str) -> None:
        """Something happened that a watcher should know."""

    def looked(self, step: Step) -> None:
        """A block of an adaptive run is complete; the arguments say what was decided and what comes next."""


class Unheard:
    """Implements `Progress`: forwards to a watcher and survives its output failing. Every message also goes to the run's log.

    Args:
        watcher: the watcher. Errors other than failed output are raised.
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
    """Go on when the watcher's output fails (a closed pipe, a full disk); rich would end the printing thread."""
    try:
        yield
    except (OSError, SystemExit) as error:
        log.debug("the watcher's output failed: %s", error)


@dataclass(slots=True)
class LanesOutcome:
    """The outcome of a run besides its results."""

    interrupted: bool = False
    set_aside: dict[str, str] = field(default_factory=dict)
    """Serial to reason, for devices that did not finish their trials."""


class RunEvents:
    """Implements `SessionEvents`: forwards one event at a time to the watcher.

    Args:
        progress: the watcher.
        lock: the schedule's lock, held during each call.
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
