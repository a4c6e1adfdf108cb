"""Ways to suspect a change from one night to the next, replayed night by night: the harness's and the usual ones.

A suspicion counts once, on the night on which it is first raised: a later one of the same direction that dates the change within three
nights of it is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import ruptures

from benchmarks.latency_model import Floats
from harness.analysis.change_points import HINT_PENALTY, change_points
from harness.analysis.ground_changes import explanations
from harness.analysis.history_changes import MIN_EFFECT
from harness.analysis.latest_nights import told_changes
from harness.analysis.level_changes import TELLING_P, level_changes
from harness.analysis.night_values import Nights, nights_of
from harness.analysis.special import stdtr
from harness.records.history import Series

SAME = 3
_FROM = 14
"""The night on which all rules begin: the test of 7 nights against 7 cannot earlier."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A suspicion when it was first raised. Numbers are places in the series."""

    night: int
    first_bad: int
    up: bool


Rule = Callable[[Series], list[Raised]]


def harness_rule(series: Series) -> list[Raised]:
    """What `harness history check` suspects; what the ground explains is no suspicion."""
    nights = nights_of(series, series.estimates, min_effect=MIN_EFFECT)
    effects = np.full(len(nights), nights.least_effect)
    told = told_changes(
        nights.values, nights.errors, least_spread=nights.least_spread, least_effects=effects, p=TELLING_P
    )
    # What the latest nights tell on a night is in every later prefix, and in none before: so only from then on, and where there are change
    # points, a prefix can hold a change.
    earliest = min((one.told for one in told), default=len(nights))
    errors_known = bool(nights.errors.any())
    log = _Log()
    for night in range(len(nights)):
        part = _prefix(series, nights, night + 1, again=errors_known)
        if night < earliest and not change_points(part.values, part.errors, HINT_PENALTY):
            continue
        for change in level_changes(part, series=1):
            if not explanations(part.estimates, *change.possible):
                log.note(night, change.first_bad, change.difference > 0)
    return log.raised


def yesterday(series: Series) -> list[Raised]:
    """More than 5 % from last night's value."""
    values, log = _logs(series), _Log()
    for night in range(1, len(values)):
        if abs(values[night] - values[night - 1]) > np.log(1.05):
            log.note(night, night, values[night] > values[night - 1])
    return log.raised


def seven_against_seven(series: Series) -> list[Raised]:
    """Welch's test of the last seven nights against the seven before, at 1 %."""
    values, log = _logs(series), _Log()
    for night in range(13, len(values)):
        old, new = values[night - 13 : night - 6], values[night - 6 : night + 1]
        parts = np.array([old.var(ddof=1), new.var(ddof=1)]) / 7
        freedom = parts.sum() ** 2 / (parts**2 / 6).sum()
        score = (new.mean() - old.mean()) / np.sqrt(parts.sum())
        if 2 * stdtr(freedom, -abs(score)) < 0.01:
            log.note(night, night - 6, score > 0)
    return log.raised


def library(penalty: float) -> Rule:
    """Change points of `ruptures` as they come."""

    def rule(series: Series) -> list[Raised]:
        values, log = _logs(series), _Log()
        for night in range(5, len(values)):
            part = values[: night + 1]
            found = (
                ruptures.KernelCPD(kernel="rbf", min_size=3).fit((part - part.mean()) / part.std()).predict(pen=penalty)
            )
            bounds = [0, *found]
            for place in found[:-1]:
                start, end = max(b for b in bounds if b < place), min(b for b in bounds if b > place)
                log.note(night, place, part[place:end].mean() > part[start:place].mean())
        return log.raised

    return rule


class _Log:
    """Suspicions so far."""

    def __init__(self) -> None:
        self.raised: list[Raised] = []

    def note(self, night: int, first_bad: int, up: bool) -> None:
        """Note a suspicion, unless it is known."""
        if not any(one.up == bool(up) and abs(one.first_bad - first_bad) <= SAME for one in self.raised):
            self.raised.append(Raised(night, int(first_bad), bool(up)))


def _logs(series: Series) -> Floats:
    return np.log([one.value for one in series.estimates])


def _prefix(series: Series, nights: Nights, count: int, *, again: bool) -> Nights:
    if again:  # the errors of nights depend on those of the others
        return nights_of(series, series.estimates[:count], min_effect=MIN_EFFECT)
    return replace(
        nights, estimates=nights.estimates[:count], values=nights.values[:count], errors=nights.errors[:count]
    )


RULES: tuple[tuple[str, Rule], ...] = (
    ("harness", harness_rule),
    ("5 % from yesterday", yesterday),
    ("t test, 7 and 7", seven_against_seven),
    ("ruptures, pen 4", library(4.0)),
    ("ruptures, pen 6", library(6.0)),
)


def times(raised: Iterable[Raised]) -> list[int]:
    """Return the nights on which suspicions were raised."""
    return [one.night for one in raised]
