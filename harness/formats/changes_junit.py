"""Writes the outcome of a check as JUnit XML: a suite per device, a case per series.

`failure`: the series has a change that fails the check. `skipped`: it has too few nights to show one. File and exit code agree
on whether a job fails.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from harness.analysis.checked_history import LEAST_NIGHTS, CheckedHistory
from harness.formats import change_words as words
from harness.formats.junit_xml import Case, Outcome, junit_document
from harness.records.history import Change, Series, SeriesKey


def check_junit(checked: CheckedHistory) -> str:
    """Return the document with its XML declaration."""
    found: dict[SeriesKey, list[Change]] = {}
    for one in checked.changes:
        found.setdefault(one.series, []).append(one)
    suites: dict[str, list[Case]] = {}
    short = {one.key for one in checked.too_short}
    for series in checked.series:
        mine = found.get(series.key, [])
        case = Case(
            name=series.key.words,
            classname=series.key.model,
            outcome=_outcome(series, mine, checked, short),
            out="\n".join(line for one in mine for line in _lines(one, checked)),
        )
        suites.setdefault(series.key.device, []).append(case)
    return junit_document("harness history check", suites, suite_out=words.looked_at(checked))


def _outcome(
    series: Series, mine: Sequence[Change], checked: CheckedHistory, short: Collection[SeriesKey]
) -> Outcome | None:
    failing = [one for one in mine if checked.fails(one)]
    if failing:
        kind = str(min(one.verdict for one in failing))
        return Outcome(kind="failure", type=kind, message="; ".join(map(words.failure, failing)))
    if series.key in short:
        nights = len(series.estimates)
        message = f"{nights} night{'s' * (nights != 1)}: fewer than {LEAST_NIGHTS} show no change"
        return Outcome(kind="skipped", type="too_few_nights", message=message)
    return None


def _lines(one: Change, checked: CheckedHistory) -> list[str]:
    return [
        f"{words.failure(one)}: {words.levels(one)}",
        *words.ops([one], checked),
        *words.facts(one),
    ]
