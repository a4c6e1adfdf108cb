"""Finds a change in the latest nights by the level before them, as it would have been found on each night. Pure.

A detector of change points that looks at the whole series needs five nights and more after a change. This one looks at the last 2, 3, ...
nights against the nights before: their mean distance from the level, each night clipped, over what chance makes of it. Chance is the spread
between nights, with neighbours as alike as they are, the error of each night's own processes, and the error of the level. One night alone
never shows a change, since it is clipped: phones have bad nights.

It walks through the series night by night and begins anew after each change. So a change that it found does not depend on later nights,
but for the first `SETTLED` nights after it was found: until then its night may move, and the change is withdrawn if most nights since are
back at the level before. Two or three bad nights in a row look like a change at first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.analysis import special
from harness.analysis.ranks import Floats
from harness.analysis.stable_level import Levels, NightSpread, levels_of, variance_of_mean

SHARES = (
    (2, 0.15),
    (3, 4.2),
    (4, 0.2),
    (5, 0.1),
    (6, 0.03),
    (8, 0.03),
    (10, 0.01),
    (14, 0.01),
    (20, 0.005),
    (30, 0.005),
)
"""How many of the latest nights are compared with those before, and the multiple of the p-value that each number may use.

Three nights get most: by then a change of three deviations should be known. Longer stretches have much data, and there slow wandering of
a device looks like a change.
"""
FAR_PRIOR = 0.5
"""Bad nights that a series is assumed to have had before any are seen."""
_MOST_SPOILT = 5
"""Most bad nights by chance that are allowed for among the latest; more are rarer than any p-value asks."""
LEAST_BEFORE = 5
"""Nights that a level needs."""
LEAST_AGAIN = 3
"""The same after a change: the spread is known then."""
SETTLED = 7
"""Nights after a change was found in which its night may still move, or the change be withdrawn."""
MOVES = 3
"""Nights by which it may move."""
_TRIED_AFTER = 3
"""Nights after a change was found before it may be withdrawn."""
_WITHDRAWN = 1.5
"""A change is withdrawn if the median of all nights since lies fewer of its standard errors than this from the level before."""
REACH = 3.0
"""A night counts as at most this many deviations if the spread is known; if few nights show it, in proportion more."""
_MOST_FREEDOM = 60.0
"""Nights that the spread of earlier segments counts for, at most."""
UNSURE = 10.0
"""Nights whose summed square distances are within this of the best are possible nights of the change: in simulations 97 % of them."""


@dataclass(frozen=True, slots=True)
class RecentChange:
    """A change as the latest nights showed it. Numbers are places in the series, from 0."""

    first_bad: int
    earliest: int
    """First possible night after the change."""
    latest: int
    """Last possible one."""
    told: int
    """The night on which it was found."""
    up: bool
    withdrawn: int | None = None
    """The night on which it was taken back."""

    def moved(self, by: int) -> RecentChange:
        """Return the same change in a series with `by` more nights before it."""
        gone = None if self.withdrawn is None else self.withdrawn + by
        return RecentChange(self.first_bad + by, self.earliest + by, self.latest + by, self.told + by, self.up, gone)


def told_changes(
    values: Floats, errors: Floats, *, least_spread: float, least_effects: Floats | float, p: float
) -> list[RecentChange]:
    """Return all changes that the latest nights showed, oldest first; also those that later nights withdrew.

    Args:
        values: one value a night, on a scale where noise adds.
        errors: standard error of each between the processes of its night.
        least_spread: smallest believable standard deviation between nights.
        least_effects: smallest change worth reporting, for each night or for all.
        p: two-sided p-value below which a change is reported.
    """
    found: list[RecentChange] = []
    start, after, spread = 0, 0, None
    effects = np.broadcast_to(np.asarray(least_effects, dtype=np.float64), values.shape)
    while len(values) - start > (LEAST_AGAIN if spread else LEAST_BEFORE):
        levels = levels_of(values[start:], errors[start:], least=least_spread, before=spread)
        least = LEAST_AGAIN if spread else LEAST_BEFORE
        first = _first(values[start:], errors[start:], levels, effects[start:], after=after, least=least, p=p)
        if first is None:
            break
        one = _dated(values[start:], errors[start:], levels, *first, least=least)
        found.append(one.moved(start))
        if one.withdrawn is not None:
            after = one.withdrawn + 1
            continue
        place = max(0, one.first_bad - 1)
        spread = NightSpread(float(levels.between[place]), min(_MOST_FREEDOM, float(levels.freedom[place])))
        start, after = start + one.first_bad, 0
    return found


def threshold(p: float, freedom: Floats) -> Floats:
    """Return how many deviations a two-sided p-value of `p` is, by Student's t."""
    return np.asarray(special.stdtrit(np.maximum(freedom, 1.0), 1 - p / 2), dtype=np.float64)


def _first(
    values: Floats, errors: Floats, levels: Levels, effects: Floats, *, after: int, least: int, p: float
) -> tuple[int, int] | None:
    """The first night from `after` on on which a change shows, and the number of nights that show it best; None if none does."""
    normal = _normal_scale(p, levels.freedom)
    best: tuple[int, float, int] | None = None
    for count, part in SHARES:
        if len(values) < least + count:
            break
        # A row for each night on which `count` nights have passed since the level before them.
        before = slice(least - 1, len(values) - count)
        rows = np.lib.stride_tricks.sliding_window_view(values[least:], count)
        own = np.lib.stride_tricks.sliding_window_view(errors[least:], count)
        chance, away = _chance(rows, own, levels, before, normal)
        bad = (chance <= part * p) & (np.abs(away) >= effects[before])
        bad[: max(0, after - least + 1 - count)] = False
        if bad.any():
            row = int(np.argmax(bad))
            night, rank = row + least - 1 + count, float(chance[row] / part)
            if best is None or (night, rank) < (best[0], best[1]):
                best = (night, rank, count)
    return (best[0], best[2]) if best is not None else None


def _normal_scale(p: float, freedom: Floats) -> Floats:
    """What a distance in deviations is multiplied by, so that `p` takes as many as of the normal distribution."""
    return np.asarray(threshold(p, np.array(1e9)) / threshold(p, freedom), dtype=np.float64)


def _chance(rows: Floats, errors: Floats, levels: Levels, before: slice, normal: Floats) -> tuple[Floats, Floats]:
    """Two-sided p-value of each row's nights against the level before them, and their median distance from it."""
    count = rows.shape[1]
    deviation = np.sqrt(levels.between[before][:, None] + errors**2)
    away = rows - levels.level[before][:, None]
    clipped = np.clip(away / deviation * normal[before][:, None], -REACH, REACH)
    weights = 1 / deviation
    sums = (weights * clipped).sum(axis=1) / np.sqrt((weights**2).sum(axis=1)) * math.sqrt(count)
    memory, nights = levels.memory[before], levels.nights[before]
    level_part = variance_of_mean(nights, memory) * count
    inflation = variance_of_mean(float(count), memory) * count + level_part
    far = np.where(sums > 0, levels.far_above[before], levels.far_below[before])
    share = (far + FAR_PRIOR) / (nights + 2 * FAR_PRIOR)
    chance = np.zeros(len(rows))
    for spoilt in range(min(count, _MOST_SPOILT) + 1):
        left = np.maximum(count - spoilt, level_part * 0.5)
        ways = math.comb(count, spoilt) * share**spoilt * (1 - share) ** (count - spoilt)
        chance += ways * special.ndtr(-(np.abs(sums) - spoilt * REACH) / np.sqrt(left * inflation))
    return 2 * chance, np.asarray(np.median(away, axis=1))


def _dated(values: Floats, errors: Floats, levels: Levels, told: int, count: int, *, least: int) -> RecentChange:
    """Find the night from which on the nights are nearer to the new level than to the old one."""
    before = told - count
    old = float(levels.level[before])
    deviation = np.sqrt(levels.between[before] + errors**2)
    bad = told - count + 1
    bounds = (least, told - 1)
    for until in (told, min(told + SETTLED, len(values) - 1)):
        new = float(np.median(values[bad : until + 1]))
        nearer = _clipped((values - old) / deviation) - _clipped((values - new) / deviation)
        gains = np.cumsum(nearer[: until + 1][::-1])[::-1]
        low, high = bounds
        bad = low + int(np.argmax(gains[low : high + 1]))
        bounds = (max(least, bad - MOVES), min(until - 1, bad + MOVES))
    withdrawn = _withdrawn((values - old) / deviation, float(levels.memory[before]), bad, told, new > old)
    # A small change is dated by many nights, and may lie further off than its night may move.
    possible = np.flatnonzero(gains[least:until] >= gains[bad] - UNSURE) + least
    return RecentChange(bad, int(possible.min()), int(possible.max()), told, new > old, withdrawn)


def _withdrawn(away: Floats, memory: float, bad: int, told: int, up: bool) -> int | None:
    """The first night on which most nights since a change speak against it; None if they never do. Distances in deviations."""
    for night in range(told + _TRIED_AFTER, min(told + SETTLED + 1, len(away))):
        count = night + 1 - bad
        middle = float(np.median(away[bad : night + 1])) * (1 if up else -1)
        if middle < _WITHDRAWN * math.sqrt(math.pi / 2 * float(variance_of_mean(float(count), memory))):
            return night
    return None


def _clipped(distances: Floats) -> Floats:
    return np.minimum(distances**2, REACH**2)
