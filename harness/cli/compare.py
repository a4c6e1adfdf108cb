"""`harness compare`: whether HEAD is faster or slower than BASE, by how much, where, and how sure that is."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import cast

import click
from rich.console import Console

from harness.analysis.cell_selection import (
    Pair,
    Selection,
    fixed_apart,
    pair_cells,
    parse_where,
    same_devices,
    select,
)
from harness.analysis.cells import KEYS, CellResults, group_by_cell
from harness.analysis.comparison import RunContext, Table, compare
from harness.analysis.metrics import Metric
from harness.analysis.verdict import Rules
from harness.cli.export_overlays import write_overlays
from harness.cli.percentages import PERCENT
from harness.cli.printing import reader_may_leave
from harness.errors import UsageError
from harness.files.flat_table import write_csv, write_parquet
from harness.files.whole_file import output_file, text_output_file
from harness.formats.comparison_json import comparison_document
from harness.formats.comparison_junit import junit
from harness.formats.comparison_markdown import markdown
from harness.formats.comparison_table import COMPARISON_COLUMNS, ComparisonTableName, comparison_rows
from harness.formats.comparison_text import as_text, print_comparison
from harness.formats.model_explorer import change_overlays
from harness.runs import calibration_files
from harness.runs.run_store import Run, load_run

_EPILOG = """\b
Examples:
  harness compare runs/monday runs/tuesday --gate 3%
  harness compare runs/monday@delegate=cpu runs/monday@delegate=xnnpack
  harness compare runs/monday@delegate=cpu,threads=4 runs/monday --by delegate
  harness compare runs/pr@binary=main runs/pr@binary=change --gate 3% --format junit -o compare.xml
  harness compare runs/monday runs/tuesday --format parquet --table ops -o ops.parquet
  harness compare runs/pr@binary=main runs/pr@binary=change --format model-explorer -o overlays/

A selection may name model, device, delegate, threads, cpus and binary; values may hold * and ?. Cells pair by every key that
the two selections do not fix differently. With several base cells to choose from, the suite's `baseline` decides.

The gate fails only where the interval says so: exit code 1. A head that no longer runs where base did breaks it too.
"""


@dataclass(frozen=True, slots=True)
class _Side:
    text: str
    run: Run
    selection: Selection
    cells: list[CellResults]


@click.command("compare", epilog=_EPILOG)
@click.argument("base", metavar="BASE")
@click.argument("head", metavar="HEAD")
@click.option("--by", multiple=True, metavar="KEY", help="A key in which the sides differ; may be given several times.")
@click.option("--gate", type=PERCENT, metavar="PERCENT", help="Exit 1 where a cell is surely slower by more than this.")
@click.option("--min-effect", type=PERCENT, default="1%", show_default=True, help="Smaller changes count as `same`.")
@click.option(
    "--metric",
    type=click.Choice([str(metric) for metric in Metric]),
    default=str(Metric.INFERENCE_AVG),
    show_default=True,
    help="What is compared.",
)
@click.option("--strict", is_flag=True, help="Refuse to compare what was measured under unlike conditions.")
@click.option(
    "--ops", type=click.IntRange(0), default=5, show_default=True, help="Ops to list for a cell that differs."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout (as --format json).")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["text", "json", "markdown", "junit", "csv", "parquet", "model-explorer"]),
    default="text",
    show_default=True,
    help="Format.",
)
@click.option(
    "--table",
    type=click.Choice(["cells", "ops"]),
    help="What a row of csv and parquet is.  [default: cells]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write instead of standard output; for model-explorer a folder, or a .json file for one cell.",
)
def compare_command(
    base: str,
    head: str,
    by: tuple[str, ...],
    gate: float | None,
    min_effect: float,
    metric: str,
    strict: bool,
    ops: int,
    as_json: bool,
    file_format: str,
    table: str | None,
    output: Path | None,
) -> None:
    """Compare two runs, or two selections of cells, cell by cell."""
    if min_effect == 0:
        raise UsageError("--min-effect must be more than 0%: no measurement shows that two things are exactly the same")
    _check_keys(by)
    file_format = "json" if as_json else file_format
    name = _table_name(table, file_format, output)
    runs: dict[Path, Run] = {}
    ours, theirs = _side(base, runs), _side(head, runs)
    rules = Rules(min_effect=min_effect, gate=gate)
    compared = _compared(ours, theirs, by, Metric(metric), rules)
    if strict:
        _refuse_unlike(compared)
    _write(compared, ours.text, theirs.text, file_format, output, ops=ops, table=name)
    if compared.gate_broken:
        click.get_current_context().exit(1)


def _compared(ours: _Side, theirs: _Side, by: Sequence[str], metric: Metric, rules: Rules) -> Table:
    for side in (ours, theirs):
        if not side.cells:
            raise UsageError(f"{side.text}: no trial has finished there", remedy="harness run --resume RUN")
    same_run = ours.run.manifest.run_id == theirs.run.manifest.run_id
    apart = list(dict.fromkeys([*fixed_apart(ours.selection, theirs.selection), *by]))
    pairs = pair_cells(
        ours.cells,
        theirs.cells,
        apart=apart,
        devices=same_devices(ours.run.manifest.devices, theirs.run.manifest.devices),
        baseline=ours.run.manifest.baseline,
    )
    if not any(pair.base and pair.head for pair in pairs):
        raise UsageError(*_nothing_to_compare(ours, theirs, apart, same_run=same_run))
    table = compare(pairs, _source(ours.run), _source(theirs.run), metric=metric, rules=rules, apart=apart)
    return _with_calibrations(table, pairs, ours.run, theirs.run)


def _nothing_to_compare(ours: _Side, theirs: _Side, apart: Sequence[str], *, same_run: bool) -> tuple[str]:
    if same_run and not apart:
        return (
            f"{ours.text} and {theirs.text} are the same cells: select two parts, such as RUN@delegate=cpu and "
            "RUN@delegate=gpu, or name what differs: --by delegate",
        )
    keys = [key for key in KEYS if key not in apart]
    lines = []
    for key in keys:
        here, there = ({str(getattr(cell.key, key)) for cell in side.cells} for side in (ours, theirs))
        if not here & there:
            lines.append(
                f"{key}: {', '.join(sorted(here))} against {', '.join(sorted(there))} (--by {key} would pair them)"
            )
    return (f"no cell of {theirs.text} pairs with one of {ours.text}" + (f"; {'; '.join(lines)}" if lines else ""),)


def _check_keys(by: Sequence[str]) -> None:
    for key in by:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(KEYS)}"
            raise UsageError(f"--by {key}: no such key", remedy=remedy)


def _side(text: str, runs: dict[Path, Run]) -> _Side:
    path, where = _divide(text)
    if path not in runs:
        runs[path] = load_run(path)
    run = runs[path]
    selection = Selection(text=text, where=parse_where(where) if where else {})
    return _Side(text, run, selection, select(group_by_cell(run.results), selection))


def _divide(text: str) -> tuple[Path, str]:
    """Path and selection. An `@` may be part of the path: a folder of that very name wins."""
    whole = Path(text)
    if "@" not in text or whole.exists():
        return whole, ""
    # The selection may hold an `@` too (a model's name), so the shortest path that is there wins.
    parts = text.split("@")
    for count in range(1, len(parts)):
        path = Path("@".join(parts[:count]))
        if path.is_dir():
            return path, "@".join(parts[count:])
    path_text, _, where = text.partition("@")
    return Path(path_text), where


def _source(run: Run) -> RunContext:
    return RunContext(
        run_id=run.manifest.run_id,
        devices={device.serial: device for device in run.manifest.devices},
        harness_version=run.manifest.harness_version,
        adaptive=run.manifest.adaptive,
    )


def _with_calibrations(table: Table, pairs: Sequence[Pair], base: Run, head: Run) -> Table:
    devices = [*base.manifest.devices, *head.manifest.devices]
    known = calibration_files.load(dict.fromkeys((base.path, head.path)), devices)
    return calibration_files.noted(table, pairs, known, {device.serial: device.fingerprint for device in devices})


def _refuse_unlike(table: Table) -> None:
    texts = dict.fromkeys(note.text for one in table.comparisons for note in one.notes if note.unlike)
    if texts:
        raise UsageError(
            f"measured under unlike conditions: {'; '.join(texts)}",
            remedy="measure both sides alike, or compare without --strict: the notes then stand beside the numbers",
        )


def _table_name(table: str | None, file_format: str, output: Path | None) -> ComparisonTableName:
    if table is not None and file_format not in ("csv", "parquet"):
        raise UsageError(f"--table is of csv and parquet, not of {file_format}", remedy="--format csv")
    if file_format == "parquet" and (output is None or str(output) == "-"):
        raise UsageError(
            "Parquet is a binary format and is not written to a terminal or pipe", remedy="name a file: -o FILE"
        )
    return cast(ComparisonTableName, table or "cells")


def _write(
    compared: Table,
    base: str,
    head: str,
    file_format: str,
    output: Path | None,
    *,
    ops: int,
    table: ComparisonTableName,
) -> None:
    to_stdout = output is None or str(output) == "-"
    if file_format == "text" and to_stdout:
        with reader_may_leave():
            print_comparison(compared, Console(), ops=ops)
        return
    if file_format == "model-explorer":
        write_overlays(change_overlays(compared.comparisons), None if to_stdout else output)
        return
    if file_format == "parquet":
        with output_file(cast(Path, output)) as binary:
            write_parquet(COMPARISON_COLUMNS[table], comparison_rows(compared, base, head, table), binary)
        return
    text = _as_text(compared, base, head, file_format, ops=ops, table=table)
    if output is None or to_stdout:
        with reader_may_leave():
            click.echo(text, nl=False)
        return
    with text_output_file(output) as stream:
        stream.write(text)


def _as_text(compared: Table, base: str, head: str, file_format: str, *, ops: int, table: ComparisonTableName) -> str:
    if file_format == "json":
        return json.dumps(comparison_document(compared, base, head), indent=1, allow_nan=False) + "\n"
    if file_format == "markdown":
        return markdown(compared, base, head, ops=ops)
    if file_format == "junit":
        return junit(compared, base, head)
    if file_format == "csv":
        out = io.StringIO(newline="")
        write_csv(COMPARISON_COLUMNS[table], comparison_rows(compared, base, head, table), out)
        return out.getvalue()
    return as_text(compared, ops=ops)
