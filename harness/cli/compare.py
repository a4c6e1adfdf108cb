"""`harness compare`: whether HEAD is faster or slower than BASE, by how much, where, and how sure that is."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import cast

import click

from harness.analysis.metrics import Metric
from harness.api.compare_runs import RunComparison, compare, interleaved_suite
from harness.cli.console import open_console
from harness.cli.export_overlays import write_overlays
from harness.cli.output_option import OutputFile
from harness.cli.percentages import PERCENT
from harness.cli.printing import reader_may_leave
from harness.errors import UsageError
from harness.files.flat_table import require_parquet, write_csv, write_parquet
from harness.files.whole_file import output_file, text_output_file
from harness.formats.comparison_junit import junit
from harness.formats.comparison_markdown import markdown
from harness.formats.comparison_table import COMPARISON_COLUMNS, ComparisonTableName, comparison_rows
from harness.formats.comparison_text import as_text, print_comparison
from harness.formats.model_explorer import change_overlays

_EPILOG = """\b
Examples:
  harness compare runs/monday runs/tuesday --gate 3%
  harness compare runs/monday@delegate=cpu runs/monday@delegate=xnnpack
  harness compare runs/monday@delegate=cpu,threads=4 runs/monday --by delegate
  harness compare runs/pr@binary=main runs/pr@binary=change --gate 3% --format junit -o compare.xml
  harness compare runs/monday runs/tuesday --format parquet --table ops -o ops.parquet
  harness compare runs/monday runs/tuesday --print-suite > both.yaml
  harness compare runs/pr@binary=main runs/pr@binary=change --format model-explorer -o overlays/

A selection names model, device, delegate, threads, cpus and binary; values may hold * and ?. Two cells are compared
if they agree in every key, except those that the two selections fix differently. If several base cells fit, the
suite's `baseline` decides.

The gate exits with 1 if a whole interval lies beyond it, and if head cannot decide what base can: cells that are
gone, too few processes, significantly more failures, an interrupted run.

Separate runs need a control, a cell that both have and nobody changed (`control:` in the suite). Without one a
difference is only `suspected`. --print-suite prints the suite that measures both sides in one run.
"""


@click.command("compare", epilog=_EPILOG)
@click.argument("base", metavar="BASE")
@click.argument("head", metavar="HEAD")
@click.option("--by", multiple=True, metavar="KEY", help="A key in which the sides differ. May be given several times.")
@click.option("--gate", type=PERCENT, metavar="PERCENT", help="Exit 1 if a cell is surely slower by more than this.")
@click.option("--min-effect", type=PERCENT, default="1%", show_default=True, help="Count smaller changes as `same`.")
@click.option(
    "--metric",
    type=click.Choice([str(metric) for metric in Metric]),
    default=str(Metric.INFERENCE_AVG),
    show_default=True,
    help="The number to compare.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Refuse to compare sides that were measured under unlike conditions; with --gate, separate runs without a control too.",
)
@click.option(
    "--print-suite", is_flag=True, help="Print a suite that measures both sides in one interleaved run, and stop."
)
@click.option(
    "--ops", type=click.IntRange(0), default=5, show_default=True, help="How many ops to list for a cell that differs."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout (as --format json).")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["text", "json", "markdown", "junit", "csv", "parquet", "model-explorer"]),
    default="text",
    show_default=True,
    help="The format of the output.",
)
@click.option(
    "--table",
    type=click.Choice(["cells", "ops"]),
    help="What a row is, for csv and parquet.  [default: cells]",
)
@click.option(
    "-o",
    "--output",
    type=OutputFile(),
    help="The file to write instead of standard output. For model-explorer: a folder, or a .json file for one cell.",
)
def compare_command(
    base: str,
    head: str,
    by: tuple[str, ...],
    gate: float | None,
    min_effect: float,
    metric: str,
    strict: bool,
    print_suite: bool,
    ops: int,
    as_json: bool,
    file_format: str,
    table: str | None,
    output: Path | None,
) -> None:
    """Compare two runs, or two selections of cells, cell by cell."""
    if print_suite:
        with reader_may_leave():
            click.echo(interleaved_suite(base, head, by=by), nl=False)
        return
    file_format = "json" if as_json else file_format
    name = _table_name(table, file_format, output)
    if file_format == "parquet":
        require_parquet()
    found = compare(base, head, by=by, metric=metric, min_effect=min_effect, gate=gate, strict=strict)
    _write(found, file_format, output, ops=ops, table=name)
    if found.gate_broken:
        click.get_current_context().exit(1)


def _table_name(table: str | None, file_format: str, output: Path | None) -> ComparisonTableName:
    if table is not None and file_format not in ("csv", "parquet"):
        raise UsageError(f"--table is of csv and parquet, not of {file_format}", remedy="--format csv")
    if file_format == "parquet" and (output is None or str(output) == "-"):
        raise UsageError(
            "Parquet is a binary format and is not written to a terminal or pipe", remedy="name a file: -o FILE"
        )
    return cast(ComparisonTableName, table or "cells")


def _write(
    found: RunComparison, file_format: str, output: Path | None, *, ops: int, table: ComparisonTableName
) -> None:
    to_stdout = output is None or str(output) == "-"
    if file_format == "text" and to_stdout:
        with reader_may_leave():
            print_comparison(found.table, open_console(), ops=ops)
        return
    if file_format == "model-explorer":
        _require_comparable_ops(found)
        write_overlays(change_overlays(found.comparisons), None if to_stdout else output)
        return
    if file_format == "parquet":
        with output_file(cast(Path, output)) as binary:
            write_parquet(
                COMPARISON_COLUMNS[table], comparison_rows(found.table, found.base, found.head, table), binary
            )
        return
    text = _as_text(found, file_format, ops=ops, table=table)
    if output is None or to_stdout:
        with reader_may_leave(document=file_format == "json"):
            click.echo(text, nl=False)
        return
    with text_output_file(output) as stream:
        stream.write(text)


def _require_comparable_ops(found: RunComparison) -> None:
    comparisons = found.comparisons
    mixed = any(one.base.key and one.head.key and one.base.synthetic != one.head.synthetic for one in comparisons)
    if mixed and all(one.ops is None for one in comparisons):
        raise UsageError(
            "one side is synthetic and the other was measured: their ops are not set against each other",
            remedy="harness export RUN --format model-explorer shows each by itself",
        )


def _as_text(found: RunComparison, file_format: str, *, ops: int, table: ComparisonTableName) -> str:
    if file_format == "json":
        return json.dumps(found.document(), indent=1, allow_nan=False) + "\n"
    if file_format == "markdown":
        return markdown(found.table, found.base, found.head, ops=ops)
    if file_format == "junit":
        return junit(found.table, found.base, found.head)
    if file_format == "csv":
        out = io.StringIO(newline="")
        write_csv(COMPARISON_COLUMNS[table], comparison_rows(found.table, found.base, found.head, table), out)
        return out.getvalue()
    return as_text(found.table, ops=ops)
