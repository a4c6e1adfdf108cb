"""The HTML report of a run: one file, no network, the same bytes each time it is made from the same run.

`reports/` holds the template, the style sheet and the scripts; this package prepares what they show. The page's own policy
(Content-Security-Policy) lets nothing run but exactly the scripts it was made with, and nothing load from anywhere.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jinja2

from harness.export import iso_utc
from harness.output_file import output_file
from harness.report.cells import Cell, baseline_of, cells_of
from harness.report.charts import chart_specs, vega_script
from harness.report.data import op_data, report_data
from harness.report.embed import data_block, own_code, script_hashes
from harness.report.matrix import matrix_of
from harness.report.summary import number_of, summarise
from harness.resources import data_dir
from harness.store import Run, load_run

REPORT = "report.html"
_SCRIPTS = (
    "model.js",
    "format.js",
    "table.js",
    "matrix.js",
    "cells.js",
    "charts.js",
    "ops.js",
    "processes.js",
    "page.js",
)


def render_report(run: Run, *, log_prefix: str = "") -> str:
    """Make the report of a run.

    Args:
        run: the run.
        log_prefix: what to put before the paths of raw logs, which are relative to the run's folder; ends with a slash unless empty.

    Returns:
        A complete HTML document.
    """
    cells = cells_of(run)
    baseline = baseline_of(run.manifest.baseline, cells)
    folder = data_dir("reports")
    scripts = {"vega": vega_script(), "page": _page_script(folder / "js")}
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
    template = environment.get_template("report.html.j2")
    return template.render(
        run=run,
        manifest=run.manifest,
        summary=summarise(run, cells, baseline),
        matrix=matrix_of(cells, run.manifest.devices),
        cells=cells,
        number_of=number_of,
        finished_at=_finished_at(run),
        style=own_code((folder / "report.css").read_text(encoding="utf-8")),
        scripts={name: own_code(text) for name, text in scripts.items()},
        script_hashes=script_hashes(scripts.values()),
        data=data_block("data", report_data(run, cells, baseline=baseline, log_prefix=log_prefix)),
        ops=data_block("ops-data", op_data(cells)),
        charts=data_block("chart-specs", chart_specs()),
    )


def write_report(run_dir: Path, output: Path | None = None) -> Path:
    """Make a run's report and write it, by default as `report.html` in the run's folder.

    Returns:
        Where it was written.

    Raises:
        UsageError: there is no run in `run_dir`, it is damaged, or `output` is not a place to write to.
        SetupError: the disk is full, or writing failed otherwise.
    """
    run = load_run(run_dir)
    target = output or run_dir / REPORT
    # Surrogates (undecodable bytes of a file name) have no UTF-8: they are shown as escapes.
    page = render_report(run, log_prefix=_log_prefix(run_dir, target)).encode("utf-8", "backslashreplace")
    with output_file(target) as stream:
        stream.write(page)
    return target


def milliseconds(us: float) -> str:
    """Microseconds as milliseconds with at least three significant digits, as the page's scripts write them."""
    ms = us / 1000
    if ms >= 100:
        return f"{ms:.1f}"
    if ms >= 10:
        return f"{ms:.2f}"
    return f"{ms:.3f}" if ms >= 0.1 or ms == 0 else f"{ms:.3g}"


def _page_script(folder: Path) -> str:
    parts = [(folder / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    return "(async () => {\n'use strict';\n" + "\n".join(parts) + "\n})();\n"


def _log_prefix(run_dir: Path, target: Path) -> str:
    relative = os.path.relpath(run_dir.resolve(), target.resolve().parent)
    return "" if relative == "." else Path(relative).as_posix() + "/"


def _finished_at(run: Run) -> Any:
    return max((result.started_at for result in run.results), default=None)


__all__ = ["REPORT", "Cell", "milliseconds", "render_report", "write_report"]
