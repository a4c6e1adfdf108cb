"""`harness compare`: says whether HEAD is faster or slower than BASE, by how much, where, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from harness.analysis.metrics import Metric
from harness.api.compare_runs import compare, interleaved_suite
from harness.cli.compare_outputs import WantedOutputs, write_outputs
from harness.cli.output_option import OutputFile, only_once
from harness.cli.percentages import PERCENT
from harness.cli.printing import reader_may_leave
from harness.errors import UsageError
from harness.files.parquet_file import require_parquet
from harness.formats.comparison_table import ComparisonTableName
from harness.runs.run_store import collector_paused

_EPILOG = """\b
Examples:
  harness compare runs/monday runs/tuesday --gate 3%
  harness compare runs/monday@delegate=cpu runs/monday@delegate=xnnpack
  harness compare runs/monday@delegate=cpu,threads=4 runs/monday --by delegate
  harness compare runs/pr@binary=main runs/pr@binary=change --gate 3% --junit compare.xml --html compare.html
  harness compare runs/monday runs/tuesday --format html -o tuesday.html
  harness compare runs/monday runs/tuesday --metric peak_memory --gate 3%
  harness compare runs/monday runs/tuesday --format parquet --table ops -o ops.parquet
  harness compare runs/monday runs/tuesday --print-suite > both.yaml
  harness compare runs/pr@binary=main runs/pr@binary=change --format model-explorer -o overlays/

BASE and HEAD are runs, or selections of their cells: RUN@KEY=VALUE,... with the keys model, device, delegate, threads,
cpus and binary; values may hold * and ?. Two cells are compared if all their keys agree, except those in which the
selections differ. If several base cells fit, the suite's `baseline` decides.

`--html`, `--junit` and `--markdown` write files beside the output; `--format` and `-o` choose the output itself.

The gate breaks, and the exit code is 1, if a whole interval lies beyond it, or if head cannot decide what base can: cells
are gone, too few processes count, significantly more fail, or the run was interrupted.

Separate runs need a control, a cell that both have and nobody changed (`control:` in the suite). Without one, a
difference is only `suspected`. --print-suite prints a suite that measures both sides in one run.
"""


@click.command("compare", epilog=_EPILOG)
@click.argument("base", metavar="BASE")
@click.argument("head", metavar="HEAD")
@click.option(
    "--by", multiple=True, metavar="KEY", help="Let the two sides differ in this key. May be given several times."
)
@click.option(
    "--gate", type=PERCENT, metavar="PERCENT", help="Exit with 1 if a cell is surely slower by more than this."
)
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
    "--ops",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    metavar="N",
    help="How many ops to list for a cell that differs.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["text", "json", "markdown", "junit", "html", "csv", "parquet", "model-explorer"]),
    default=["text"],
    show_default="text",
    multiple=True,
    callback=only_once,
    help="The format of the output. html is the report's page, base against head.",
)
@click.option(
    "--table",
    type=click.Choice(["cells", "ops"]),
    help="What one row of csv and parquet is.  [default: cells]",
)
@click.option(
    "-o",
    "--output",
    type=OutputFile(),
    multiple=True,
    callback=only_once,
    help="The file to write instead of standard output. For model-explorer: a folder, or a .json file for one cell.",
)
@click.option("--html", type=OutputFile(), metavar="FILE", help="Also write the HTML page.")
@click.option("--junit", type=OutputFile(), metavar="FILE", help="Also write JUnit XML.")
@click.option("--markdown", type=OutputFile(), metavar="FILE", help="Also write Markdown.")
@click.option(
    "--database", metavar="URL", help="The history that knows how much separate runs differ.  [default: the usual one]"
)
@collector_paused()
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
    html: Path | None,
    junit: Path | None,
    markdown: Path | None,
    database: str | None,
) -> None:
    """Compare two runs, or two selections from runs, cell by cell."""
    if print_suite:
        with reader_may_leave():
            click.echo(interleaved_suite(base, head, by=by), nl=False)
        return
    file_format = "json" if as_json else file_format
    target = None if output is None or str(output) == "-" else output
    beside = {name: path for name, path in (("html", html), ("junit", junit), ("markdown", markdown)) if path}
    name = _table_name(table, file_format, target)
    wanted = WantedOutputs(file_format=file_format, output=target, table=name, ops=ops, beside=beside)
    wanted.check()
    if file_format == "parquet":
        require_parquet()
    found = compare(
        base, head, by=by, metric=metric, min_effect=min_effect, gate=gate, strict=strict, database=database
    )
    write_outputs(found, wanted)
    if found.gate_broken:
        click.get_current_context().exit(1)


def _table_name(table: str | None, file_format: str, output: Path | None) -> ComparisonTableName:
    if table is not None and file_format not in ("csv", "parquet"):
        raise UsageError(f"--table goes with csv and parquet, not with {file_format}", remedy="--format csv")
    if file_format == "parquet" and output is None:
        raise UsageError(
            "Parquet is a binary format and is not written to a terminal or pipe", remedy="name a file: -o FILE"
        )
    return cast(ComparisonTableName, table or "cells")
