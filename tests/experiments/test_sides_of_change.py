"""Which nights' files an experiment sets against each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.experiments.sides_of_change import NothingToRun, sides_of
from tests.experiments.changes_made_up import KEY, change, night, series


def test_the_sides_keep_away_from_the_date_which_may_be_wrong_by_a_night() -> None:
    nights = [night(number, binary=f"build {number}") for number in range(10)]
    sides = sides_of(change(nights, 6), series(*nights))
    assert (sides.old.run_id, sides.new.run_id) == ("night-3", "night-8")
    assert sides.words == "binary"


def test_they_end_where_the_series_does() -> None:
    nights = [night(number, binary=f"build {number}", model=f"model {number}") for number in range(3)]
    sides = sides_of(change(nights, 1), series(*nights))
    assert (sides.old.run_id, sides.new.run_id) == ("night-0", "night-2")
    assert sides.words == "binary and model"


def test_another_change_of_the_series_bounds_them() -> None:
    nights = [night(number, binary=f"build {number}") for number in range(12)]
    earlier, this, later = (change(nights, at, name=f"c{at}") for at in (5, 6, 8))
    sides = sides_of(this, series(*nights), (earlier, this, later))
    assert (sides.old.run_id, sides.new.run_id) == ("night-5", "night-7")
    elsewhere = change(nights, 5, name="other", key=replace(KEY, model="another"))
    assert sides_of(this, series(*nights), (elsewhere,)).old.run_id == "night-3"


def test_files_that_came_and_went_between_the_margins_are_those_of_the_date() -> None:
    nights = [night(number, binary="new" if number == 4 else "old") for number in range(9)]
    sides = sides_of(change(nights, 4), series(*nights))
    assert (sides.old.run_id, sides.new.run_id) == ("night-3", "night-4")


def test_the_same_files_on_both_sides_cannot_be_told_apart() -> None:
    nights = [night(number) for number in range(9)]
    with pytest.raises(NothingToRun, match="same files before and after, so neither caused the change"):
        sides_of(change(nights, 4), series(*nights))


def test_a_night_that_the_history_has_lost() -> None:
    nights = [night(number) for number in range(9)]
    with pytest.raises(UsageError, match="of run night-4 any more"):
        sides_of(change(nights, 4), series(*(one for one in nights if one.run_id != "night-4")))
