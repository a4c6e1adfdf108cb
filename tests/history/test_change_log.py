from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import Connection

from harness.analysis.latest_nights import SETTLED
from harness.errors import UsageError
from harness.history import change_log
from harness.history.change_log import known_changes, merge_found, record_evidence
from harness.history.database import open_history
from harness.records.history import Change, ChangeVerdict, Evidence, Series
from tests.history.made_up_history import NOW, change, key, night, run_name, series, store

LATER = NOW + timedelta(days=1)
NIGHTS = series([1000.0] * 60 + [1030.0] * 20)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with open_history(database_url) as db, db.begin() as opened:
        store(opened, [NIGHTS, series([1000.0] * 80, key("R5CT2"))])
        yield opened


def check(connection: Connection, *found: Change, looked_at: Series = NIGHTS, days: int = 0) -> tuple[Change, ...]:
    return merge_found(connection, found, NOW + timedelta(days=days), series=[looked_at])


def experiment(ratio: float = 1.03) -> Evidence:
    return Evidence(
        run_id="experiment",
        run_path="/runs/experiment",
        ratio=ratio,
        ci_low=ratio - 0.005,
        ci_high=ratio + 0.005,
        device_s=90.0,
        at=NOW,
    )


def test_a_change_found_for_the_first_time_is_stored_as_it_is(connection: Connection) -> None:
    found = replace(change(), explained_by=("because",), notes=("a note",))
    assert check(connection, found) == (found,)
    assert known_changes(connection, now=NOW) == (found,)


def test_a_change_found_again_keeps_its_id_and_is_dated_anew(connection: Connection) -> None:
    check(connection, change(60, id="first", group="group"))
    again = replace(change(62, id="other", group="new group"), ratio=1.05, notes=("better known",))
    [known] = check(connection, again, days=1)
    assert (known.id, known.group, known.found_at) == ("first", "group", NOW)
    assert (known.first_bad, known.first_bad_at, known.ratio) == (run_name(62), night(62), 1.05)
    assert known.notes == ("better known",)


@pytest.mark.parametrize(("nights", "same"), [(3, True), (-3, True), (4, False), (-4, False)])
def test_up_to_three_nights_apart_it_is_the_same_change(connection: Connection, nights: int, same: bool) -> None:
    merge_found(connection, [change(60, id="first")], night(62), series=[NIGHTS])
    known = check(connection, change(60 + nights, id="again"), days=1)
    assert ([one.id for one in known] == ["first"]) is same


@pytest.mark.parametrize(("nights", "same"), [(SETTLED, True), (SETTLED + 1, False)])
def test_one_that_was_just_told_may_move_as_far_as_the_detector_moves_it(
    connection: Connection, nights: int, same: bool
) -> None:
    merge_found(connection, [change(70, id="first")], night(79), series=[NIGHTS])
    known = check(connection, change(70 - nights, id="again"))
    assert ([one.id for one in known] == ["first"]) is same


def test_nights_are_counted_not_days(connection: Connection) -> None:
    gappy = series([1000.0 if number % 7 == 0 else None for number in range(80)], key("R5CT2"))
    early, late = (change(number, of=key("R5CT2"), id=f"n{number}") for number in (35, 49))
    check(connection, early, looked_at=gappy)
    assert [one.id for one in check(connection, late, looked_at=gappy, days=1)] == ["n35"], "two nights, in two weeks"


@pytest.mark.parametrize(
    "other", [change(60, ratio=0.97, id="again"), change(60, of=key("R5CT2"), id="again")], ids=["direction", "series"]
)
def test_another_direction_or_series_is_another_change(connection: Connection, other: Change) -> None:
    check(connection, change(60, id="first"))
    check(connection, other)
    assert {one.id for one in known_changes(connection)} == {"first", "again"}


def test_each_known_change_is_found_once_and_an_id_is_given_once(connection: Connection) -> None:
    check(connection, change(60, id="first"))
    check(connection, change(62, id="moved"), days=1)
    known = check(connection, change(60, id="first"), change(63, id="third"), days=2)
    assert len({one.id for one in known}) == 2
    assert next(one for one in known if one.id == "first").first_bad == run_name(63), "the nearest"
    assert all(one.id.isalnum() for one in known)


def test_what_people_said_stays_when_it_is_found_again(connection: Connection) -> None:
    check(connection, change(60, id="mine"))
    change_log.accept(connection, "mine", NOW)
    change_log.mute(connection, "mine", NOW, until=LATER + timedelta(days=9))
    [known] = check(connection, change(61), days=1)
    assert (known.accepted, known.muted, known.counts) == (True, True, False)


def test_an_experiment_overrides_the_ground(connection: Connection) -> None:
    explained = replace(change(60, id="mine", verdict=ChangeVerdict.EXPLAINED), explained_by=("another build",))
    check(connection, explained)
    record_evidence(connection, "mine", ChangeVerdict.CONFIRMED, experiment(), notes=["both files were there"])
    [known] = check(connection, explained, days=1)
    assert known.verdict is ChangeVerdict.CONFIRMED
    assert known.evidence == experiment()
    assert known.explained_by == ("another build",)
    assert known.notes == ("both files were there",)


def test_without_an_experiment_the_ground_may_still_explain_it(connection: Connection) -> None:
    check(connection, change(60, id="mine"))
    [known] = check(connection, change(60, verdict=ChangeVerdict.EXPLAINED), days=1)
    assert (known.id, known.verdict) == ("mine", ChangeVerdict.EXPLAINED)


def test_less_is_an_improvement_also_when_confirmed(connection: Connection) -> None:
    check(connection, change(60, id="mine", ratio=0.9))
    known = record_evidence(connection, "mine", ChangeVerdict.CONFIRMED, experiment(0.9))
    assert known.verdict is ChangeVerdict.IMPROVED
    assert record_evidence(connection, "mine", ChangeVerdict.REFUTED, experiment(1.0)).verdict is ChangeVerdict.REFUTED
    [again] = check(connection, change(60, ratio=0.9), days=1)
    assert again.verdict is ChangeVerdict.REFUTED


def test_an_experiment_without_an_end_takes_nothing_back(connection: Connection) -> None:
    check(connection, change(60, id="mine"))
    undecided = record_evidence(connection, "mine", ChangeVerdict.SUSPECTED, None, notes=["the old binary is gone"])
    assert (undecided.verdict, undecided.notes) == (ChangeVerdict.SUSPECTED, ("the old binary is gone",))
    record_evidence(connection, "mine", ChangeVerdict.CONFIRMED, experiment())
    known = record_evidence(connection, "mine", ChangeVerdict.SUSPECTED, None, notes=["the device is gone"])
    assert (known.verdict, known.evidence, known.notes) == (
        ChangeVerdict.CONFIRMED,
        experiment(),
        ("the device is gone",),
    )


def test_evidence_has_a_finite_interval_and_a_change(connection: Connection) -> None:
    check(connection, change(60, id="mine"))
    with pytest.raises(ValueError, match="finite"):
        record_evidence(connection, "mine", ChangeVerdict.CONFIRMED, replace(experiment(), ci_high=float("inf")))
    with pytest.raises(UsageError, match="has no change mime"):
        record_evidence(connection, "mime", ChangeVerdict.CONFIRMED, experiment())


def test_a_suspicion_that_is_no_longer_found_falls_silent_and_stays(connection: Connection) -> None:
    check(connection, change(60, id="mine"))
    [gone] = check(connection, days=1)
    assert (gone.id, gone.unseen_since, gone.counts) == ("mine", LATER, False)
    assert gone.notes == (f"no longer seen since {LATER:%Y-%m-%d}: later nights do not bear it out",)
    [still] = check(connection, days=2)
    assert still.unseen_since == LATER, "since the first check without it"
    [back] = check(connection, change(61), days=3)
    assert (back.id, back.unseen_since, back.counts, back.notes) == ("mine", None, True, ())


def test_only_a_check_that_looked_misses_a_change(connection: Connection) -> None:
    check(connection, change(60, id="mine"))
    other = series([1000.0] * 80, key("R5CT2"))
    later = replace(NIGHTS, estimates=NIGHTS.estimates[70:])
    check(connection, looked_at=other)
    check(connection, looked_at=later)
    merge_found(connection, (), LATER)
    [known] = known_changes(connection)
    assert known.unseen_since is None


def test_what_an_experiment_confirmed_does_not_fall_silent(connection: Connection) -> None:
    check(connection, change(60, id="mine"))
    record_evidence(connection, "mine", ChangeVerdict.CONFIRMED, experiment())
    [known] = check(connection, days=1)
    assert (known.verdict, known.counts) == (ChangeVerdict.CONFIRMED, True)


def test_a_regression_is_over_when_the_level_is_back(connection: Connection) -> None:
    there = change(40, id="there")
    part = change(60, id="back", ratio=0.99, before=1030.0)
    whole = replace(part, after=1001.0)
    assert all(one.counts for one in check(connection, there, part))
    over, back = check(connection, there, whole, days=1)
    assert (over.mended_since, over.counts) == (night(60), False)
    assert over.notes == (f"the level before it is back since {night(60):%Y-%m-%d}",)
    assert back.counts
    again, _ = check(connection, there, replace(whole, kind="tonight"), days=2)
    assert again.mended_since is None, "the latest nights alone may show it by chance"


def test_an_improvement_before_it_mends_nothing(connection: Connection) -> None:
    _, known = check(connection, replace(change(40, ratio=0.9), after=900.0), change(60, id="mine"))
    assert known.mended_since is None


def test_groups_go_on_under_their_first_name(connection: Connection) -> None:
    mine, other = change(60, id="a", group="old"), change(60, of=key("R5CT2"), id="b", group="new")
    check(connection, mine)
    merge_found(connection, [replace(mine, group="new"), other], LATER, series=[NIGHTS])
    assert {one.id: one.group for one in known_changes(connection)} == {"a": "old", "b": "old"}


def test_a_whole_group_is_accepted_muted_and_let_count_again(connection: Connection) -> None:
    merge_found(connection, [change(60, id="a", group="g"), change(60, of=key("R5CT2"), id="b", group="g")], NOW)
    assert {one.id for one in change_log.accept(connection, "g", NOW)} == {"a", "b"}
    assert not any(one.counts for one in known_changes(connection))
    assert all(one.counts for one in change_log.accept(connection, "g", NOW, undo=True))
    [muted] = change_log.mute(connection, "a", NOW)
    assert (muted.muted, muted.muted_until) == (True, None)
    [heard] = change_log.unmute(connection, "a", NOW)
    assert heard.counts


def test_what_is_muted_until_a_day_counts_from_then_on(connection: Connection) -> None:
    check(connection, change(60, id="mine"))
    change_log.mute(connection, "mine", NOW, until=LATER)
    [before] = known_changes(connection, now=LATER - timedelta(seconds=1))
    [after] = known_changes(connection, now=LATER)
    assert (before.muted, after.muted) == (True, False)
    with pytest.raises(UsageError, match="has passed"):
        change_log.mute(connection, "mine", LATER, until=NOW)


def test_an_unknown_id_is_refused_with_near_ones(connection: Connection) -> None:
    with pytest.raises(UsageError, match=r"has no change x \(it has none: harness history check\)"):
        change_log.accept(connection, "x", NOW)
    check(connection, change(60, id="a1b2c3"))
    with pytest.raises(UsageError, match=r"did you mean a1b2c3\?"):
        change_log.mute(connection, "a1b2c4", NOW)
    with pytest.raises(UsageError, match="the latest are a1b2c3"):
        change_log.unmute(connection, "zzzzzz", NOW)


def test_a_series_that_the_history_does_not_have_is_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="no series m on stranger"):
        merge_found(connection, [change(of=key("stranger"))], NOW)


def test_somebody_is_told_once(connection: Connection) -> None:
    check(connection, change(60, id="a"), change(30, id="b"))
    change_log.mark_notified(connection, ["a"], NOW)
    assert change_log.notified(connection) == {"a"}
    check(connection, change(61), change(30))
    assert change_log.notified(connection) == {"a"}


def test_two_checks_at_once_store_a_change_once(database_url: str) -> None:
    with open_history(database_url) as db, db.begin() as opened:
        store(opened, [NIGHTS])
    both, stored = Barrier(2), []

    def one_check(name: str) -> None:
        with open_history(database_url) as db:
            both.wait()
            with db.begin() as opened:
                stored.append(merge_found(opened, [change(60, id=name)], NOW, series=[NIGHTS]))

    threads = [Thread(target=one_check, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = stored
    assert first == second
    assert len(first) == 1
