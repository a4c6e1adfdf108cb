"""Matches the changes that a check finds with the known ones. Pure.

A change found again may get a date a few nights off, since later nights date it more exactly.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from harness.analysis.latest_nights import SETTLED
from harness.records.history import Change, Series, SeriesKey

NEAR_NIGHTS = 3
"""Two changes of one series and direction are the same if they began at most this many nights apart, or `SETTLED` nights while the detector
may still move the date of the known one."""

_NIGHT = timedelta(days=1)
_ID_LENGTH = 8


@dataclass(frozen=True, slots=True)
class NightCounter:
    """The nights of a series, to count the nights between two changes. Without any, a day counts as a night."""

    run_ids: Mapping[str, int]
    times: Sequence[datetime]

    @staticmethod
    def of(series: Series) -> NightCounter:
        """Return the nights of a series."""
        return NightCounter(
            {one.run_id: place for place, one in enumerate(series.estimates)}, [one.at for one in series.estimates]
        )

    def apart(self, one: Change, other: Change) -> float:
        """Return how many nights lie between the beginnings of two changes."""
        if not self.times:
            return abs(one.first_bad_at - other.first_bad_at) / _NIGHT
        return abs(self._place(one) - self._place(other))

    def reach(self, known: Change) -> int:
        """Return by how many nights the beginning of a known change may move."""
        later = len(self.times) - bisect_right(self.times, known.found_at)
        return SETTLED if self.times and later <= SETTLED else NEAR_NIGHTS

    def _place(self, change: Change) -> int:
        known = self.run_ids.get(change.first_bad)
        return known if known is not None else bisect_left(self.times, change.first_bad_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The known and the new changes of a check."""

    again: tuple[tuple[Change, Change], ...]
    """Pairs of a known change and the same change as found now."""
    new: tuple[Change, ...]
    unseen: tuple[Change, ...]
    """Known changes that were not found now."""


def matched(known: Sequence[Change], found: Sequence[Change], nights: Mapping[SeriesKey, NightCounter]) -> Matched:
    """Match the found changes with the known ones: the nearest first, each once.

    Args:
        known: changes of the history.
        found: changes of this check.
        nights: the nights of each series, if they are known.
    """
    days = NightCounter({}, ())
    by_series: dict[tuple[SeriesKey, bool], list[int]] = {}
    for place, one in enumerate(known):
        by_series.setdefault((one.series, one.worse), []).append(place)
    near: list[tuple[float, bool, datetime, int, int]] = []
    for number, change in enumerate(found):
        for place in by_series.get((change.series, change.worse), ()):
            here = nights.get(change.series, days)
            apart = here.apart(known[place], change)
            if apart <= here.reach(known[place]):
                near.append((apart, known[place].evidence is None, known[place].found_at, place, number))
    of_known: dict[int, int] = {}
    taken: set[int] = set()
    for *_, place, number in sorted(near):
        if place not in of_known and number not in taken:
            of_known[place] = number
            taken.add(number)
    return Matched(
        again=tuple((known[place], found[number]) for place, number in sorted(of_known.items())),
        new=tuple(one for number, one in enumerate(found) if number not in taken),
        unseen=tuple(one for place, one in enumerate(known) if place not in of_known),
    )


def groups_kept(result: Matched) -> dict[str, str]:
    """Return the id under which each found group continues: the group of the change that is known for longest."""
    kept: dict[str, tuple[datetime, str]] = {}
    for known, found in result.again:
        mine = (known.found_at, known.group)
        kept[found.group] = min(kept.get(found.group, mine), mine)
    return {found: group for found, (_, group) in kept.items()}


def free_id(wanted: str, taken: Iterable[str]) -> str:
    """Return the wanted id, or another one if a change whose date moved has it already."""
    used, made, number = set(taken), wanted, 1
    while made in used:
        number += 1
        made = sha256(f"{wanted} {number}".encode()).hexdigest()[:_ID_LENGTH]
    return made


def mended_at(change: Change, others: Iterable[Change]) -> datetime | None:
    """Return when a later change of the series brought the level before a regression back; None if none did.

    A change seen on the latest nights only is too uncertain: a regression that counts must not stop counting by chance.
    """
    if not change.worse or min(change.before, change.after) <= 0:
        return None
    back = [
        one.first_bad_at
        for one in others
        if one.series == change.series
        and not one.worse
        and one.kind != "tonight"
        and one.first_bad_at > change.first_bad_at
        and 0 < one.after < math.sqrt(change.before * change.after)
    ]
    return min(back, default=None)
