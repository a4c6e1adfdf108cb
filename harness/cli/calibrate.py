"""`harness calibrate`: what comparisons on this device and model are worth, by comparing what is alike.

A run is compared with itself; a suite is run for the purpose, every cell often enough to be both sides.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.analysis.calibration import calibrate
from harness.analysis.cell_selection import Selection, parse_where, select
from harness.analysis.cells import CellResults, group_by_cell
from harness.analysis.metrics import Metric, counts, purpose_for
from harness.analysis.ratio_interval import BUDGET, MIN_BLOCKS
from harness.analysis.verdict import Rules
from harness.cli.percentages import PERCENT
from harness.cli.run import run_loaded
from harness.errors import UsageError
from harness.records import Purpose
from harness.runs.calibration_files import CellCalibration, as_document, change_words, save
from harness.runs.run_store import Run, load_run
from harness.suite.suite_file import find_suite, load_suite

_EPILOG = """\b
Examples:
  harness calibrate runs/monday
  harness calibrate runs/monday --where model=mobilenet_fp32 --processes 10 --processes 20 --json

  harness calibrate suite.yaml --device any --binary arm64-v8a=benchmark_model
  harness calibrate suites/quickstart.yaml --device virtual:1 --blocks 40

Processes of neighbouring blocks are compared with each other, so a cell needs at least ten processes. What is found is kept in
RUN/calibration.json, and for phones in the state folder; `harness compare` shows it beside later verdicts, and so does
RUN/report.html, which is written again where it is there.

A SUITE is run first, for latency alone, with as many processes a cell as --blocks says: two for each pair.
"""
_USUAL_SIZES = (5, 10, 20, 40)
_OF_A_SUITE = ("selectors", "binaries", "out", "blocks")


@click.command("calibrate", epilog=_EPILOG)
@click.argument("source", metavar="RUN|SUITE")
@click.option("--where", default="", metavar="KEY=VALUE,...", help="Only these cells.")
@click.option(
    "--metric",
    type=click.Choice([str(metric) for metric in Metric]),
    default=str(Metric.INFERENCE_AVG),
    show_default=True,
    help="What is compared.",
)
@click.option("--min-effect", type=PERCENT, default="1%", show_default=True, help="Smaller changes count as none.")
@click.option(
    "--processes",
    type=click.IntRange(MIN_BLOCKS, 500),
    multiple=True,
    metavar="N",
    help="Find the smallest change that so many processes a side detect; may be given several times. [default: 5, 10, 20, 40]",
)
@click.option(
    "--device",
    "-d",
    "selectors",
    multiple=True,
    metavar="SEL",
    help="Where to run a SUITE: as for `harness run`. Replaces its `devices`.",
)
@click.option(
    "--binary", "binaries", multiple=True, metavar="ABI=PATH", help="With which binary: as for `harness run`."
)
@click.option("--out", "-o", type=click.Path(path_type=Path), metavar="RUN", help="Folder of a SUITE's run.")
@click.option(
    "--blocks",
    type=click.IntRange(2 * MIN_BLOCKS, 1000),
    default=2 * BUDGET,
    show_default=True,
    metavar="N",
    help="Processes a cell that a SUITE is run with.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def calibrate_command(
    ctx: click.Context,
    source: str,
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
    """Measure the false-positive rate and the smallest detectable change of a run's cells, or of a suite's."""
    if min_effect == 0:
        raise UsageError("--min-effect must be more than 0%: no measurement shows that two things are exactly the same")
    selection = parse_where(where) if where.strip() else {}
    suite = _suite_of(source)
    code = 0
    if suite is None:
        given = [name for name in _OF_A_SUITE if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
        if given:
            raise UsageError(f"{source} is a run: --device, --binary, --out and --blocks are for a suite")
        path = Path(source)
    else:
        code, path = _measured(suite, out, blocks, selectors, binaries)
        if code not in (0, 1):
            ctx.exit(code)
    try:
        _calibrate(path, selection, Metric(metric), Rules(min_effect=min_effect), processes, as_json=as_json)
    except UsageError as error:
        if code == 0:
            raise
        click.echo(f"harness: {error}", err=True)  # the request was right, what was measured is bad
    ctx.exit(code)


def _suite_of(source: str) -> Path | None:
    """The suite file that is meant; None where it is a run."""
    path = Path(source)
    if path.is_dir():
        return None
    if path.exists():
        return path
    try:
        return find_suite(source)
    except UsageError:
        raise UsageError(f"{source} is neither a run nor a suite") from None


def _measured(
    suite: Path, out: Path | None, blocks: int, selectors: tuple[str, ...], binaries: tuple[str, ...]
) -> tuple[int, Path]:
    """Run a suite's cells, each often enough to be both sides. Returns the run's exit code and its folder."""
    loaded = load_suite(suite)
    if not loaded.suite.order.interleave:
        raise UsageError(f"{suite}: without interleaving, neighbours are not what a comparison compares")
    changed = {"suite": f"{loaded.suite.suite} calibration", "purposes": [Purpose.LATENCY], "processes": blocks}
    loaded = replace(loaded, suite=loaded.suite.model_copy(update=changed))
    # Standard output is for what the calibration finds.
    with contextlib.redirect_stdout(sys.stderr):
        return run_loaded(loaded, out, selectors=selectors, binaries=binaries)


def _calibrate(
    path: Path,
    where: Mapping[str, str],
    metric: Metric,
    rules: Rules,
    processes: tuple[int, ...],
    *,
    as_json: bool,
) -> None:
    run = load_run(path)
    chosen = select(group_by_cell(run.results), Selection(text=str(path), where=where))
    sizes = tuple(sorted(set(processes))) or _USUAL_SIZES
    found = [one for cell in chosen if (one := _calibrated(run, cell, metric, sizes, rules)) is not None]
    if not found:
        most = max((len(_values(cell, metric)) for cell in chosen), default=0)
        raise UsageError(
            f"{path}: no cell has enough processes to be compared with itself (the most is {most})",
            remedy=f"measure with at least `processes: {2 * MIN_BLOCKS}` in the suite",
        )
    written = [*save(path, found, run.manifest.devices), *_report_again(path)]
    if as_json:
        click.echo(json.dumps(as_document(found), indent=1, allow_nan=False))
    else:
        _print(found, len(chosen))
    for file in written:
        click.echo(f"written: {file}", err=True)


def _report_again(path: Path) -> list[Path]:
    """Write the report where there is one: it shows the run's calibrations."""
    from harness.report import REPORT, write_report  # pandas and the chart library: not before they are needed

    if not (path / REPORT).exists():
        return []
    with Console(stderr=True).status("writing the report"):
        return [write_report(path)]


def _calibrated(
    run: Run, cell: CellResults, metric: Metric, sizes: tuple[int, ...], rules: Rules
) -> CellCalibration | None:
    found = calibrate(_values(cell, metric), processes=sizes, rules=rules)
    if found is None:
        return None
    device = next((one for one in run.manifest.devices if one.serial == cell.key.device), None)
    model = cell.results[0].trial.model
    return CellCalibration(
        run_id=run.manifest.run_id,
        device=cell.key.device,
        fingerprint=device.fingerprint if device else None,
        model=cell.key.model,
        model_sha256=model.sha256,
        delegate=cell.key.delegate,
        threads=cell.key.threads,
        cpus=cell.key.cpus,
        metric=str(metric),
        found=found,
        binary=cell.key.binary,
        asked=model.asked,
    )


def _values(cell: CellResults, metric: Metric) -> list[float]:
    purpose = purpose_for(cell.results, metric)
    ordered = sorted(cell.results, key=lambda result: result.trial.block)
    return [math.log(value) for result in ordered if (value := counts(result, metric, purpose)) is not None]


def _print(cells: list[CellCalibration], asked: int) -> None:
    console = Console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    devices = dict.fromkeys(cell.device for cell in cells)
    if len(devices) == 1:
        console.print(escape(f"device {cells[0].device}"), highlight=False)
    table.add_column("cell", overflow="fold")
    for heading in ("n", "spread", "false"):
        table.add_column(heading, justify="right", no_wrap=True)
    sizes = [count for count, _ in cells[0].found.detectable]
    for count in sizes:
        table.add_column(f"at {count}", justify="right", no_wrap=True)
    for cell in cells:
        table.add_row(
            escape(_name(cell, with_device=len(devices) > 1)),
            str(cell.found.blocks),
            f"{cell.found.spread:.1%}",
            f"{cell.found.false_positive_rate:.1%}",
            *(change_words(change) for _, change in cell.found.detectable),
        )
    console.print(table)
    console.print(
        "false: false positives among A/A comparisons\n"
        f"at {sizes[0]}: the smallest change that {sizes[0]} processes a side find in nine of ten experiments; -: none",
        highlight=False,
    )
    if asked > len(cells):
        console.print(f"{asked - len(cells)} cells left out: fewer than {2 * MIN_BLOCKS} processes", highlight=False)


def _name(cell: CellCalibration, *, with_device: bool) -> str:
    words = [cell.model, cell.delegate, f"{cell.threads} thr", cell.cpus]
    words += [cell.binary] if cell.binary else []
    words += [f"({cell.asked})"] if cell.asked else []
    words += [f"on {cell.device}"] if with_device else []
    return " ".join(words)
