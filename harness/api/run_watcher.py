"""Who follows a run while it goes on."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext

from harness.analysis.stopping import Step
from harness.records import Result, Trial
from harness.records.adaptive_decisions import AdaptivePlan

_LOG = logging.getLogger("harness")


class RunWatcher:
    """Is told what a run does. Derive from it and override what you want to know; the rest does nothing, or goes to the log `harness`.

    `started`, `finished`, `note` and `looked` are called from the threads of the devices, one call at a time.

    Example:
        class Dots(harness.RunWatcher):
            def finished(self, result):
                print(".", end="", flush=True)

        harness.run("suite.yaml", devices="virtual:1", watcher=Dots())
    """

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Something that may take seconds goes on while the context lasts: `starting virtual devices`, `writing the report`."""
        return nullcontext()

    def warning(self, message: str) -> None:
        """The run goes on, but perhaps not as you meant it."""
        _LOG.warning(message)

    def notice(self, message: str) -> None:
        """Good to know: a device that is left out, a run in which nothing is left to do."""
        _LOG.info(message)

    def measuring(self, total: int, done: int, plan: AdaptivePlan | None) -> AbstractContextManager[None]:
        """Trials run while the context lasts.

        Args:
            total: how many there are; in an adaptive run at most.
            done: how many of them an earlier session finished.
            plan: how an adaptive run finds its number of blocks; None where the suite fixes it.
        """
        return nullcontext()

    def started(self, trial: Trial) -> None:
        """A trial begins."""

    def finished(self, result: Result) -> None:
        """A trial is over, and its result is on the disk."""

    def note(self, serial: str, message: str) -> None:
        """Something happened to a device: it is quarantined, is well again, is set aside."""

    def looked(self, step: Step) -> None:
        """A block of an adaptive run is complete: what was decided, and what comes next."""
