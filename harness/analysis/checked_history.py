"""The outcome of a check of the history: which changes count, which belong together, and what else was new on that night. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from harness.analysis.latest_nights import LEAST_BEFORE, SHARES
from harness.records.history import Change, ChangeVerdict, NightEstimate, Series, SeriesKey

FailOn = Literal["confirmed", "suspected"]

LEAST_NIGHTS = LEAST_BEFORE + SHARES[0][0]
"""A series with fewer nights shows no change: nobody knows yet how much its nights differ."""

SIDE_MARGIN = 2
"""Nights that each side of an experiment keeps from the change. Nearly all changes are dated within one night."""

RANKED = (
    ChangeVerdict.CONFIRMED,
    ChangeVerdict.SUSPECTED,
    ChangeVerdict.IMPROVED,
    ChangeVerdict.EXPLAINED,
    ChangeVerdict.REFUTED,
)
"""Verdicts, most important first."""


@dataclass(frozen=True, slots=True)
class NewThing:
    """Something that differs between the night of a change and the night before."""

    what: str
    """`model`, `binary`, or the key of a label. A label's is the user's own."""
    before: str | None
    """The beginning of a hash, or a label's value; None if that night had none."""
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpShift:
    """An op whose cost differs between the nights before a change and those after it. It shows where to look, and claims nothing."""

    node_type: str
    name: str
    before_us: float | None
    """Cost of an inference, the median of the profiled processes; None if it did not run then."""
    after_us: float | None

    @property
    def change_us(self) -> float:
        """After minus before."""
        return (self.after_us or 0.0) - (self.before_us or 0.0)


@dataclass(frozen=True, kw_only=True)
class CheckedHistory:
    """The outcome of a check.

    Args:
        series: the series that were looked at.
        changes: all known changes of these series, in the time asked for.
        fail_on: the weakest verdict that fails the check.
        ops: where the cost moved, by the ids of changes whose nights were profiled.
    """

    series: tuple[Series, ...]
    changes: tuple[Change, ...]
    fail_on: FailOn = "confirmed"
    ops: Mapping[str, tuple[OpShift, ...]] = field(default_factory=dict)

    @property
    def failing(self) -> tuple[Change, ...]:
        """The changes that fail the check: regressions that count, confirmed ones or suspected ones too."""
        return tuple(one for one in self.changes if self.fails(one))

    @property
    def failed(self) -> bool:
        """Whether the exit code is 1."""
        return bool(self.failing)

    def fails(self, change: Change) -> bool:
        """Say whether a change fails the check. An `improved`, `explained` or `refuted` one never does."""
        verdicts = [ChangeVerdict.CONFIRMED] + [ChangeVerdict.SUSPECTED] * (self.fail_on == "suspected")
        return change.counts and change.worse and change.verdict in verdicts

    @property
    def nights(self) -> int:
        """Number of runs that the series come from."""
        return len({one.run_id for series in self.series for one in series.estimates})

    @property
    def too_short(self) -> tuple[Series, ...]:
        """The series with too few nights to show a change."""
        return tuple(one for one in self.series if _alike_nights(one) < LEAST_NIGHTS)

    def groups(self) -> list[tuple[Change, ...]]:
        """Return the changes that belong together: the most important groups first, among them the latest."""
        found: dict[str, list[Change]] = {}
        for one in self.changes:
            found.setdefault(one.group, []).append(one)
        ordered = [tuple(sorted(group, key=lambda one: (_rank(one), one.series))) for group in found.values()]
        return sorted(ordered, key=lambda group: (_rank(group[0]), -group[0].first_bad_at.timestamp(), group[0].id))

    def new_things(self, change: Change) -> tuple[NewThing, ...]:
        """Return what was new on the night of a change besides the ground: labels such as the commit, the binary, the model."""
        nights = {one.run_id: one for one in self._by_key.get(change.series, ())}
        before, after = nights.get(change.last_good), nights.get(change.first_bad)
        return () if before is None or after is None else _new_things(before, after)

    def night(self, change: Change) -> NightEstimate | None:
        """Return the first night after a change; None if its run is not in the history any more."""
        return next((one for one in self._by_key.get(change.series, ()) if one.run_id == change.first_bad), None)

    def synthetic(self, change: Change) -> bool:
        """Say whether the numbers of a change were replayed or modelled."""
        night = self.night(change)
        return night is not None and night.synthetic

    @cached_property
    def _by_key(self) -> dict[SeriesKey, tuple[NightEstimate, ...]]:
        return {one.key: one.estimates for one in self.series}


def is_open(change: Change) -> bool:
    """Say whether a change is a regression that still asks for something: it counts, and is suspected or confirmed."""
    return change.counts and change.worse and change.verdict in (ChangeVerdict.CONFIRMED, ChangeVerdict.SUSPECTED)


def _alike_nights(series: Series) -> int:
    """Synthetic nights are never held against measured ones."""
    synthetic = sum(one.synthetic for one in series.estimates)
    return max(synthetic, len(series.estimates) - synthetic)


def _rank(change: Change) -> tuple[bool, int]:
    return (not change.counts, RANKED.index(change.verdict))


def _new_things(before: NightEstimate, after: NightEstimate) -> tuple[NewThing, ...]:
    ours, theirs = dict(before.labels), dict(after.labels)
    found = [
        NewThing(key, ours.get(key), theirs.get(key))
        for key in dict.fromkeys([*ours, *theirs])
        if ours.get(key) != theirs.get(key)
    ]
    for what, here, there in (
        ("binary", before.binary_sha256, after.binary_sha256),
        ("model", before.model_sha256, after.model_sha256),
    ):
        found += [NewThing(what, here[:12] or None, there[:12] or None)] if here != there else []
    return tuple(found)
