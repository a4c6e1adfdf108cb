"""`harness export`: a run's trials or ops as a flat table."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal, cast

import click

from harness.errors import UsageError
from harness.export import TEXT_WRITERS, TableName, to_parquet
from harness.output_file import output_file
from harness.store import load_run

_EPILOG = """\b
Examples:
  harness export runs/2026-08-01 --table trials --format csv > trials.csv
  harness export runs/monday runs/tuesday --table ops --format parquet -o ops.parquet

Null is an empty cell in CSV and null in JSON and Parquet. In CSV a text cell that a spreadsheet would take for a formula gets an
apostrophe in front; JSON and Parquet hold all text exactly.
"""


@click.command("export", epilog=_EPILOG)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option(
    "--table", type=click.Choice(["trials", "ops"]), default="trials", show_default=True, help="What a row is."
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["csv", "json", "parquet"]),
    default="csv",
    show_default=True,
    help="Format.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write instead of standard output.")
def export(runs: tuple[Path, ...], table: str, file_format: str, output: Path | None) -> None:
    """Write the trials or the ops of one or more runs as a table."""
    to_stdout = output is None or str(output) == "-"
    if file_format == "parquet" and to_stdout:
        raise UsageError(
            "Parquet is a binary format and is not written to a terminal or pipe", remedy="name a file: -o FILE"
        )
    name = cast(TableName, table)
    loaded = [load_run(path) for path in runs]
    if output is None or to_stdout:
        TEXT_WRITERS[file_format](loaded, name, sys.stdout)
        return
    with output_file(output) as binary:
        if file_format == "parquet":
            to_parquet(loaded, name, binary)
            return
        text = io.TextIOWrapper(binary, encoding="utf-8", errors="backslashreplace", newline="", write_through=True)
        try:
            TEXT_WRITERS[cast(Literal["csv", "json"], file_format)](loaded, name, text)
            text.flush()
        finally:
            with suppress(OSError):
                text.detach()  # else it would close the stream, and write once more into a full disk
