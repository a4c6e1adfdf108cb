"""What a terminal shows of a run while it goes on. All of it on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console

from harness.analysis.stopping import Step
from harness.api.run_watcher import RunWatcher
from harness.cli.progress import RunProgress
from harness.records import Result, Trial
from harness.records.adaptive_decisions import AdaptivePlan


class TerminalWatcher(RunWatcher):
    """A spinner for what takes seconds, a bar or lines for the trials, and a line for each thing that you should know."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress: RunProgress | None = None

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """A spinner with its name."""
        with self._console.status(name):
            yield

    def warning(self, message: str) -> None:
        """A line."""
        click.echo(f"warning: {message}", err=True)

    def notice(self, message: str) -> None:
        """A line."""
        click.echo(message, err=True)

    @contextmanager
    def measuring(self, total: int, done: int, plan: AdaptivePlan | None) -> Iterator[None]:
        """A bar, or a line for each trial."""
        with RunProgress(self._console, total, done, plan) as self._progress:
            yield

    def started(self, trial: Trial) -> None:
        """On the bar."""
        if self._progress:
            self._progress.started(trial)

    def finished(self, result: Result) -> None:
        """On the bar, or a line."""
        if self._progress:
            self._progress.finished(result)

    def note(self, serial: str, message: str) -> None:
        """A line."""
        if self._progress:
            self._progress.note(serial, message)

    def looked(self, step: Step) -> None:
        """On the bar, and a line for each decision."""
        if self._progress:
            self._progress.looked(step)
