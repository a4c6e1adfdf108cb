"""Finds what else changed on the night of a change: the ground, which explains it; tested files and labels, which do not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from harness.records.history import Ground, NightEstimate

_GROUND: tuple[tuple[str, Callable[[Ground], str | None]], ...] = (
    ("the device's system build changed", lambda ground: ground.fingerprint),
    ("the governors changed", lambda ground: ground.governor),
    ("the device config changed", lambda ground: ground.config),
    ("the harness's version changed", lambda ground: ground.harness_version or None),
    ("what the suite asks of a process changed", lambda ground: ground.asked or None),
)
_TESTED: tuple[tuple[str, Callable[[NightEstimate], str]], ...] = (
    ("the binary", lambda night: night.binary_sha256),
    ("the model file", lambda night: night.model_sha256),
)
_MOST_LABELS = 5
"""Most labels that get a note."""


def explanations(nights: Sequence[NightEstimate], earliest: int, latest: int) -> tuple[str, ...]:
    """Return a sentence on each part of the ground that changed on one of the possible nights of a change.

    If a night does not know a part of its ground, the last night that did stands for it.

    Args:
        nights: all nights that are held against each other, oldest first.
        earliest: first possible night after the change; at least 1.
        latest: last possible one.
    """
    found = []
    for words, field in _GROUND:
        known = [(place, value) for place, night in enumerate(nights) if (value := field(night.ground)) is not None]
        for (_, old), (place, new) in pairwise(known):
            if old != new and earliest <= place <= latest:
                found.append(f"{words} on {_night(nights[place])}: {old} -> {new}")
    return tuple(found)


def notes_on_tested(nights: Sequence[NightEstimate], first_bad: int, earliest: int, latest: int) -> tuple[str, ...]:
    """Return a sentence on each file that is tested and changed with a level.

    Args:
        nights: all nights that are held against each other, oldest first.
        first_bad: the most likely night after the change. If a file changed on it, only that is reported: a lab may build one every night.
        earliest: first possible night; at least 1.
        latest: last possible one.
    """
    found = []
    for words, field in _TESTED:
        places = _changes(nights, field, earliest, latest)
        for place in [first_bad] if first_bad in places else places:
            old, new = field(nights[place - 1]), field(nights[place])
            found.append(f"{words} changed on {_night(nights[place])}: {_short(old)} -> {_short(new)}")
    return tuple(found)


def binary_changes(nights: Sequence[NightEstimate], earliest: int, latest: int) -> frozenset[tuple[str, str]]:
    """Return the hashes of the binary before and after each change of it, on one of the possible nights."""
    places = _changes(nights, lambda night: night.binary_sha256, earliest, latest)
    return frozenset((nights[place - 1].binary_sha256, nights[place].binary_sha256) for place in places)


def _changes(
    nights: Sequence[NightEstimate], field: Callable[[NightEstimate], str], earliest: int, latest: int
) -> list[int]:
    places = range(max(1, earliest), min(latest, len(nights) - 1) + 1)
    return [place for place in places if field(nights[place - 1]) != field(nights[place])]


def notes_on_labels(last_good: NightEstimate, first_bad: NightEstimate) -> tuple[str, ...]:
    """Return a sentence on each label, such as a commit, that differs between the two runs beside a change."""
    old, new = dict(last_good.labels), dict(first_bad.labels)
    differ = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    found = [f"{key}: {old.get(key, 'none')} -> {new.get(key, 'none')}" for key in differ[:_MOST_LABELS]]
    return (*found, f"{len(differ) - _MOST_LABELS} more labels differ") if len(differ) > _MOST_LABELS else tuple(found)


def notes_on_outputs(before: Sequence[NightEstimate], after: Sequence[NightEstimate]) -> tuple[str, ...]:
    """Return a sentence if the model's outputs differ from those of its reference on one side of a change more than on the other."""
    shares = [sum(night.output_differs for night in side) / len(side) for side in (before, after)]
    if shares == [0.0, 0.0]:
        return ()
    if shares[0] < shares[1]:
        return ("the outputs differ from the reference since then: the two levels may not be of the same computation",)
    if shares[0] > shares[1]:
        return (
            "the outputs differed from the reference until then: the two levels may not be of the same computation",
        )
    return ("the outputs differ from the reference before and after",)


def _night(night: NightEstimate) -> str:
    return f"{night.at:%Y-%m-%d}"


def _short(sha256: str) -> str:
    return sha256[:12] or "unknown"
