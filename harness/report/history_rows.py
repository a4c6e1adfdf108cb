"""Orders the series and the changes of a history by what matters, and sums each up. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from hashlib import sha256
from statistics import median

from harness.records.history import Change, ChangeVerdict, NightEstimate, Series, SeriesKey


class Rank(IntEnum):
    """What a reader wants to see first."""

    CONFIRMED = 0
    SUSPECTED = 1
    EXPLAINED = 2
    IMPROVED = 3
    REST = 4
    """No change, or one that an experiment refuted."""
    SILENCED = 5
    """Somebody accepted or muted it, later nights do not confirm it, or its series is back at the level before it."""


_RANKS = {
    ChangeVerdict.CONFIRMED: Rank.CONFIRMED,
    ChangeVerdict.SUSPECTED: Rank.SUSPECTED,
    ChangeVerdict.EXPLAINED: Rank.EXPLAINED,
    ChangeVerdict.IMPROVED: Rank.IMPROVED,
    ChangeVerdict.REFUTED: Rank.REST,
}


def rank_of(change: Change) -> Rank:
    """Return how much a change matters."""
    if not change.counts:
        return Rank.SILENCED
    rank = _RANKS[change.verdict]
    # A gain is no regression, whatever it is called.
    return Rank.IMPROVED if rank in (Rank.CONFIRMED, Rank.SUSPECTED) and not change.worse else rank


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A series as the overview shows it."""

    id: str
    """Depends on the series' key alone, so a link works in every report."""
    series: Series
    changes: tuple[Change, ...]
    """Oldest first."""

    @property
    def rank(self) -> Rank:
        """That of the change that matters most."""
        return min((rank_of(change) for change in self.changes), default=Rank.REST)

    @property
    def chief(self) -> Change | None:
        """The change that matters most, of several the newest; None without a change."""
        return min(self.changes, key=lambda one: (rank_of(one), -one.first_bad_at.timestamp()), default=None)

    @property
    def last(self) -> NightEstimate | None:
        """The newest estimate; None in a series without any."""
        return self.series.estimates[-1] if self.series.estimates else None

    @property
    def level(self) -> float | None:
        """Median of the estimates since the newest change that was not refuted, in the metric's unit; None without estimates."""
        began = max(
            (one.first_bad_at for one in self.changes if one.verdict is not ChangeVerdict.REFUTED), default=None
        )
        values = [
            one.value
            for one in self.series.estimates
            if math.isfinite(one.value) and (began is None or one.at >= began)
        ]
        return median(values) if values else None


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """Changes that belong together: one regression of several series."""

    id: str
    changes: tuple[Change, ...]
    """Those that matter most first, of these the largest."""

    @property
    def rank(self) -> Rank:
        """That of the change that matters most."""
        return min(rank_of(change) for change in self.changes)

    @property
    def began(self) -> datetime:
        """The earliest night on which it was seen."""
        return min(change.first_bad_at for change in self.changes)


def rows_of(series: Sequence[Series], changes: Iterable[Change]) -> tuple[SeriesRow, ...]:
    """Return the series with their changes, those that matter most first; of the same rank the newest change first, then by name."""
    of_key: dict[SeriesKey, list[Change]] = defaultdict(list)
    for change in changes:
        of_key[change.series].append(change)
    rows = [
        SeriesRow(
            series_id(one.key), one, tuple(sorted(of_key[one.key], key=lambda change: (change.first_bad_at, change.id)))
        )
        for one in series
    ]
    return tuple(sorted(rows, key=_order))


def _order(row: SeriesRow) -> tuple[int, float, float, SeriesKey]:
    chief = row.chief
    if chief is None:
        return row.rank, 0.0, 0.0, row.series.key
    return (
        row.rank,
        -chief.first_bad_at.timestamp(),
        -abs(math.log(chief.ratio)) if chief.ratio > 0 else 0.0,
        row.series.key,
    )


def groups_of(changes: Iterable[Change]) -> tuple[ChangeGroup, ...]:
    """Return the changes by group, those that matter most first.

    A silenced, explained or refuted change is listed apart from its group: it must neither hide there nor make the group look larger.
    """
    found: dict[tuple[str, Rank], list[Change]] = defaultdict(list)
    for change in changes:
        rank = rank_of(change)
        found[change.group, Rank.CONFIRMED if rank is Rank.SUSPECTED else rank].append(change)
    groups = [
        ChangeGroup(group, tuple(sorted(members, key=lambda one: (rank_of(one), -abs(one.ratio - 1), one.series))))
        for (group, _), members in found.items()
    ]
    return tuple(sorted(groups, key=lambda one: (one.rank, -one.began.timestamp(), -len(one.changes), one.id)))


def series_id(key: SeriesKey) -> str:
    """Return a short id of a series: ten hexadecimal digits of a hash of its key."""
    parts = (
        key.device,
        key.model,
        key.variant,
        key.delegate,
        str(key.threads),
        key.cpus,
        key.start,
        key.binary,
        key.metric,
    )
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:10]
