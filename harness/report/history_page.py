"""Makes the page of the history: an overview of all series, what changed in words, and every night of each series on demand.

One file that loads nothing, as the report of a run (`harness.report`): the same policy, escaping and colours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from markupsafe import Markup

from harness.analysis.checked_history import OpShift
from harness.records.history import Change, Series
from harness.report.embed import data_block
from harness.report.history_data import history_data
from harness.report.history_nights import nights_data
from harness.report.history_rows import Rank, SeriesRow, groups_of, rows_of
from harness.report.history_sentences import change_states, day, key_parts, lead, signed_percent, words_of
from harness.report.page_template import fill, milliseconds, write_page
from harness.runs.run_folder import refuse_own_file

SCRIPTS = (
    "address.js",
    "format.js",
    "plot.js",
    "table.js",
    "history_model.js",
    "history_words.js",
    "history_overview.js",
    "history_chart.js",
    "history_series.js",
    "toolbar.js",
    "history_page.js",
)
_MOST_REGRESSIONS = 10
"""Number of groups of regressions shown at first; the others, and changes that are no regressions, unfold."""
_MOST_OTHERS = 3
"""Number of other groups shown at first, if there are no regressions."""
_MOST_STATIC_ROWS = 500
"""Rows of the table for readers without JavaScript."""


@dataclass(frozen=True, slots=True)
class _StaticRow:
    """A row of the table in the file, for readers without JavaScript."""

    name: Markup
    nights: int
    last: str
    on: str
    states: tuple[str, ...]
    change: str
    synthetic: bool
    differs: bool


def render_history(
    series: Sequence[Series],
    changes: Sequence[Change],
    *,
    title: str,
    now: datetime,
    ops: Mapping[str, Sequence[OpShift]] | None = None,
    folder: Path | None = None,
) -> str:
    """Return the history as a complete HTML document.

    Args:
        series: the series to show, each with its nights, oldest first.
        changes: what is known of their changes. Those of other series are named without a link.
        title: the page's name, such as that of the lab or the database.
        now: the moment of the report. Dates of its year have no year.
        ops: the ops that moved most, by the change's id.
        folder: the folder that the page will be in, for its links to the runs' reports; by default the working folder.
    """
    place = folder or Path.cwd()
    rows = rows_of(series, changes)
    by_key = {row.series.key: row for row in rows}
    groups = groups_of(changes)
    words = [words_of(group, by_key, now, ops) for group in groups]
    regressions = [one for one in words if one.rank <= Rank.SUSPECTED]
    others = [one for one in words if Rank.SUSPECTED < one.rank < Rank.REST]
    shown = regressions[:_MOST_REGRESSIONS] or others[:_MOST_OTHERS]
    nights = [night for one in series for night in one.estimates]
    synthetic = sum(night.synthetic for night in nights)
    ordered = [row.series for row in rows]
    return fill(
        "history.html.j2",
        scripts=SCRIPTS,
        styles=("report.css", "history.css"),
        title=title,
        now=now,
        lead=lead(series, groups, now),
        groups=shown,
        more_regressions=[one for one in regressions if one not in shown],
        more_others=[one for one in others if one not in shown],
        closed_groups=[one for one in words if one.rank >= Rank.REST],
        rows=[_static_row(row, now) for row in rows[:_MOST_STATIC_ROWS]],
        left_out=max(0, len(rows) - _MOST_STATIC_ROWS),
        estimates=len(nights),
        synthetic=f"{synthetic:,}".replace(",", "\u202f") if synthetic else "",
        series_count=len(rows),
        data=data_block("data", history_data(rows, now=now, folder=place, ops=ops or {})),
        nights=data_block("nights-data", nights_data(ordered, place)),
    )


def write_history_report(
    series: Sequence[Series],
    changes: Sequence[Change],
    output: Path,
    *,
    title: str,
    now: datetime,
    ops: Mapping[str, Sequence[OpShift]] | None = None,
) -> Path:
    """Write the page of a history, and return its path. See `render_history`.

    Raises:
        UsageError: `output` is part of a run, or you cannot write to it.
        SetupError: the disk is full, or writing failed otherwise.
    """
    refuse_own_file(output)
    write_page(output, render_history(series, changes, title=title, now=now, ops=ops, folder=output.resolve().parent))
    return output


def _static_row(row: SeriesRow, now: datetime) -> _StaticRow:
    last, chief = row.last, row.chief
    return _StaticRow(
        name=Markup(" \u00b7 ").join(key_parts(row.series.key)),
        nights=len(row.series.estimates),
        last="" if last is None else _value(last.value, row.series.unit),
        on="" if last is None else day(last.at, now),
        states=tuple(change_states(chief)) if chief else (),
        change=f"{signed_percent(chief.ratio)} since {day(chief.first_bad_at, now)}" if chief else "",
        synthetic=any(night.synthetic for night in row.series.estimates),
        differs=bool(last and last.output_differs),
    )


def _value(value: float, unit: str) -> str:
    return f"{value:.1f} MB" if unit == "mb" else f"{milliseconds(value)} ms"
