"""Fills the templates in `reports/`: a page is one file that holds its own style sheet and script, and loads nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from harness.files.shipped_data import data_dir
from harness.files.whole_file import output_file
from harness.formats.run_tables import iso_utc
from harness.report.embed import content_hash, own_code
from harness.report.wording import number_of, thread_words

RUN_SCRIPTS = (
    "address.js",
    "model.js",
    "format.js",
    "plot.js",
    "verdicts.js",
    "table.js",
    "matrix.js",
    "forest.js",
    "cells.js",
    "charts.js",
    "ops.js",
    "pair.js",
    "ribbon.js",
    "processes.js",
    "cell.js",
    "toolbar.js",
    "page.js",
)
"""Of the report of a run and of the page of two sides."""


def fill(
    template: str, *, scripts: Sequence[str] = RUN_SCRIPTS, styles: Sequence[str] = ("report.css",), **values: Any
) -> str:
    """Return a complete HTML document.

    Args:
        template: a file in `reports/`.
        scripts: files in `reports/js/`, in the order in which they are joined.
        styles: files in `reports/`, likewise.
        values: the values to show. Text is escaped; `Markup` is not.
    """
    folder = data_dir("reports")
    style = "\n".join((folder / name).read_text(encoding="utf-8") for name in styles)
    script = _page_script(folder / "js", scripts)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["utc"] = lambda moment: iso_utc(moment.replace(microsecond=0))
    environment.filters["ms"] = milliseconds
    environment.filters["megabytes"] = lambda size: f"{size / 1e6:.3g}"
    document = environment.get_template(template).render(
        number_of=number_of,
        thread_words=thread_words,
        style=own_code(style),
        style_hash=content_hash(style),
        script=own_code(script),
        script_hash=content_hash(script),
        **values,
    )
    # HTML has no NUL, not even escaped; in embedded data it is an escape already.
    return document.replace("\0", "\ufffd")


def milliseconds(us: float) -> str:
    """Write microseconds as milliseconds with at least three significant digits, as the page's scripts do."""
    ms = us / 1000
    if ms >= 100:
        return f"{ms:.1f}"
    if ms >= 10:
        return f"{ms:.2f}"
    return f"{ms:.3f}" if ms >= 0.1 or ms == 0 else f"{ms:.3g}"


def _page_script(folder: Path, scripts: Sequence[str]) -> str:
    parts = [(folder / name).read_text(encoding="utf-8") for name in scripts]
    return "(async () => {\n'use strict';\n" + "\n".join(parts) + "\n})();\n"


def write_page(output: Path, document: str) -> None:
    """Write a page.

    Raises:
        UsageError: you cannot write to `output`.
        SetupError: the disk is full, or writing failed otherwise.
    """
    with output_file(output) as stream:
        # Surrogates (undecodable bytes of a file name) have no UTF-8, so they become escapes.
        stream.write(document.encode("utf-8", "backslashreplace"))
