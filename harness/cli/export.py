"""`harness export`: writes a run's trials or ops as a table, a trace, or overlays for Model Explorer."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import IO, cast

import click

from harness.analysis.cell_selection import Selection, parse_where, select
from harness.analysis.cells import CellResults, group_by_cell
from harness.cli.output_option import OutputFile
from harness.cli.printing import reader_may_leave
from harness.errors import UsageError
from harness.files.parquet_file import require_parquet
from harness.files.whole_file import output_file, text_output_file
from harness.formats.run_tables import TableName, to_parquet, to_text
from harness.formats.trace_events import NOTES_OPS, NOTES_RUN, began_of, op_events, run_events, write_trace
from harness.runs.run_store import Run, load_run

_EPILOG = """\b
Examples:
  harness export runs/2026-08-01 --table trials --format csv > trials.csv
  harness export runs/monday runs/tuesday --table ops --format parquet -o ops.parquet
  harness export runs/monday --format trace -o monday.json
  harness export runs/monday --table ops --where delegate=xnnpack,threads=4 --format trace -o inference.json
  harness export runs/monday --table ops --format model-explorer -o overlays/
  harness export runs/monday --format junit -o junit.xml

An unknown value is empty in CSV and null in JSON and Parquet. In CSV, a text that a spreadsheet would take for a
formula gets an apostrophe in front; JSON and Parquet hold all text exactly. Parquet needs
`pip install 'litert-device-harness[parquet]'`.

Open a trace in ui.perfetto.dev or chrome://tracing. It shows the trials of a run, or with --table ops one inference
of each profiled cell. Open overlays in Google's Model Explorer (`Add per-node data`): per-op times, one file for each
profiled cell.
"""


@click.command("export", epilog=_EPILOG)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option("--table", type=click.Choice(["trials", "ops"]), help="What one row is.  [default: trials]")
@click.option("--where", default="", metavar="KEY=VALUE,...", help="Export only these cells.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["csv", "json", "parquet", "trace", "model-explorer", "junit"]),
    default="csv",
    show_default=True,
    help="The format of the output.",
)
@click.option(
    "-o",
    "--output",
    type=OutputFile(),
    help="The file to write instead of standard output. For model-explorer: a folder, or a .json file for one cell.",
)
def export(runs: tuple[Path, ...], table: str | None, where: str, file_format: str, output: Path | None) -> None:
    """Export trials or ops as a table, a trace or overlays."""
    target = None if output is None or str(output) == "-" else output
    if file_format == "parquet" and target is None:
        raise UsageError(
            "Parquet is a binary format and is not written to a terminal or pipe", remedy="name a file: -o FILE"
        )
    if file_format == "model-explorer" and table == "trials":
        raise UsageError("model-explorer shows ops, not trials", remedy="--table ops")
    if file_format == "junit" and (len(runs) > 1 or table or where.strip()):
        raise UsageError(
            "junit tells of one run as a whole, cell by cell", remedy="leave out --table and --where, and name one RUN"
        )
    if file_format == "parquet":
        require_parquet()
    name = cast(TableName, table or "trials")
    loaded = [load_run(path) for path in runs]
    chosen = [_chosen(run, where) for run in loaded]
    kept = [_with_cells(run, cells) if where.strip() else run for run, cells in zip(loaded, chosen, strict=True)]
    # Both load the statistics, for which tables need not wait.
    if file_format == "model-explorer":
        from harness.cli.export_overlays import write_overlays
        from harness.formats.model_explorer import overlays

        found = [
            one
            for run, cells in zip(loaded, chosen, strict=True)
            for one in overlays(cells, group_by_cell(run.results))
        ]
        write_overlays(found, target)
    elif file_format == "junit":
        from harness.cli.conclusion import junit_text

        [run] = loaded
        with _text(target) as stream:
            stream.write(junit_text(run))
    elif file_format == "trace":
        with _text(target) as stream:
            _write_trace(kept, chosen, name, stream)
    elif file_format == "parquet":
        with output_file(cast(Path, target)) as binary:
            to_parquet(kept, name, binary)
    else:
        with _text(target) as stream:
            to_text(kept, name, file_format, stream)


def _chosen(run: Run, where: str) -> list[CellResults]:
    selection = Selection(text=str(run.path), where=parse_where(where) if where.strip() else {})
    return select(group_by_cell(run.results), selection)


def _with_cells(run: Run, cells: Sequence[CellResults]) -> Run:
    kept = {id(result) for cell in cells for result in cell.results}
    return replace(run, results=tuple(result for result in run.results if id(result) in kept))


def _write_trace(runs: Sequence[Run], cells: Sequence[Sequence[CellResults]], table: TableName, out: IO[str]) -> None:
    if table == "trials":
        write_trace(run_events(runs), out, notes=NOTES_RUN, began=began_of(runs))
        return
    events = op_events(list(zip(runs, cells, strict=True)))
    first = next(events, None)
    if first is None:
        raise UsageError("nothing here has a profile", remedy="measure with `purposes: [latency, profile]`")
    write_trace(chain([first], events), out, notes=NOTES_OPS)


@contextlib.contextmanager
def _text(target: Path | None) -> Iterator[IO[str]]:
    if target is None:
        with reader_may_leave():
            yield sys.stdout
        return
    with text_output_file(target) as stream:
        yield stream
