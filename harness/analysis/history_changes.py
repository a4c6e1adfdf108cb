"""Finds the changes in the history of many series. Pure: series in, changes out.

docs/statistics.md, *History*, says how changes are found, and how often that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from harness.analysis.change_groups import Placed, change_id, grouped
from harness.analysis.ground_changes import (
    binary_changes,
    explanations,
    notes_on_labels,
    notes_on_outputs,
    notes_on_tested,
)
from harness.analysis.level_changes import LevelChange, level_changes
from harness.analysis.night_values import Nights, nights_of
from harness.records.history import Change, ChangeVerdict, Series

MIN_EFFECT = 0.005
"""Smallest change that is reported, as a fraction: nobody would act on a smaller one."""


def changes_in(series: Sequence[Series], *, now: datetime, min_effect: float = MIN_EFFECT) -> tuple[Change, ...]:
    """Find all changes, old and new, in some series, the most important first; changes of one group stand together.

    A change is `suspected` if the metric grew, `improved` if it fell, and `explained` if the ground changed on one of its possible nights.
    Only an experiment says more. A change keeps its id when later nights are added, unless they date it otherwise by a few nights.

    Synthetic nights are never compared with measured ones; each kind is looked at by itself.

    Args:
        series: all series that are looked at together; the more there are, the surer a change must be.
        now: the time noted in every change as the one when it was found.
        min_effect: smallest change that is reported: 0.005 is 0.5 %.
    """
    found: list[Placed] = []
    for one in series:
        for synthetic in (False, True):
            sort = [night for night in one.estimates if night.synthetic is synthetic]
            nights = nights_of(one, sort, min_effect=min_effect)
            left_out = len(one.estimates) - len(sort)
            for change in level_changes(nights, series=len(series)):
                found.append(_placed(one, nights, change, now, synthetic=synthetic, left_out=left_out))
    return grouped(found)


def _placed(
    series: Series, nights: Nights, change: LevelChange, now: datetime, *, synthetic: bool, left_out: int
) -> Placed:
    estimates, place = nights.estimates, change.first_bad
    last_good, first_bad = estimates[place - 1], estimates[place]
    explained_by = explanations(estimates, *change.possible)
    ratio = nights.ratio(change.before, change.difference)
    verdict = ChangeVerdict.SUSPECTED if ratio > 1 else ChangeVerdict.IMPROVED
    name = change_id(series.key, first_bad.run_id)
    return Placed(
        change=Change(
            id=name,
            group=name,
            series=series.key,
            unit=series.unit,
            first_bad=first_bad.run_id,
            first_bad_at=first_bad.at,
            last_good=last_good.run_id,
            last_good_at=last_good.at,
            before=nights.shown(change.before),
            after=nights.shown(change.before + change.difference),
            ratio=ratio,
            ci_low=nights.ratio(change.before, change.low),
            ci_high=nights.ratio(change.before, change.high),
            verdict=ChangeVerdict.EXPLAINED if explained_by else verdict,
            kind=change.kind,
            found_at=now,
            explained_by=explained_by,
            notes=tuple(_notes(nights, change, synthetic=synthetic, left_out=left_out)),
        ),
        night_before=last_good.at,
        night_after=estimates[min(place + 1, len(estimates) - 1)].at,
        binaries=binary_changes(estimates, *change.possible),
    )


def _notes(nights: Nights, change: LevelChange, *, synthetic: bool, left_out: int) -> Iterator[str]:
    estimates, place = nights.estimates, change.first_bad
    if synthetic:
        yield "synthetic"
    yield from notes_on_tested(estimates, place, *change.possible)
    yield from notes_on_labels(estimates[place - 1], estimates[place])
    yield from notes_on_outputs(
        estimates[place - change.nights_before : place], estimates[place : place + change.nights_after]
    )
    if change.earliest < place or change.latest > place:
        first, last = estimates[change.earliest], estimates[min(change.latest, len(estimates) - 1)]
        days = [f"{one.at:%Y-%m-%d}" for one in (first, last)]
        # If both runs are of one day, the day does not tell them apart.
        names = days if days[0] != days[1] else [f"run {first.run_id}", f"run {last.run_id}"]
        yield f"the first night after it lies between {names[0]} and {names[1]}"
    if not nights.logs and nights.shown(change.before) <= nights.least_effect:
        yield "a level is zero, less, or hardly more: the ratio compares the difference with the larger of both levels"
    if left_out:
        other = "measured" if synthetic else "synthetic"
        yield f"{left_out} {other} {'night' if left_out == 1 else 'nights'} of the series not compared with these"
    if nights.left_out:
        yield f"{nights.left_out} {'night' if nights.left_out == 1 else 'nights'} left out: no such value can be"
