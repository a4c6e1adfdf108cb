"""Which suspicions are put to the test, in which order, and with how much of the budget."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.experiments.confirm_open import Tried, confirm_open, open_suspicions
from harness.history.database import HistoryDatabase, open_history
from harness.records.history import ChangeVerdict
from tests.experiments.changes_made_up import change, night

NIGHTS = [night(0), night(1, binary="new")]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[HistoryDatabase]:
    with open_history(str(tmp_path / "history.db")) as opened:
        yield opened


def test_the_worst_of_each_group_comes_before_the_rest_of_any() -> None:
    every = [
        change(NIGHTS, 1, name="a1", group="a", ratio=1.5),
        change(NIGHTS, 1, name="a2", group="a", ratio=1.4),
        change(NIGHTS, 1, name="b1", group="b", ratio=1.1),
        change(NIGHTS, 1, name="c1", group="c", ratio=1.3),
        change(NIGHTS, 1, name="b2", group="b", ratio=1.05),
    ]
    assert [one.id for one in open_suspicions(every)] == ["a1", "c1", "b1", "a2", "b2"]


def test_only_open_suspicions_of_something_worse_are_tried() -> None:
    others = [
        change(NIGHTS, 1, name=str(one), verdict=one) for one in ChangeVerdict if one is not ChangeVerdict.SUSPECTED
    ]
    others += [change(NIGHTS, 1, name="accepted", accepted=True), change(NIGHTS, 1, name="better", ratio=0.8)]
    assert open_suspicions(others) == ()


def test_a_suspicion_that_cannot_be_tried_says_why_and_the_next_one_is_looked_at(db: HistoryDatabase) -> None:
    """The history does not have these at all, as if somebody had removed their runs meanwhile."""
    every = [change(NIGHTS, 1, name=name, group=name) for name in ("c1", "c2")]
    heard: list[Tried] = []
    tried = confirm_open(db, every, 60.0, tried=heard.append)
    assert [one.change.id for one in tried] == ["c1", "c2"]
    assert all(one.confirmation is None and one.why_not for one in tried)
    assert heard == list(tried)
