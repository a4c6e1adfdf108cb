"""What comes first on the page of a history."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from harness.records.history import Change, ChangeVerdict, SeriesKey
from harness.report.history_rows import Rank, groups_of, rank_of, rows_of, series_id
from tests.report.histories import FIRST, change_of, key_of, night, series_of, steady

CONFIRMED, SUSPECTED, EXPLAINED, IMPROVED, REFUTED = (
    ChangeVerdict.CONFIRMED,
    ChangeVerdict.SUSPECTED,
    ChangeVerdict.EXPLAINED,
    ChangeVerdict.IMPROVED,
    ChangeVerdict.REFUTED,
)


def _names(changes: dict[str, list[Change]]) -> list[str]:
    series = [steady(key_of(model)) for model in changes]
    return [row.series.key.model for row in rows_of(series, [one for some in changes.values() for one in some])]


def _of(model: str, number: int = 20, **other: Any) -> Change:
    return change_of(key_of(model), number, **other)


WANTED = {
    "confirmed": [_of("confirmed", verdict=CONFIRMED)],
    "new suspicion": [_of("new suspicion", 25)],
    "suspicion": [_of("suspicion", 20), _of("suspicion", 12, verdict=IMPROVED, ratio=0.9)],
    "explained": [_of("explained", 29, verdict=EXPLAINED)],
    "improved": [_of("improved", 29, verdict=IMPROVED, ratio=0.97)],
    "a": [],
    "refuted": [_of("refuted", 29, verdict=REFUTED)],
    "accepted": [_of("accepted", 29, verdict=CONFIRMED, accepted=True)],
}


def test_what_matters_comes_first_whatever_the_order_of_the_series() -> None:
    expected = ["confirmed", "new suspicion", "suspicion", "explained", "improved", "refuted", "a", "accepted"]
    for some in list(permutations(WANTED))[::4001]:
        assert _names({name: WANTED[name] for name in some}) == expected


def test_of_the_same_night_the_larger_change_comes_first_then_the_name() -> None:
    changes = {name: [_of(name, ratio=ratio)] for name, ratio in (("b", 1.03), ("a", 1.03), ("c", 1.2))}
    assert _names(changes) == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("other", "rank"),
    [
        ({"verdict": CONFIRMED}, Rank.CONFIRMED),
        ({"verdict": CONFIRMED, "accepted": True}, Rank.SILENCED),
        ({"verdict": SUSPECTED, "muted": True}, Rank.SILENCED),
        ({"verdict": SUSPECTED}, Rank.SUSPECTED),
        # A gain is no regression, whatever it is called.
        ({"verdict": SUSPECTED, "ratio": 0.9}, Rank.IMPROVED),
        ({"verdict": EXPLAINED, "ratio": 0.9}, Rank.EXPLAINED),
        ({"verdict": REFUTED}, Rank.REST),
    ],
)
def test_ranks(other: dict[str, Any], rank: Rank) -> None:
    assert rank_of(_of("m", **other)) is rank


def test_the_chief_change_is_the_one_that_matters_most_and_of_several_the_newest() -> None:
    changes = [
        _of("m", 5, verdict=CONFIRMED),
        _of("m", 8, verdict=CONFIRMED),
        _of("m", 20),
        _of("m", 25, verdict=REFUTED),
    ]
    [row] = rows_of([steady(key_of("m"))], changes)
    assert row.chief is changes[1]
    assert row.rank is Rank.CONFIRMED
    assert row.changes == tuple(changes)


def test_the_level_is_the_median_since_the_newest_change_that_was_not_refuted() -> None:
    values = [100.0] * 10 + [110.0, 120.0, 130.0] + [200.0]
    one = series_of(key_of("m"), [night(number, value) for number, value in enumerate(values)])
    [row] = rows_of([one], [])
    assert row.level == 100
    [row] = rows_of([one], [_of("m", 10), _of("m", 13, verdict=REFUTED)])
    assert row.level == 125
    [row] = rows_of([series_of(key_of("m"), [])], [])
    assert row.level is None
    assert row.last is None


def test_groups_hold_what_belongs_together_and_nothing_that_is_silenced() -> None:
    keys = [key_of("m", f"D{number}") for number in range(5)]
    verdicts = [SUSPECTED, CONFIRMED, EXPLAINED, SUSPECTED, SUSPECTED]
    changes = [
        change_of(key, 20, verdict=verdict, muted=key.device == "D4", ratio=1.03 + 0.01 * place)
        for place, (key, verdict) in enumerate(zip(keys, verdicts, strict=True))
    ]
    groups = groups_of([*changes, change_of(key_of("other"), 3)])
    assert [[one.series.device for one in group.changes] for group in groups] == [
        ["D1", "D3", "D0"],
        ["R5CT1"],
        ["D2"],
        ["D4"],
    ]
    assert [group.rank for group in groups] == [Rank.CONFIRMED, Rank.SUSPECTED, Rank.EXPLAINED, Rank.SILENCED]
    assert groups[0].began == FIRST + timedelta(days=20)


def test_ids_are_stable_and_tell_every_part_of_a_key_apart() -> None:
    assert series_id(key_of()) == "d6c5997d05"
    keys = [
        key_of(),
        key_of("x"),
        key_of(device="x"),
        key_of(metric="init"),
        key_of(threads=1),
        key_of(cpus="x"),
        key_of(delegate="x"),
        key_of(binary="x"),
        key_of(variant="x"),
        key_of(start="cold"),
    ]
    assert len({series_id(key) for key in keys}) == len(keys)
    hostile = SeriesKey(device="\ud800\0", model="", delegate="", threads=-1, cpus="", metric="")
    assert len(series_id(hostile)) == 10


def test_changes_of_other_series_leave_the_rows_as_they_are() -> None:
    [row] = rows_of([steady(key_of("m"))], [_of("other")])
    assert row.changes == ()
