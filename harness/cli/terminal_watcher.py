"""Shows a run on stderr while it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from harness.analysis.stopping import Step
from harness.api.run_watcher import RunWatcher
from harness.cli.progress import RunProgress
from harness.files.terminal_text import printable, printable_lines
from harness.records import Result, Trial
from harness.records.adaptive_decisions import AdaptivePlan


class TerminalWatcher(RunWatcher):
    """Shows a spinner for short phases, a bar or lines for the trials, and a line for each thing that you should know."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress: RunProgress | None = None
        self._status: Status | None = None
        self._phase = ""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Show a spinner with the phase's name."""
        self._phase = escape(printable(name))
        with self._console.status(self._phase) as self._status:
            try:
                yield
            finally:
                self._status = None

    def advanced(self, done: int, total: int) -> None:
        """Show beside the phase's name how far it is."""
        if self._status is not None:
            self._status.update(f"{self._phase}: {100 * done // max(1, total)} %")

    def warning(self, message: str) -> None:
        """Print a line."""
        click.echo(f"warning: {printable_lines(message)}", err=True)

    def notice(self, message: str) -> None:
        """Print a line."""
        click.echo(printable_lines(message), err=True)

    @contextmanager
    def measuring(self, total: int, done: int, plan: AdaptivePlan | None) -> Iterator[None]:
        """Show a bar, or a line per trial."""
        with RunProgress(self._console, total, done, plan) as self._progress:
            yield

    def started(self, trial: Trial) -> None:
        """Show the trial on the bar."""
        if self._progress:
            self._progress.started(trial)

    def finished(self, result: Result) -> None:
        """Advance the bar, or print a line."""
        if self._progress:
            self._progress.finished(result)

    def note(self, serial: str, message: str) -> None:
        """Print a line."""
        if self._progress:
            self._progress.note(serial, message)

    def looked(self, step: Step) -> None:
        """Show the block on the bar, and print a line per decision."""
        if self._progress:
            self._progress.looked(step)
