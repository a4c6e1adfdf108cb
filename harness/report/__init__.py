"""Makes the HTML report of a run: one file, no network, the same bytes for the same run.

`reports/` holds the template, the style sheet and the scripts; this package prepares their data. The page's Content-Security-Policy allows
only its own script and style sheet, and loads nothing from anywhere.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jinja2

from harness.files.shipped_data import data_dir
from harness.files.whole_file import output_file
from harness.formats.run_tables import iso_utc
from harness.report.answer import answer_of
from harness.report.cell_summaries import report_cells
from harness.report.embed import content_hash, data_block, own_code
from harness.report.matrix import matrix_of
from harness.report.op_tables import op_data
from harness.report.page_data import report_data, trial_data
from harness.report.run_words import summarise
from harness.report.verdicts import verdicts_of
from harness.report.wording import number_of, thread_words
from harness.runs import calibration_files
from harness.runs.run_folder import REPORT, refuse_own_file
from harness.runs.run_store import Run, collector_paused, load_run

_SCRIPTS = (
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
    "page.js",
)


def render_report(run: Run, *, log_prefix: str = "", calibrations: calibration_files.Known | None = None) -> str:
    """Return the report of a run as a complete HTML document.

    Args:
        run: the run.
        log_prefix: prefix for the paths of raw logs, which are relative to the run's folder; ends with a slash unless empty.
        calibrations: calibrations that `harness calibrate` left in the run.
    """
    cells = report_cells(run)
    verdicts = verdicts_of(run, cells, calibrations or {})
    folder = data_dir("reports")
    style = (folder / "report.css").read_text(encoding="utf-8")
    script = _page_script(folder / "js")
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
        answer=answer_of(verdicts, cells, run.manifest.devices, run.decisions),
        summary=summarise(run, cells),
        matrix=matrix_of(cells, run.manifest.devices),
        cells=cells,
        compared=bool(verdicts.tables),
        number_of=number_of,
        thread_words=thread_words,
        finished_at=_finished_at(run),
        style=own_code(style),
        style_hash=content_hash(style),
        script=own_code(script),
        script_hash=content_hash(script),
        data=data_block("data", report_data(run, cells, verdicts)),
        trials=data_block("trials-data", trial_data(run, cells, log_prefix=log_prefix)),
        ops=data_block("ops-data", op_data(cells, verdicts)),
    )


def write_report(run_dir: Path, output: Path | None = None) -> Path:
    """Write a run's report, by default as `report.html` in the run's folder, and return its path.

    Raises:
        UsageError: there is no run in `run_dir`, it is damaged, or you cannot write to `output`.
        SetupError: the disk is full, or writing failed otherwise.
    """
    target = output or run_dir / REPORT
    refuse_own_file(target, replaces_report=True)
    with collector_paused():
        run = load_run(run_dir)
        # Only the run's own calibrations, so that the page is the same on every machine.
        document = render_report(
            run, log_prefix=_log_prefix(run_dir, target), calibrations=calibration_files.of_run(run_dir)
        )
    with output_file(target) as stream:
        # Surrogates (undecodable bytes of a file name) have no UTF-8, so they become escapes.
        stream.write(document.encode("utf-8", "backslashreplace"))
    return target


def milliseconds(us: float) -> str:
    """Write microseconds as milliseconds with at least three significant digits, as the page's scripts do."""
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


__all__ = ["REPORT", "milliseconds", "render_report", "write_report"]
