"""Lists of what the history holds, for a terminal and as JSON: series with their latest estimate, changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console

from harness.formats import change_words as words
from harness.formats.changes_json import moment, series_document
from harness.formats.comparison_words import value
from harness.formats.narrow_table import PrintedColumn, plain_words, print_table, say
from harness.records.history import Change, Series


def print_series(many: Sequence[Series], console: Console) -> None:
    """Print a line for each series: its latest estimate with its interval, how many nights it has, since when."""
    if not many:
        say(console, "no series")
        return
    last = [one.estimates[-1] for one in many]
    print_table(
        console,
        [
            PrintedColumn("series", [plain_words(words.cell(one.key)) for one in many]),
            PrintedColumn("metric", [plain_words(words.metric_words(one.key)) for one in many]),
            PrintedColumn(
                "latest", [value(night.value, one.unit) for night, one in zip(last, many, strict=True)], right=True
            ),
            PrintedColumn(
                "95 % interval",
                [
                    ""
                    if night.ci_low is None or night.ci_high is None
                    else f"{value(night.ci_low, one.unit)} to {value(night.ci_high, one.unit)}"
                    for night, one in zip(last, many, strict=True)
                ],
                drop=2,
            ),
            PrintedColumn("on", [f"{night.at:%Y-%m-%d %H:%M}" for night in last], drop=1),
            PrintedColumn("nights", [str(len(one.estimates)) for one in many], right=True, drop=3),
            PrintedColumn("", ["synthetic" if night.synthetic else "" for night in last]),
        ],
    )
    say(console, f"\n{len(many)} series; times are UTC")


def print_changes(many: Sequence[Change], console: Console, *, older: int = 0, since: datetime | None = None) -> None:
    """Print a line for each change.

    Args:
        many: the changes.
        console: where to.
        older: number of further known changes, which began before `since`.
        since: the first day asked for; None for all.
    """
    if not many and older and since is not None:
        say(
            console,
            f"no change began on {since:%Y-%m-%d} or later; {older} older {'one is' if older == 1 else 'ones are'} known",
        )
        return
    if not many:
        say(console, "no change is known: harness history check looks for changes")
        return
    print_table(
        console,
        [
            PrintedColumn("id", [plain_words(one.id) for one in many]),
            PrintedColumn("since", [f"{one.first_bad_at:%Y-%m-%d}" for one in many]),
            PrintedColumn("series", [plain_words(words.cell(one.series)) for one in many]),
            PrintedColumn("metric", [plain_words(words.metric_words(one.series)) for one in many]),
            PrintedColumn("change", [words.change(one) for one in many]),
            PrintedColumn("verdict", [words.verdict(one) for one in many]),
            PrintedColumn("group", [plain_words(one.group) for one in many], drop=1),
        ],
    )
    say(console, "\n+ is worse; intervals: 95 %; since: first night after the change, UTC")


def listed_series(one: Series) -> dict[str, Any]:
    """Return a series with its latest estimate for JSON."""
    last = one.estimates[-1]
    return {
        "series": series_document(one.key),
        "unit": one.unit,
        "nights": len(one.estimates),
        "first_at": moment(one.estimates[0].at),
        "last": {
            "run_id": last.run_id,
            "at": moment(last.at),
            "value": last.value,
            "ci_low": last.ci_low,
            "ci_high": last.ci_high,
            "processes": last.processes,
            "model_sha256": last.model_sha256 or None,
            "binary_sha256": last.binary_sha256 or None,
            "synthetic": last.synthetic,
            "output_differs": last.output_differs,
        },
    }
