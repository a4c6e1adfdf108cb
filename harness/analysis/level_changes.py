"""All changes of level in the nights of a series, with their sizes. Pure.

Two detectors share one budget of false alarms. `latest_nights` finds a change within a few nights and, once it has settled, never moves it.
`change_points` looks at the whole series: it says how clear a change is, and finds what no night showed at the time. Each change is then
checked against the nights at both its sides: one that later nights speak against is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from harness.analysis.change_points import ALERT_PENALTY, HINT_PENALTY, LEAST_NIGHTS, change_points
from harness.analysis.latest_nights import SETTLED, RecentChange, threshold, told_changes
from harness.analysis.night_values import Nights
from harness.analysis.stable_level import WINDOW, Levels, NightSpread, level_of, variance_of_mean

TELLING_P = 6e-4
"""The part of the budget that `latest_nights` may use, by night and series."""
WHOLE_P = 2e-6
"""P-value that a change needs which only the whole series shows."""
BUDGETED_SERIES = 1000
"""With more series than this, both p-values shrink, so that false alarms of all series together grow no further."""
_STAYS = 2.5
"""Deviations that a change must keep to stay once it was found."""
_STAYING_EFFECT = 0.5
"""Share of the smallest effect that it must keep."""
_NEAR = 3
"""Nights by which the detectors may differ and mean the same change."""
_BESIDE, _BESIDE_EARLY = 1, 2
"""Nights at each side of a change that are possible ones in any case; the latter until its night is settled."""
_MOST_FREEDOM = 60.0

Kind = Literal["hint", "alert", "tonight"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelChange:
    """A change of level. Numbers of nights are places in the series, from 0."""

    first_bad: int
    earliest: int
    """First possible night after the change, by the values; at least 1."""
    latest: int
    """Last possible one."""
    kind: Kind
    before: float
    """Level on the scale of the nights."""
    difference: float
    low: float
    """Ends of the 95 % interval of the difference, with the spread between nights in it."""
    high: float
    nights_before: int
    nights_after: int
    """Nights that the levels come from."""

    @property
    def possible(self) -> tuple[int, int]:
        """First and last night on which the cause of the change may lie.

        The nights beside `first_bad` are always among them; two at each side while few nights have passed.
        """
        beside = _BESIDE_EARLY if self.nights_after <= SETTLED else _BESIDE
        return max(1, min(self.earliest, self.first_bad - beside)), max(self.latest, self.first_bad + beside)


def level_changes(nights: Nights, *, series: int) -> tuple[LevelChange, ...]:
    """Return the changes of a series, oldest first.

    Args:
        nights: its nights.
        series: number of series that are looked at together.
    """
    if len(nights) < 2 * LEAST_NIGHTS:
        return ()
    part = min(1.0, BUDGETED_SERIES / max(1, series))
    effects = np.array([nights.effect_at(value) for value in nights.values])
    told = told_changes(
        nights.values, nights.errors, least_spread=nights.least_spread, least_effects=effects, p=TELLING_P * part
    )
    told = [one for one in told if one.withdrawn is None]
    hints = change_points(nights.values, nights.errors, HINT_PENALTY)
    alerts = change_points(nights.values, nights.errors, ALERT_PENALTY) if hints else []
    return _held(nights, _with_overlooked(nights, told, hints, WHOLE_P * part), hints, alerts)


def _with_overlooked(
    nights: Nights, told: Sequence[RecentChange], hints: Sequence[int], p: float
) -> list[RecentChange]:
    """Add the change points that no night showed at the time, the clearest first, if the nights beside them bear them out."""
    found = list(told)
    for place in sorted(hints):
        if any(abs(one.first_bad - place) <= SETTLED for one in found):
            continue
        start, end = _segment([one.first_bad for one in found], place, len(nights))
        sides = _sides(nights, start, place, end, None)
        if abs(sides.difference) < nights.effect_at(sides.level):
            continue
        if abs(sides.score) >= float(threshold(p, np.array(sides.freedom))):
            low, high = max(start + 1, place - 2), min(end - 1, place + 2)
            found.append(RecentChange(place, low, high, len(nights) - 1, sides.difference > 0))
    return sorted(found, key=lambda one: one.first_bad)


def _held(
    nights: Nights, found: Sequence[RecentChange], hints: Sequence[int], alerts: Sequence[int]
) -> tuple[LevelChange, ...]:
    """Check each change against the nights at its sides. Drop the weakest that they speak against, then check the rest again."""
    kept = list(found)
    while True:
        sides = _all_sides(nights, kept)
        weak = [
            (abs(side.score), place)
            for place, (one, side) in enumerate(zip(kept, sides, strict=True))
            if (side.difference > 0) != one.up
            or abs(side.score) < _STAYS * _wider(side.freedom)
            or abs(side.difference) < _STAYING_EFFECT * nights.effect_at(side.level)
        ]
        if not weak:
            break
        del kept[min(weak)[1]]
    return tuple(
        LevelChange(
            first_bad=one.first_bad,
            earliest=max(1, one.earliest),
            latest=one.latest,
            kind=_kind(one.first_bad, hints, alerts),
            before=side.level,
            difference=side.difference,
            low=side.difference - side.reach,
            high=side.difference + side.reach,
            nights_before=side.nights_before,
            nights_after=side.nights_after,
        )
        for one, side in zip(kept, sides, strict=True)
    )


def _kind(place: int, hints: Sequence[int], alerts: Sequence[int]) -> Kind:
    if any(abs(place - other) <= _NEAR for other in alerts):
        return "alert"
    return "hint" if any(abs(place - other) <= _NEAR for other in hints) else "tonight"


@dataclass(frozen=True, slots=True)
class _Sides:
    """The levels at both sides of a change."""

    level: float
    difference: float
    error: float
    freedom: float
    nights_before: int
    nights_after: int
    spread: NightSpread

    @property
    def score(self) -> float:
        return self.difference / self.error

    @property
    def reach(self) -> float:
        return self.error * float(threshold(0.05, np.array(self.freedom)))


def _all_sides(nights: Nights, changes: Sequence[RecentChange]) -> list[_Sides]:
    bounds = [0, *(one.first_bad for one in changes), len(nights)]
    found: list[_Sides] = []
    for start, (place, end) in zip(bounds, pairwise(bounds[1:]), strict=False):
        found.append(_sides(nights, start, place, end, found[-1].spread if found else None))
    return found


def _sides(nights: Nights, start: int, place: int, end: int, known: NightSpread | None) -> _Sides:
    before, after = slice(max(start, place - WINDOW), place), slice(place, min(end, place + WINDOW))
    least = nights.least_spread
    old = level_of(nights.values[before], nights.errors[before], least=least, before=known)
    spread = _spread(old)
    new = level_of(nights.values[after], nights.errors[after], least=least, before=spread)
    memory = float(np.average([old.memory[0], new.memory[0]], weights=[old.nights[0], new.nights[0]]))
    error = math.sqrt(_variance(old, memory) + _variance(new, memory))
    return _Sides(
        level=float(old.level[0]),
        difference=float(new.level[0] - old.level[0]),
        error=error,
        freedom=float(new.freedom[0]),
        nights_before=int(old.nights[0]),
        nights_after=int(new.nights[0]),
        spread=_spread(new),
    )


def _spread(levels: Levels) -> NightSpread:
    return NightSpread(float(levels.between[0]), min(_MOST_FREEDOM, float(levels.freedom[0])))


def _variance(levels: Levels, memory: float) -> float:
    single = float(levels.between[0]) + float(levels.error[0]) ** 2
    return single * float(variance_of_mean(levels.nights[0], memory))


def _segment(changes: Sequence[int], place: int, end: int) -> tuple[int, int]:
    return max((one for one in changes if one < place), default=0), min(
        (one for one in changes if one > place), default=end
    )


def _wider(freedom: float) -> float:
    """How much wider Student's t is than the normal distribution, at 95 %."""
    return float(threshold(0.05, np.array(freedom))) / 1.96
