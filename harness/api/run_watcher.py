"""The listener to the progress of a run."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext

from harness.analysis.stopping import Step
from harness.records import Result, Trial
from harness.records.adaptive_decisions import AdaptivePlan

_LOG = logging.getLogger("harness")


class RunWatcher:
    """Hears of a run's progress. Override the methods that you need; the others do nothing, or write to the log `harness`.

    The devices' threads call `started`, `finished`, `note` and `looked`, one call at a time.

    Example:
        class Dots(harness.RunWatcher):
            def finished(self, result):
                print(".", end="", flush=True)

        harness.run("suite.yaml", devices="virtual:1", watcher=Dots())
    """

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Name a phase of some seconds, which lasts as long as the context: `starting virtual devices`, `writing the report`."""
        return nullcontext()

    def advanced(self, done: int, total: int) -> None:
        """Hear the progress of a phase that counts: `done` of `total` rows are stored."""

    def warning(self, message: str) -> None:
        """Hear that the run goes on, but perhaps not as you meant it."""
        _LOG.warning(message)

    def notice(self, message: str) -> None:
        """Hear a piece of information: a device is left out, a run has nothing left to do."""
        _LOG.info(message)

    def measuring(self, total: int, done: int, plan: AdaptivePlan | None) -> AbstractContextManager[None]:
        """Hear that trials run as long as the context lasts.

        Args:
            total: number of trials; in an adaptive run the largest.
            done: number of those that an earlier session finished.
            plan: the plan of an adaptive run; None if the suite fixes the number of blocks.
        """
        return nullcontext()

    def started(self, trial: Trial) -> None:
        """Hear that a trial begins."""

    def finished(self, result: Result) -> None:
        """Hear that a trial is over and its result is on the disk."""

    def note(self, serial: str, message: str) -> None:
        """Hear of a device: it is quarantined, recovers, or is set aside."""

    def looked(self, step: Step) -> None:
        """Hear that a block of an adaptive run is complete, with the decisions and the next trials."""
