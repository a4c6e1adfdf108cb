"""`harness calibrate`: what comparisons on this device and model are worth, by comparing a run with itself."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.analysis.calibrate import calibrate
from harness.analysis.estimate import MIN_BLOCKS
from harness.analysis.metrics import Metric, counts, purpose_for
from harness.analysis.selection import CellResults, Selection, cells_of, parse_where, select
from harness.analysis.verdict import Rules
from harness.calibration_file import CellCalibration, as_document, detectable_words, save
from harness.cli.percentages import PERCENT
from harness.errors import UsageError
from harness.store import Run, load_run

_EPILOG = """\b
Examples:
  harness calibrate runs/monday
  harness calibrate runs/monday --where model=mobilenet_fp32 --processes 10 --processes 20 --json

Processes of neighbouring blocks are compared with each other, so a cell needs at least ten processes. What is found is kept in
RUN/calibration.json, and for phones in the state folder; `harness compare` shows it beside later verdicts.
"""
_USUAL_SIZES = (5, 10, 20, 40)


@click.command("calibrate", epilog=_EPILOG)
@click.argument("path", metavar="RUN", type=click.Path(path_type=Path))
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
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def calibrate_command(
    path: Path, where: str, metric: str, min_effect: float, processes: tuple[int, ...], as_json: bool
) -> None:
    """Measure the false-positive rate and the smallest detectable change of a run's cells."""
    run = load_run(path)
    chosen = select(cells_of(run.results), Selection(text=str(path), where=parse_where(where) if where.strip() else {}))
    rules = Rules(min_effect=min_effect)
    sizes = tuple(sorted(set(processes))) or _USUAL_SIZES
    found = [one for cell in chosen if (one := _calibrated(run, cell, Metric(metric), sizes, rules)) is not None]
    if not found:
        most = max((len(_values(cell, Metric(metric))) for cell in chosen), default=0)
        raise UsageError(
            f"{path}: no cell has enough processes to be compared with itself (the most is {most})",
            remedy=f"measure with at least `processes: {2 * MIN_BLOCKS}` in the suite",
        )
    written = save(path, found, run.manifest.devices)
    if as_json:
        click.echo(json.dumps(as_document(found), indent=1, allow_nan=False))
    else:
        _print(found, len(chosen))
    for file in written:
        click.echo(f"written: {file}", err=True)


def _calibrated(
    run: Run, cell: CellResults, metric: Metric, sizes: tuple[int, ...], rules: Rules
) -> CellCalibration | None:
    found = calibrate(_values(cell, metric), processes=sizes, rules=rules)
    if found is None:
        return None
    device = next((one for one in run.manifest.devices if one.serial == cell.key.device), None)
    return CellCalibration(
        run_id=run.manifest.run_id,
        device=cell.key.device,
        fingerprint=device.fingerprint if device else None,
        model=cell.key.model,
        model_sha256=cell.results[0].trial.model.sha256,
        delegate=cell.key.delegate,
        threads=cell.key.threads,
        cpus=cell.key.cpus,
        metric=str(metric),
        found=found,
    )


def _values(cell: CellResults, metric: Metric) -> list[float]:
    purpose = purpose_for(cell.results, metric)
    ordered = sorted(cell.results, key=lambda result: result.trial.block)
    return [math.log(value) for result in ordered if (value := counts(result, metric, purpose)) is not None]


def _print(cells: list[CellCalibration], asked: int) -> None:
    console = Console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("model", "device", "delegate", "thr", "cpus"):
        table.add_column(heading, overflow="fold")
    for heading in ("n", "spread", "false positives"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("smallest detectable change, by processes a side")
    for cell in cells:
        table.add_row(
            escape(cell.model),
            escape(cell.device),
            escape(cell.delegate),
            str(cell.threads),
            escape(cell.cpus),
            str(cell.found.blocks),
            f"{cell.found.spread:.1%}",
            f"{cell.found.false_positive_rate:.1%}",
            detectable_words(cell.found),
        )
    console.print(table)
    if asked > len(cells):
        console.print(f"{asked - len(cells)} cells left out: fewer than {2 * MIN_BLOCKS} processes", highlight=False)
