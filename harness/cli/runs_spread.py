"""`harness calibrate RUN RUN [RUN...]`: how much runs of one device differ from each other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import click
from rich.console import Console
from rich.markup import escape

from harness.api.calibrate_between_runs import CalibratedBetweenRuns, calibrate_between_runs
from harness.files.terminal_text import printable
from harness.formats.narrow_table import PrintedColumn, print_table, say


def between_runs_command(runs: Sequence[str], *, where: Mapping[str, str], metric: str, as_json: bool) -> None:
    """Find it, print it, and say where it is kept."""
    found = calibrate_between_runs(runs, where=where, metric=metric)
    if as_json:
        click.echo(json.dumps(found.document(), indent=1, allow_nan=False))
    else:
        _print(found, Console())
    for file in found.written:
        click.echo(f"written: {file}", err=True)


def _print(found: CalibratedBetweenRuns, console: Console) -> None:
    cells = found.cells
    names = [f"{one.model} {one.delegate} {one.threads} thr {one.cpus} {one.binary}".strip() for one in cells]
    print_table(
        console,
        [
            PrintedColumn("cell", [escape(printable(name)) for name in names]),
            PrintedColumn("device", [escape(printable(one.device)) for one in cells], drop=1),
            PrintedColumn("runs", [str(one.found.runs) for one in cells], right=True),
            PrintedColumn("between runs", [f"{one.found.deviation:.2%}" for one in cells], right=True),
        ],
    )
    say(console, "between runs: the standard deviation of a run's centre; separate runs without a control allow for it")
    if any(one.found.runs < 4 for one in cells):
        say(console, "of so few runs it is known badly, and the intervals become wide: five or more are better")
    if not found.written:
        say(console, "kept nowhere: a virtual device is gone after its run")
    if found.left_out:
        say(console, f"{found.left_out} cells left out: only one run has them with this model, binary and system build")
