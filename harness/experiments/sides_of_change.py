"""Chooses the two nights whose files an experiment compares. Pure.

The date of a change may be off by a night or two. If every night has a new binary, the nights next to that date may both be old or both be
new. So the old side is `SIDE_MARGIN` nights before the last good night, and the new side as many after the first bad one, as far as the
series reaches and no other change lies between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.analysis.checked_history import SIDE_MARGIN
from harness.errors import SetupError, UsageError
from harness.files.terminal_text import printable
from harness.records.history import Change, NightEstimate, Series


class NothingToRun(SetupError):
    """Both sides are the same files, so no experiment can tell them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SidesOfChange:
    """The nights whose files an experiment compares."""

    old: NightEstimate
    new: NightEstimate

    @property
    def model_differs(self) -> bool:
        """Whether the model's file changed."""
        return self.old.model_sha256 != self.new.model_sha256

    @property
    def binary_differs(self) -> bool:
        """Whether the binary's file changed."""
        return self.old.binary_sha256 != self.new.binary_sha256

    @property
    def words(self) -> str:
        """What differs, for people."""
        both = [*(["binary"] if self.binary_differs else []), *(["model"] if self.model_differs else [])]
        return " and ".join(both)


def sides_of(change: Change, series: Series, others: Iterable[Change] = ()) -> SidesOfChange:
    """Choose the sides.

    Args:
        change: the change.
        series: its series, with its nights.
        others: other changes; those of the same series limit the choice.

    Raises:
        UsageError: the nights of the change are not in the series.
        NothingToRun: model and binary are the same files on both sides.
    """
    nights = [one.run_id for one in series.estimates]
    if change.last_good not in nights or change.first_bad not in nights:
        gone = change.last_good if change.last_good not in nights else change.first_bad
        raise UsageError(f"{change.id}: the history has no {printable(change.series.words)} of run {gone} any more")
    last, first = nights.index(change.last_good), nights.index(change.first_bad)
    bounds = [
        nights.index(one.first_bad)
        for one in others
        if one.id != change.id and one.series == change.series and one.first_bad in nights
    ]
    lowest = max([0, *(at for at in bounds if at <= last)])
    highest = min([len(nights), *(at for at in bounds if at > first)]) - 1
    sides = SidesOfChange(
        old=series.estimates[max(lowest, last - SIDE_MARGIN)], new=series.estimates[min(highest, first + SIDE_MARGIN)]
    )
    if not sides.words:
        # Both sides have the same files; perhaps the files changed and changed back between them.
        sides = SidesOfChange(old=series.estimates[last], new=series.estimates[first])
    if not sides.words:
        raise NothingToRun(
            f"{change.id}: model and binary are the same files before and after, so neither caused the change",
            remedy="look at the device, its settings and its temperature: the report shows what else changed",
        )
    return sides
