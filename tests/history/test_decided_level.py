from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection, insert, select

from harness.api.check_history import check_history
from harness.history import change_log, tables
from harness.history.change_log import merge_found, notified, record_evidence
from harness.history.database import HistoryDatabase, open_history
from harness.records.history import Change, ChangeVerdict, Evidence
from tests.history.made_up_history import NOW, change, estimate_row, night, series, store, store_run

NIGHTS = series([1000.0] * 60 + [1030.0] * 20)
NO_DIFFERENCE = Evidence(
    run_id="experiment", run_path="/runs/experiment", ratio=1.0, ci_low=0.995, ci_high=1.005, device_s=90.0, at=NOW
)
AT_DECISION = 32
"""Nights of the made-up series when the change is decided: it began on night 29."""
NEW_BINARY = "c" * 64


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with open_history(database_url) as db, db.begin() as opened:
        store(opened, [NIGHTS])
        yield opened


def check(connection: Connection, found: Change) -> Change:
    [known] = merge_found(connection, [found], NOW, series=[NIGHTS])
    return known


def decide(connection: Connection, number: str, how: str) -> None:
    if how == "refuted":
        record_evidence(connection, number, ChangeVerdict.REFUTED, NO_DIFFERENCE)
    elif how == "accepted":
        change_log.accept(connection, number, NOW)
    else:
        record_evidence(connection, number, ChangeVerdict.CONFIRMED, NO_DIFFERENCE)


def beyond(ratio: float = 1.10) -> Change:
    return change(61, ratio=ratio, id="again")


@pytest.mark.parametrize("how", ["refuted", "accepted"])
def test_what_lies_beyond_a_decision_is_a_suspicion_again(connection: Connection, how: str) -> None:
    check(connection, change(60, id="mine"))
    change_log.mark_notified(connection, ["mine"], NOW)
    decide(connection, "mine", how)
    known = check(connection, beyond())
    assert (known.id, known.verdict, known.accepted, known.counts) == ("mine", ChangeVerdict.SUSPECTED, False, True)
    assert known.evidence is None
    assert f"it lies beyond +3.0 % (+2.0 % to +4.0 %), which was {how} on " in known.notes[-1]
    assert "mine" not in notified(connection), "somebody is to be told again"


@pytest.mark.parametrize("how", ["refuted", "accepted"])
@pytest.mark.parametrize(
    "found", [change(57), change(63), change(61, ratio=1.049)], ids=["earlier", "later", "a little larger"]
)
def test_a_change_better_known_stays_decided(connection: Connection, how: str, found: Change) -> None:
    check(connection, change(60, id="mine"))
    decide(connection, "mine", how)
    known = check(connection, found)
    assert (known.verdict is ChangeVerdict.REFUTED, known.accepted) == (how == "refuted", how == "accepted")
    assert known.ratio == found.ratio


def test_it_can_be_decided_anew(connection: Connection) -> None:
    check(connection, change(60, id="mine"))
    decide(connection, "mine", "accepted")
    check(connection, beyond())
    decide(connection, "mine", "refuted")
    assert check(connection, beyond()).verdict is ChangeVerdict.REFUTED
    assert check(connection, beyond(1.2)).verdict is ChangeVerdict.SUSPECTED


def test_a_confirmed_regression_that_grows_stays_confirmed(connection: Connection) -> None:
    check(connection, change(60, id="mine"))
    decide(connection, "mine", "confirmed")
    assert check(connection, beyond()).verdict is ChangeVerdict.CONFIRMED
    decide(connection, "mine", "accepted")
    assert check(connection, beyond(1.2)).verdict is ChangeVerdict.SUSPECTED, "nobody measured or accepted so much"


def test_a_larger_improvement_stays_accepted(connection: Connection) -> None:
    check(connection, change(60, id="mine", ratio=0.95))
    decide(connection, "mine", "accepted")
    assert check(connection, beyond(0.8)).accepted


def test_what_changed_of_the_ground_explains_it_also_beyond(connection: Connection) -> None:
    check(connection, change(60, id="mine"))
    decide(connection, "mine", "refuted")
    explained = replace(beyond(), verdict=ChangeVerdict.EXPLAINED, explained_by=("another build",))
    assert check(connection, explained).verdict is ChangeVerdict.EXPLAINED


def history_over(db: HistoryDatabase, values: Sequence[float], how: str) -> list[Change]:
    """Check night by night, decide what was found after night `AT_DECISION`, and return the change as each later check knows it."""
    whole = series(values, binaries={AT_DECISION: NEW_BINARY})
    with db.begin() as connection:
        store(connection, [replace(whole, estimates=whole.estimates[:AT_DECISION])])
        number = connection.execute(select(tables.series.c.id)).scalar_one()
    [found] = check_history(db, now=night(AT_DECISION)).changes
    assert found.verdict is ChangeVerdict.SUSPECTED
    with db.begin() as connection:
        decide(connection, found.id, how)
    seen = []
    for place, estimate in enumerate(whole.estimates[AT_DECISION:], AT_DECISION):
        with db.begin() as connection:
            run = store_run(connection, estimate, "R5CT1")
            connection.execute(insert(tables.estimates), [estimate_row(estimate, number, run)])
        seen += [one for one in check_history(db, now=night(place + 1)).changes if one.worse]
    return seen


def noisy(seed: int, *, later: float) -> list[float]:
    """46 nights that differ by 1 %: 29 as usual, 3 warm ones 5 % slower, then `later`."""
    chance = Random(seed)
    levels = [1.0] * 29 + [1.05] * 3 + [later] * 14
    return [1000 * level * (1 + chance.gauss(0, 0.01)) for level in levels]


@pytest.mark.parametrize("how", ["refuted", "accepted"])
def test_a_real_regression_after_warm_nights_is_told(tmp_path: Path, how: str) -> None:
    with open_history(str(tmp_path / "history.db")) as db:
        seen = history_over(db, noisy(3, later=1.12), how)
    assert not (seen[0].verdict is ChangeVerdict.SUSPECTED and seen[0].counts), "one more night says nothing yet"
    assert seen[-1].verdict is ChangeVerdict.SUSPECTED
    assert seen[-1].counts


@pytest.mark.parametrize("how", ["refuted", "accepted"])
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_nights_that_only_differ_by_chance_reopen_nothing(tmp_path: Path, how: str, seed: int) -> None:
    with open_history(str(tmp_path / "history.db")) as db:
        seen = history_over(db, noisy(seed, later=1.05), how)
    assert seen
    assert all(one.verdict is ChangeVerdict.REFUTED or one.accepted for one in seen)
