"""Shows on stderr how a run goes on: a bar on a terminal, a line per trial elsewhere.

For an adaptive run it also shows the block, the decisions after it, and why it stops.
"""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from harness.analysis.stopping import Step
from harness.files.terminal_text import printable
from harness.records import Result, Status, Trial
from harness.records.accuracy import AccuracyFigures, OutputDistance
from harness.records.adaptive_decisions import AdaptivePlan

_COLOURS = {Status.OK: "green", Status.FAILED: "red", Status.INVALID: "yellow", Status.SKIPPED: "dim"}


def describe(trial: Trial) -> str:
    """Describe a trial in a few words."""
    model = trial.model.label if len(trial.model.label) <= 40 else trial.model.label[:39] + "…"
    process = f" #{trial.process}" if trial.purpose == "latency" else ""
    model += f" [{trial.binary}]" if trial.binary else ""
    model = printable(model)
    return f"{model} {trial.delegate_label} t{trial.threads} {trial.cpus.label} {trial.purpose}{process}"


class RunProgress:
    """A `schedule.Progress` for people; a context manager.

    Args:
        console: a console on stderr.
        total: number of trials; for an adaptive run the most.
        done: number of trials that an earlier session finished.
        plan: how an adaptive run finds its number of blocks.
    """

    def __init__(self, console: Console, total: int, done: int = 0, plan: AdaptivePlan | None = None) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._plan = plan
        self._blocks: dict[str, int] = {}
        self._spared: dict[str, int] = {}
        self._total = total
        self._count = done
        self._running: dict[str, tuple[str, str]] = {}
        """Serial to the trial that runs there: its id and its description."""
        if console.is_terminal:
            self._bar = Progress(
                # A narrow terminal shortens the words, not the figures.
                TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
                BarColumn(bar_width=16),
                MofNCompleteColumn(table_column=Column(no_wrap=True, min_width=7)),
                TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
                TimeRemainingColumn(table_column=Column(no_wrap=True, min_width=7)),
                expand=True,
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task("starting", total=total, completed=done)

    def __enter__(self) -> RunProgress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def started(self, trial: Trial) -> None:
        """See `schedule.Progress`."""
        self._running[trial.device] = (trial.trial_id, describe(trial))
        self._show()

    def finished(self, result: Result) -> None:
        """See `schedule.Progress`."""
        self._count += 1
        # The device may run its next trial by now.
        if self._running.get(result.trial.device, ("",))[0] == result.trial.trial_id:
            del self._running[result.trial.device]
        bad = result.status is not Status.OK
        if self._bar:
            self._bar.update(self._task, completed=self._count)
            self._show()
        if bad or not self._bar:
            self._console.print(self._line(result), highlight=False, soft_wrap=True)

    def note(self, serial: str, message: str) -> None:
        """See `schedule.Progress`."""
        self._console.print(
            f"[yellow]{escape(serial)}[/yellow] {escape(printable(message))}", highlight=False, soft_wrap=True
        )

    def looked(self, step: Step) -> None:
        """See `schedule.Progress`."""
        if self._plan is None:
            return
        self._total -= step.spared - self._spared.get(step.device, 0)
        self._spared[step.device] = step.spared
        if step.trials:
            self._blocks[step.device] = step.blocks + 1
        else:  # profiles and similar trials come after the blocks
            self._blocks.pop(step.device, None)
        if self._bar:
            self._bar.update(self._task, total=self._total)
        from harness.formats import (
            decision_words,  # loads what compares, which only adaptive runs need while they measure
        )

        lines = [decision_words.why(decision, self._plan) for decision in step.decisions]
        # On a terminal the bar shows the block; elsewhere a line does. Before the first decision there is nothing to show.
        ended = not step.trials and step.decisions
        if ended or (step.trials and not self._bar and step.blocks >= self._plan.min_blocks):
            lines.append(decision_words.where(step, self._plan))
        for line in lines:
            self.note(step.device, line)

    def _show(self) -> None:
        if self._bar:
            serial, (_, text) = next(iter(self._running.items()), ("", ("", "waiting")))
            if serial in self._blocks:
                text = f"block {self._blocks[serial]}: {text}"
            self._bar.update(self._task, description=escape(f"{serial} {text}"[:70]))

    def _line(self, result: Result) -> str:
        status = f"[{_COLOURS[result.status]}]{result.status}[/]"
        value = result.measurement.inference_avg_us if result.measurement else None
        if result.accuracy is not None and result.status is Status.OK:
            tail = _accuracy_words(result.accuracy)
        elif result.status is Status.OK:
            tail = f"{value / 1000:.3f} ms" if value is not None else ""
        else:
            tail = f"{', '.join(result.causes)}: {escape(printable((result.message or '')[:160]))}"
        place = f"{self._count}/{self._total} {escape(result.trial.device)}"
        return f"{place} {escape(describe(result.trial))} {status} {tail}".replace("\n", " ")


def _accuracy_words(found: AccuracyFigures) -> str:
    """Return `equal to the host's kernels, 2.1 % from fp32`: an accuracy trial's time counts nowhere."""
    ours = "equal to" if found.output.equal else f"{_share(found.output)} from"
    words = f"{ours} the host's kernels"
    if found.reference is not None:
        words += f", {_share(found.reference)} from {found.reference_variant}"
    return words


def _share(one: OutputDistance) -> str:
    return "?" if one.max_rel is None else f"{100 * one.max_rel:.2g} %"
