"""Makes the HTML report of a run: one file, no network, the same bytes for the same run.

`reports/` holds the template, the style sheet and the scripts; this package prepares their data. The page's Content-Security-Policy allows
only its own script and style sheet, and loads nothing from anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.report.answer import answer_of
from harness.report.cell_summaries import report_cells
from harness.report.embed import data_block, log_prefix
from harness.report.matrix import matrix_of
from harness.report.op_tables import op_data
from harness.report.page_data import report_data, trial_data
from harness.report.page_template import fill, write_page
from harness.report.run_words import summarise
from harness.report.sentences import noun
from harness.report.variant_section import overview_of, sections_of
from harness.report.verdicts import verdicts_of
from harness.runs import calibration_files
from harness.runs.run_folder import REPORT, refuse_own_file
from harness.runs.run_store import Run, collector_paused, load_run


def render_report(run: Run, *, logs_at: str = "", calibrations: calibration_files.Known | None = None) -> str:
    """Return the report of a run as a complete HTML document.

    Args:
        run: the run.
        logs_at: prefix for the paths of raw logs, which are relative to the run's folder; ends with a slash unless empty.
        calibrations: calibrations that `harness calibrate` left in the run.
    """
    cells = report_cells(run)
    verdicts = verdicts_of(run, cells, calibrations or {})
    variants = sections_of(run, cells, verdicts)
    return fill(
        "report.html.j2",
        run=run,
        manifest=run.manifest,
        answer=answer_of(verdicts, cells, run.manifest.devices, run.decisions),
        summary=summarise(run, cells),
        matrix=matrix_of(cells, run.manifest.devices),
        cells=cells,
        variants=variants,
        overview=overview_of(variants, run.manifest.devices),
        compared=bool(verdicts.tables),
        ratio_of=noun(verdicts.table) if verdicts.table else "latency",
        of_memory=verdicts.table is not None and verdicts.table.metric.unit == "mb",
        finished_at=_finished_at(run),
        data=data_block("data", report_data(run.manifest.devices, cells, verdicts)),
        trials=data_block("trials-data", trial_data(run, dict(enumerate(cells)), log_prefix=logs_at)),
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
            run, logs_at=log_prefix(run_dir, target.resolve().parent), calibrations=calibration_files.of_run(run_dir)
        )
    write_page(target, document)
    return target


def _finished_at(run: Run) -> Any:
    return max((result.started_at for result in run.results), default=None)


__all__ = ["REPORT", "render_report", "write_report"]
