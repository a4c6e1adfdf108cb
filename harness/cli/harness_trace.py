"""`--trace FILE`: what the harness itself did while a command ran, for Perfetto."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from harness.cli.output_option import require_place
from harness.errors import HarnessError
from harness.files.whole_file import text_output_file
from harness.records.spans import SpanLog, recording


@contextmanager
def traced(path: Path, *, coming: Path | None = None) -> Iterator[None]:
    """Record the harness's spans in the `with` block and write them, also where the block fails.

    Args:
        path: the file.
        coming: a run's folder that will exist by then.

    Raises:
        UsageError: you cannot write there.
        SetupError: the disk is full.
    """
    require_place(path, coming=coming)
    with recording() as log:
        try:
            yield
        except click.exceptions.Exit:  # how a command ends with its exit code
            _write(log, path)
            raise
        except BaseException:
            # The command's own error says more than a trace that finds no folder.
            with suppress(HarnessError):
                _write(log, path)
            raise
    _write(log, path)


def _write(log: SpanLog, path: Path) -> None:
    from harness.formats.span_slices import NOTES, span_events
    from harness.formats.trace_events import write_trace

    with text_output_file(path) as stream:
        write_trace(span_events(log), stream, notes=NOTES, began=log.began)
