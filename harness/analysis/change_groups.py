"""Groups changes that belong together, names them, and puts what matters first. Pure.

One cause shows on many series: a slower binary on every device, a slower model in each of its metrics. Such changes are one group. Their
ids follow from the series and from the run after the change, so they are the same whenever somebody looks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from harness.records.history import Change, ChangeVerdict, SeriesKey

_ORDER = {
    ChangeVerdict.CONFIRMED: 0,
    ChangeVerdict.SUSPECTED: 0,
    ChangeVerdict.IMPROVED: 1,
    ChangeVerdict.EXPLAINED: 2,
    ChangeVerdict.REFUTED: 3,
}
_KINDS = {"alert": 0, "tonight": 1, "hint": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A change with what decides which others it belongs to."""

    change: Change
    night_before: datetime
    """Begin of the run before the first bad one in the same series."""
    night_after: datetime
    """Begin of the run after it; its own if it is the last."""
    binaries: frozenset[tuple[str, str]]
    """Hashes before and after each change of the binary that may have caused this change."""

    def alike(self, other: Placed) -> bool:
        """Whether both have the same cause, as far as night, direction and what is tested tell."""
        ours, theirs = self.change, other.change
        near = ours.first_bad == theirs.first_bad or (
            self.night_before <= theirs.first_bad_at <= self.night_after
            and other.night_before <= ours.first_bad_at <= other.night_after
        )
        model = (ours.series.model, ours.series.variant) == (theirs.series.model, theirs.series.variant)
        return near and ours.worse == theirs.worse and (model or not self.binaries.isdisjoint(other.binaries))


def change_id(series: SeriesKey, first_bad: str) -> str:
    """Return the id of the change of a series that a run was the first to show: a letter and ten hexadecimal digits."""
    return _id("c", *_parts(series), first_bad)


def grouped(found: Sequence[Placed]) -> tuple[Change, ...]:
    """Give each change its group, note how many series show it, and put what matters first.

    The earliest change of a group names it, so a group keeps its id when later series join.
    """
    rest = sorted(found, key=lambda one: (one.change.first_bad_at, one.change.series, one.change.first_bad))
    groups: list[list[Placed]] = []
    for one in rest:
        for group in groups:
            if group[0].alike(one):
                group.append(one)
                break
        else:
            groups.append([one])
    named = [_named(group) for group in groups]
    return tuple(change for group in sorted(named, key=_rank) for change in sorted(group, key=_rank_within))


def _named(group: Sequence[Placed]) -> list[Change]:
    first = group[0].change
    name = _id("g", *_parts(first.series), first.first_bad, str(first.worse))
    others = len(group) - 1
    devices = len({one.change.series.device for one in group})
    notes: tuple[str, ...] = ()
    if others:
        also = f"{others} other {'series changes' if others == 1 else 'series change'} with it"
        notes = (f"{also}, on {devices} devices" if devices > 1 else f"{also}, on the same device",)
    return [replace(one.change, group=name, notes=(*one.change.notes, *notes)) for one in group]


def _rank(group: Sequence[Change]) -> tuple[int, int, float, str]:
    """Unexplained before explained, worse before better; then more devices, then the larger change by the nearer end of its interval."""
    devices = len({one.series.device for one in group})
    return min(_ORDER[one.verdict] for one in group), -devices, -max(map(_sure, group)), group[0].group


def _rank_within(change: Change) -> tuple[int, int, float, SeriesKey, datetime]:
    return _ORDER[change.verdict], _KINDS[change.kind], -_sure(change), change.series, change.first_bad_at


def _sure(change: Change) -> float:
    """The end of the interval that is nearer to no change, as a ratio above 1."""
    return change.ci_low if change.worse else 1 / change.ci_high if change.ci_high > 0 else float("inf")


def _parts(series: SeriesKey) -> tuple[str, ...]:
    return (
        series.device,
        series.model,
        series.variant,
        series.delegate,
        str(series.threads),
        series.cpus,
        series.binary,
        series.start,
        series.metric,
    )


def _id(letter: str, *parts: str) -> str:
    # The length of each part keeps ("a", "bc") and ("ab", "c") apart.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return letter + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
