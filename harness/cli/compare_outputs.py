"""Writes the outputs of `harness compare`: one to standard output or a file, and pages and documents beside it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import click

from harness.api.compare_runs import RunComparison
from harness.cli.console import open_console
from harness.cli.export_overlays import write_overlays
from harness.cli.output_option import require_own_places
from harness.cli.printing import reader_may_leave
from harness.errors import HarnessError, UsageError
from harness.files.flat_table import write_csv
from harness.files.indented_json import indented
from harness.files.parquet_file import write_parquet
from harness.files.whole_file import output_file, text_output_file
from harness.formats.comparison_junit import junit
from harness.formats.comparison_markdown import markdown
from harness.formats.comparison_table import COMPARISON_COLUMNS, ComparisonTableName, comparison_rows
from harness.formats.comparison_text import as_text, print_comparison
from harness.formats.comparison_words import gate_line
from harness.formats.model_explorer import change_overlays


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedOutputs:
    """The outputs of one call.

    Args:
        file_format: the format of the output itself.
        output: its file; None is standard output.
        table: what a row of CSV and Parquet is.
        ops: how many ops to list for a cell that differs.
        beside: further files by their format: `html`, `junit`, `markdown`.
    """

    file_format: str
    output: Path | None
    table: ComparisonTableName
    ops: int
    beside: Mapping[str, Path]

    def check(self) -> None:
        """Check that no two outputs are the same file.

        Raises:
            UsageError: two are, or one of the further files is `-`.
        """
        require_own_places(self.output, self.beside)


def write_outputs(found: RunComparison, wanted: WantedOutputs) -> None:
    """Write every output, also if one of them fails.

    Raises:
        UsageError: you cannot write to an output, or it would hold nothing.
        SetupError: an output could not be written.
    """
    trouble: HarnessError | None = None
    works: list[Callable[[], None]] = [partial(_write, found, wanted)]
    works += [
        partial(_write, found, replace(wanted, file_format=name, output=path, table="cells"))
        for name, path in wanted.beside.items()
    ]
    for work in works:
        try:
            work()
        except HarnessError as error:
            trouble = trouble or error
    if found.gate_broken and not (wanted.file_format == "text" and wanted.output is None):
        click.echo(gate_line(found.table), err=True)  # else the table says it
    if trouble is not None:
        raise trouble


def _write(found: RunComparison, wanted: WantedOutputs) -> None:
    output, file_format, table = wanted.output, wanted.file_format, wanted.table
    if file_format == "text" and output is None:
        with reader_may_leave():
            print_comparison(found.table, open_console(), ops=wanted.ops)
        return
    if file_format == "model-explorer":
        _require_comparable_ops(found)
        write_overlays(change_overlays(found.comparisons), output)
        return
    if file_format == "parquet":
        with output_file(cast(Path, output)) as binary:
            write_parquet(
                COMPARISON_COLUMNS[table], comparison_rows(found.table, found.base, found.head, table), binary
            )
        return
    if file_format == "html" and output is not None:
        found.write_html(output)
        return
    text = _as_text(found, file_format, ops=wanted.ops, table=table)
    if output is None:
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
        return indented(found.document()) + "\n"
    if file_format == "markdown":
        return markdown(found.table, found.base, found.head, ops=ops)
    if file_format == "junit":
        return junit(found.table, found.base, found.head)
    if file_format == "html":
        return found.html()
    if file_format == "csv":
        out = io.StringIO(newline="")
        write_csv(COMPARISON_COLUMNS[table], comparison_rows(found.table, found.base, found.head, table), out)
        return out.getvalue()
    return as_text(found.table, ops=ops)
