"""Prints a bisection on a terminal: its progress on stderr, its answer on stdout."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from harness.analysis.ratio_interval import Estimate
from harness.binaries.build_events import Advance
from harness.cli.build_progress import bazel_progress
from harness.cli.terminal_watcher import TerminalWatcher
from harness.experiments.bisect_places import Place
from harness.experiments.bisect_programs import BuildWatcher
from harness.experiments.bisect_records import BisectStep, Part, Watcher
from harness.experiments.bisection import Bisection, Watchers
from harness.files.terminal_text import printable
from harness.formats.narrow_table import PrintedColumn, print_table, say

_MOST_OPS = 8
_MOST_REMAINING = 20
_VERDICTS = {"good": "like good", "bad": "like bad", "undecided": "undecided"}
_OF_PAIRS = {"good": "no difference", "bad": "differs", "undecided": "undecided"}


class BisectWatchers(Watchers):
    """Shows builds, runs and decisions on stderr."""

    def __init__(self) -> None:
        super().__init__()
        self.builds = _Builds()
        self.runs = TerminalWatcher()
        self.folder: Path | None = None
        """The bisection's folder, once it has begun."""

    def begins(self, folder: Path, places: Sequence[Place], *, known_runs: int) -> None:
        """Print where the state is, and how much is known."""
        self.search = _Decisions(places)
        self.folder = folder
        known = f", {known_runs} runs are already done" if known_runs else ""
        click.echo(f"{len(places) - 1} candidates{known}; everything is kept in {folder}", err=True)


class _Builds(BuildWatcher):
    @contextmanager
    def building(self, place: Place, abi: str) -> Iterator[Callable[[Advance], None]]:
        click.echo(f"building {printable(place.words)} for {abi}", err=True)
        with bazel_progress(f"{place.name} {abi}") as advance:
            yield advance

    def waiting(self, what: str) -> None:
        click.echo(f"waiting: {what}", err=True)


class _Decisions(Watcher):
    def __init__(self, places: Sequence[Place]) -> None:
        self._places = places

    def measuring(self, part: Part, base: int, head: int, blocks: int) -> None:
        click.echo(f"measuring {self._places[head].name} against {self._places[base].name}: {blocks} blocks", err=True)

    def decided(self, step: BisectStep, after: int, upto: int) -> None:
        name = printable(self._places[step.head].words)
        what = f": {_numbers(step.estimate)}" if step.estimate is not None else ""
        said = f"{name} against {self._places[step.base].name}: {_verdict(step)}{what}"
        left = f"; {upto - after} candidates remain" if step.part == "midpoint" else ""
        click.echo(said + left, err=True)

    def skipped(self, place: int, reason: str) -> None:
        click.echo(f"left out: {printable(self._places[place].words)}: {printable(reason.splitlines()[0])}", err=True)


def print_bisection(one: Bisection, console: Console) -> None:
    """Print the answer, the ops of the change and every step."""
    answer, places = one.answer, one.places
    change = answer.change
    if answer.outcome == "found":
        _print_found(one, console)
    else:
        say(console, f"[yellow]{_headline(one)}[/]")
        if answer.outcome in ("range", "undecided"):
            say(console, f"{len(answer.remaining)} candidates remain:")
            left = [places[place] for place in answer.remaining]
            for number, place in zip(answer.remaining[:_MOST_REMAINING], left, strict=False):
                why = " (not measured)" if number in answer.skipped else ""
                say(console, f"  {escape(printable(place.words))}{why}")
            if len(left) > _MOST_REMAINING:
                say(console, f"  and {len(left) - _MOST_REMAINING} more")
            if "budget" in answer.reason:
                say(
                    console,
                    f"to continue: harness bisect --resume {escape(shlex.quote(str(one.folder)))} --budget SECONDS",
                )
        if answer.outcome == "range" and change is not None and change.estimate is not None:
            say(console, f"{_pair(change, places)}: {escape(_numbers(change.estimate))}")
    if one.ops and one.profiled_us is not None:
        console.print()
        _print_ops(one.ops, one.profiled_us, console)
    console.print()
    _print_steps(answer.steps, places, console)
    for note in answer.notes:
        say(console, f"[yellow]note[/]: {escape(printable(note))}")
    for number, reason in answer.skipped.items():
        say(
            console, f"left out: {escape(printable(places[number].words))}: {escape(printable(reason.splitlines()[0]))}"
        )
    if one.synthetic:
        say(console, "[magenta]synthetic: numbers were replayed or modelled, not measured[/]")
    if answer.error:
        say(console, f"chance of a wrong decision, all steps together: at most {answer.error:.1%}")
    say(console, f"{answer.device_s:.0f} device seconds; all runs are in {escape(str(one.folder))}")


def _print_found(one: Bisection, console: Console) -> None:
    answer, places = one.answer, one.places
    place, change = places[answer.upto], answer.change
    assert change is not None  # noqa: S101  # what is found was measured
    assert change.estimate is not None  # noqa: S101
    slower = (change.estimate.ratio or 1.0) > 1
    say(
        console,
        f"[bold]{escape(printable(place.words))}[/] makes it [{'red' if slower else 'green'}]{'slower' if slower else 'faster'}[/]",
    )
    if place.author is not None:
        say(console, f"{escape(printable(place.author))}, {place.date}")
    say(console, f"{_pair(change, places)}: {escape(_numbers(change.estimate))}")
    # With --models the cell names no model: "on R5CT1 xnnpack".
    cell = printable(answer.cell or "")
    say(console, escape(f"{one.asked.metric} {cell if cell.startswith('on ') else f'of {cell}'}"))


def _headline(one: Bisection) -> str:
    words = {
        "range": "The change lies in a range",
        "no_difference": "There is nothing to find",
        "undecided": "Undecided",
    }
    return f"{words[one.answer.outcome]}: {escape(printable(one.answer.reason))}"


def _print_ops(ops: Sequence[dict[str, Any]], whole_us: tuple[float, float], console: Console) -> None:
    shown = ops[:_MOST_OPS]
    print_table(
        console,
        [
            PrintedColumn("op", [escape(printable(_op_name(one))) for one in shown]),
            PrintedColumn("before us", [f"{one['base_us']:.1f}" for one in shown], right=True),
            PrintedColumn("after us", [f"{one['head_us']:.1f}" for one in shown], right=True),
            PrintedColumn(
                "share", ["-" if one["share"] is None else f"{one['share']:.0%}" for one in shown], right=True
            ),
            PrintedColumn(
                "ratio", ["-" if one["ratio"] is None else f"{one['ratio']:.3f}" for one in shown], right=True
            ),
        ],
        title=f"ops of the change: profiled {whole_us[0]:.1f} -> {whole_us[1]:.1f} us",
    )
    if len(ops) > len(shown):
        say(console, f"and {len(ops) - len(shown)} more ops: --json")


def _op_name(change: dict[str, Any]) -> str:
    ops = change["head_ops"] or change["base_ops"]
    return ", ".join(f"{one['node_type']} {one['name']}".strip() for one in ops)


def _print_steps(steps: Sequence[BisectStep], places: Sequence[Place], console: Console) -> None:
    print_table(
        console,
        [
            PrintedColumn("measured", [escape(places[step.head].name) for step in steps]),
            PrintedColumn("against", [escape(places[step.base].name) for step in steps]),
            PrintedColumn("verdict", [_verdict(step) for step in steps]),
            PrintedColumn("ratio", [escape(_ratio(step.estimate)) for step in steps], right=True),
            PrintedColumn(
                "blocks", [str(step.estimate.n) if step.estimate is not None else "-" for step in steps], right=True
            ),
        ],
        title="steps",
    )


def _verdict(step: BisectStep) -> str:
    words = _VERDICTS if step.part == "midpoint" else _OF_PAIRS
    word = words[step.verdict]
    if step.same_program:
        return f"{word} (the same program)"
    return f"between, nearer {step.verdict}" if step.between else word


def _pair(step: BisectStep, places: Sequence[Place]) -> str:
    return f"{escape(printable(places[step.head].name))} against {escape(printable(places[step.base].name))}"


def _numbers(estimate: Estimate) -> str:
    return f"{_ratio(estimate)} times as long ({estimate.level:.1%} interval, {estimate.n} blocks)"


def _ratio(estimate: Estimate | None) -> str:
    if estimate is None or estimate.ratio is None:
        return "-"
    if estimate.ci_low is None or estimate.ci_high is None:
        return f"{estimate.ratio:.3f}"
    return f"{estimate.ratio:.3f} [{estimate.ci_low:.3f}, {estimate.ci_high:.3f}]"
