"""What a check says of the changes it found: which fail it, which belong together, and what else was new that night."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.analysis.checked_history import LEAST_NIGHTS, CheckedHistory, FailOn, NewThing, OpShift, is_open
from harness.records.history import Change, ChangeVerdict, Series
from tests.analysis.history_nights import first, with_nights
from tests.history import made_up_history
from tests.history.made_up_history import NOW, key

NIGHTS = [1000.0] * 12
ONE = made_up_history.series(NIGHTS)
CONFIRMED, SUSPECTED = ChangeVerdict.CONFIRMED, ChangeVerdict.SUSPECTED


def change(place: int = 8, *, id: str = "c1", group: str = "g1", ratio: float = 1.05, **fields: Any) -> Change:
    return replace(made_up_history.change(place, of=ONE.key, id=id, group=group, ratio=ratio), **fields)


def checked(*changes: Change, series: tuple[Series, ...] = (ONE,), fail_on: FailOn = "confirmed") -> CheckedHistory:
    return CheckedHistory(series=series, changes=changes, fail_on=fail_on)


@pytest.mark.parametrize(
    ("verdict", "fails", "fails_on_suspicion", "asks_for_something"),
    [
        (CONFIRMED, True, True, True),
        (SUSPECTED, False, True, True),
        (ChangeVerdict.EXPLAINED, False, False, False),
        (ChangeVerdict.REFUTED, False, False, False),
    ],
)
def test_which_verdicts_fail_a_check(
    verdict: ChangeVerdict, fails: bool, fails_on_suspicion: bool, asks_for_something: bool
) -> None:
    one = change(verdict=verdict)
    assert checked(one).failing == ((one,) if fails else ())
    assert checked(one).failed is fails
    assert checked(one, fail_on="suspected").failed is fails_on_suspicion
    assert is_open(one) is asks_for_something


@pytest.mark.parametrize(
    "silenced", [{"accepted": True}, {"muted": True}, {"unseen_since": NOW}, {"mended_since": NOW}, {"ratio": 0.9}]
)
def test_what_does_not_count_never_fails_a_check(silenced: dict[str, Any]) -> None:
    one = replace(change(verdict=CONFIRMED), **silenced)
    assert not checked(one, fail_on="suspected").failed
    assert not is_open(one)


def test_one_failing_change_among_others_is_enough() -> None:
    good, bad = change(verdict=ChangeVerdict.REFUTED), change(id="c2", verdict=CONFIRMED)
    assert checked(good, bad, good).failing == (bad,)


def test_nights_are_counted_by_runs() -> None:
    other = made_up_history.series([1000.0] * 15, key("two"))
    assert checked(series=(ONE, other)).nights == 15
    assert checked(series=()).nights == 0


def test_a_series_is_too_short_with_one_night_fewer_than_a_change_needs() -> None:
    enough = first(made_up_history.series(NIGHTS, key("two")), LEAST_NIGHTS)
    short = first(made_up_history.series(NIGHTS, key("three")), LEAST_NIGHTS - 1)
    assert checked(series=(enough, short)).too_short == (short,)
    # Synthetic nights and measured ones do not help each other.
    mixed = with_nights(enough, [0], synthetic=True)
    assert checked(series=(mixed,)).too_short == (mixed,)
    played_back = with_nights(enough, range(LEAST_NIGHTS), synthetic=True)
    assert checked(series=(played_back,)).too_short == ()


def test_groups_come_by_what_matters_then_by_the_latest_then_by_id() -> None:
    changes = [
        change(5, id="a", group="refuted", verdict=ChangeVerdict.REFUTED),
        change(5, id="b", group="explained", verdict=ChangeVerdict.EXPLAINED),
        change(5, id="c", group="improved", verdict=ChangeVerdict.IMPROVED, ratio=0.9),
        change(5, id="e", group="older"),
        change(6, id="d", group="newer"),
        change(5, id="f", group="older, later id"),
        change(5, id="g", group="confirmed", verdict=CONFIRMED),
        change(9, id="h", group="accepted", verdict=CONFIRMED, accepted=True),
    ]
    assert [group[0].group for group in checked(*changes).groups()] == [
        "confirmed",
        "newer",
        "older",
        "older, later id",
        "improved",
        "explained",
        "refuted",
        "accepted",
    ]


def test_a_group_begins_with_what_matters_most_in_it() -> None:
    on = {device: replace(ONE.key, device=device) for device in ("a", "b", "c")}
    changes = [
        change(id="1", series=on["b"]),
        change(id="2", series=on["c"], verdict=CONFIRMED),
        change(id="3", series=on["a"]),
    ]
    (group,) = checked(*changes).groups()
    assert [one.id for one in group] == ["2", "3", "1"]


def test_what_was_new_that_night_is_labels_then_files() -> None:
    old = with_nights(ONE, [7], labels=(("branch", "main"), ("commit", "abc"), ("gone", "x")))
    new = with_nights(
        old,
        [8],
        labels=(("branch", "main"), ("commit", "def"), ("ticket", "7")),
        binary_sha256="c" * 64,
        model_sha256="",
    )
    assert checked(series=(new,)).new_things(change(8)) == (
        NewThing("commit", "abc", "def"),
        NewThing("gone", "x", None),
        NewThing("ticket", None, "7"),
        NewThing("binary", "b" * 12, "c" * 12),
        NewThing("model", "a" * 12, None),
    )
    assert checked(series=(ONE,)).new_things(change(8)) == ()


def test_runs_that_are_not_in_the_history_any_more_say_nothing() -> None:
    with_label = with_nights(ONE, [8], labels=(("commit", "def"),))
    here = checked(series=(with_label,))
    assert here.new_things(change(8)) == (NewThing("commit", None, "def"),)
    assert here.new_things(change(8, last_good="gone")) == ()
    assert here.new_things(change(8, first_bad="gone")) == ()
    assert here.new_things(change(8, series=replace(ONE.key, device="gone"))) == ()
    assert here.night(change(8)) == with_label.estimates[8]
    assert here.night(change(8, first_bad="gone")) is None


def test_a_change_is_synthetic_if_its_first_night_is() -> None:
    half = with_nights(ONE, range(8, 12), synthetic=True)
    assert checked(series=(half,)).synthetic(change(8))
    assert not checked(series=(half,)).synthetic(change(7))
    assert not checked(series=(half,)).synthetic(change(8, first_bad="gone"))


@pytest.mark.parametrize(("before", "after", "moved"), [(3.0, 5.0, 2.0), (None, 5.0, 5.0), (3.0, None, -3.0)])
def test_what_an_op_costs_more(before: float | None, after: float | None, moved: float) -> None:
    assert OpShift(node_type="CONV_2D", name="a", before_us=before, after_us=after).change_us == moved
