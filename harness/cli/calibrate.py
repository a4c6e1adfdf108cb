"""`harness calibrate`: measures how reliable comparisons on this device and model are, by comparing equal things.

A run is compared with itself. A suite is run for this purpose, with enough processes of each cell for both sides.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
from click.core import ParameterSource
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.analysis.calibration import Detectable
from harness.analysis.cell_selection import parse_where
from harness.analysis.metrics import Metric
from harness.analysis.samples import MIN_BLOCKS
from harness.api.calibrate_run import BLOCKS, CalibratedRun, calibrate, run_for_calibration
from harness.binaries.choice import binary_options, parse_binary_option
from harness.cli.closed_terminal import outlives_its_terminal
from harness.cli.conclusion import conclude
from harness.cli.output_option import OutputPath
from harness.cli.percentages import PERCENT
from harness.cli.runs_spread import between_runs_command
from harness.cli.terminal_watcher import TerminalWatcher
from harness.errors import UsageError
from harness.runs.calibration_files import CellCalibration
from harness.suite.suite_file import find_suite

_EPILOG = """\b
Examples:
  harness calibrate runs/monday
  harness calibrate runs/monday runs/tuesday runs/wednesday runs/thursday runs/friday
  harness calibrate runs/monday --where model=mobilenet_fp32 --processes 10 --processes 20 --json
  harness calibrate suite.yaml --device any --binary arm64-v8a=benchmark_model
  harness calibrate suites/quickstart.yaml --device virtual:1 --blocks 40

The harness compares the processes of a cell with each other, so a cell needs at least ten. It runs a SUITE first, for
latency alone.

RUN/calibration.json and, for phones, the state folder keep the result: `harness compare` shows it beside later verdicts,
and so does RUN/report.html, which is written again if it is there.

Several RUNs in which nothing changed show how much runs of a phone differ. The state folder keeps that, and comparisons
of separate runs without a control allow for it.
"""
_OF_ONE_RUN = ("min_effect", "processes")
_OF_A_SUITE = ("selectors", "binaries", "out", "blocks")


@click.command("calibrate", epilog=_EPILOG)
@click.argument("sources", metavar="RUN|SUITE [RUN...]", nargs=-1, required=True)
@click.option("--where", default="", metavar="KEY=VALUE,...", help="Use only these cells.")
@click.option(
    "--metric",
    type=click.Choice([str(metric) for metric in Metric]),
    default=str(Metric.INFERENCE_AVG),
    show_default=True,
    help="The number to compare.",
)
@click.option("--min-effect", type=PERCENT, default="1%", show_default=True, help="Treat smaller changes as no change.")
@click.option(
    "--processes",
    type=click.IntRange(MIN_BLOCKS, 500),
    multiple=True,
    metavar="N",
    help="Find the smallest change for N processes a side. May be given several times. [default: 5, 10, 20, 40]",
)
@click.option(
    "--device",
    "-d",
    "selectors",
    multiple=True,
    metavar="SEL",
    help="For a SUITE: where to measure, as for `harness run`. Replaces its `devices`.",
)
@click.option(
    "--binary",
    "binaries",
    multiple=True,
    metavar="ABI=PATH",
    help="For a SUITE: the benchmark_model, as for `harness run`.",
)
@click.option("--out", "-o", type=OutputPath(), metavar="RUN", help="For a SUITE: the folder for its run.")
@click.option(
    "--blocks",
    type=click.IntRange(2 * MIN_BLOCKS, 1000),
    default=BLOCKS,
    show_default=True,
    metavar="N",
    help="For a SUITE: how many processes of each cell to run; two make a pair.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.pass_context
@outlives_its_terminal()
def calibrate_command(
    ctx: click.Context,
    sources: tuple[str, ...],
    where: str,
    metric: str,
    min_effect: float,
    processes: tuple[int, ...],
    selectors: tuple[str, ...],
    binaries: tuple[str, ...],
    out: Path | None,
    blocks: int,
    as_json: bool,
) -> None:
    """Find the smallest change that you can detect."""
    if min_effect == 0:
        raise UsageError("--min-effect must be more than 0%: no measurement shows that two things are exactly the same")
    selection = parse_where(where) if where.strip() else {}
    if len(sources) > 1:
        others = (*_OF_A_SUITE, *_OF_ONE_RUN)
        if any(ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in others):
            raise UsageError("several runs are set against each other: that takes --where, --metric and --json only")
        between_runs_command(sources, where=selection, metric=metric, as_json=as_json)
        return
    (source,) = sources
    suite = _suite_of(source)
    watcher = TerminalWatcher()
    code = 0
    if suite is None:
        given = [name for name in _OF_A_SUITE if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
        if given:
            raise UsageError(f"{source} is a run: --device, --binary, --out and --blocks are for a suite")
        path = Path(source)
    else:
        own = parse_binary_option(binaries)
        outcome = run_for_calibration(
            suite,
            blocks=blocks,
            devices=selectors,
            binaries=own,
            out=out,
            watcher=watcher,
        )
        code, path = conclude(outcome, on_stderr=True, options=binary_options(own)), outcome.path
        if code not in (0, 1):
            ctx.exit(code)
    try:
        found = calibrate(
            path, where=selection, metric=metric, min_effect=min_effect, processes=processes, watcher=watcher
        )
    except UsageError as error:
        if code == 0:
            raise
        click.echo(f"harness: {error}", err=True)  # the request was right, the measurement is bad
        ctx.exit(code)
    if as_json:
        click.echo(json.dumps(found.document(), indent=1, allow_nan=False))
    else:
        _print(found)
    for file in found.written:
        click.echo(f"written: {file}", err=True)
    ctx.exit(code)


def _suite_of(source: str) -> Path | None:
    """Return the suite file; None if the path is a run."""
    path = Path(source)
    if path.is_dir():
        return None
    if path.exists():
        return path
    try:
        return find_suite(source)
    except UsageError:
        raise UsageError(f"{source} is neither a run nor a suite") from None


def _print(calibrated: CalibratedRun) -> None:
    cells = calibrated.cells
    console = Console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    devices = dict.fromkeys(cell.device for cell in cells)
    if len(devices) == 1:
        console.print(escape(f"device {cells[0].device}"), highlight=False)
    table.add_column("cell", overflow="fold")
    for heading in ("n", "spread"):
        table.add_column(heading, justify="right", no_wrap=True)
    sizes = [one.processes for one in cells[0].found.detectable]
    for count in sizes:
        table.add_column(f"at {count}", justify="right", no_wrap=True)
    for cell in cells:
        table.add_row(
            escape(_name(cell, with_device=len(devices) > 1)),
            str(cell.found.blocks),
            f"{cell.found.spread:.1%}",
            *(_two_lines(one) for one in cell.found.detectable),
        )
    console.print(table)
    console.print(
        f"at {sizes[0]}: the smallest change that {sizes[0]} processes a side find in nine of ten experiments, its 95 % interval; -: none",
        highlight=False,
    )
    if calibrated.left_out:
        console.print(f"{calibrated.left_out} cells left out: fewer than {2 * MIN_BLOCKS} processes", highlight=False)


def _two_lines(one: Detectable) -> str:
    """The change above its interval: side by side they would leave the names no room."""
    if one.change is None:
        return "-"
    interval = "" if one.low is None or one.high is None else f"\n{100 * one.low:.1f}-{one.high:.1%}"
    return f"{one.change:.1%}{interval}"


def _name(cell: CellCalibration, *, with_device: bool) -> str:
    words = [cell.model, cell.delegate, f"{cell.threads} thr", cell.cpus]
    words += [cell.binary] if cell.binary else []
    words += [f"({cell.asked})"] if cell.asked else []
    words += [f"on {cell.device}"] if with_device else []
    return " ".join(words)
