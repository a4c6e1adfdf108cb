"""Turns are handed out in the order of asking, also past one that gave up."""

from __future__ import annotations

import threading

import pytest

from harness.devices.target import Cancelled
from harness.measuring.turns import Turns


class Asker:
    """A lane that asks for a turn in a thread, and notes in `order` when it has it."""

    def __init__(self, turns: Turns, name: str, order: list[str]) -> None:
        self.stands = threading.Event()
        """Set once it waits in the queue."""
        self.gave_up = False
        self.cancel = _Looked(self.stands)
        self._turns, self._name, self._order = turns, name, order
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            with self._turns.turn(self.cancel):
                self._order.append(self._name)
        except Cancelled:
            self.gave_up = True

    def join(self) -> None:
        self.thread.join(60)
        assert not self.thread.is_alive()


class _Looked(threading.Event):
    """Tells when somebody who waits has looked at it."""

    def __init__(self, looked: threading.Event) -> None:
        super().__init__()
        self._looked_at = looked

    def is_set(self) -> bool:
        self._looked_at.set()
        return super().is_set()


def standing(turns: Turns, name: str, order: list[str]) -> Asker:
    asker = Asker(turns, name, order)
    assert asker.stands.wait(60)
    return asker


def test_turns_come_in_the_order_of_asking() -> None:
    turns, order = Turns(1), list[str]()
    with turns.turn(threading.Event()):
        askers = [standing(turns, name, order) for name in ("first", "second", "third")]
    for asker in askers:
        asker.join()
    assert order == ["first", "second", "third"]


def test_who_has_had_a_turn_stands_behind_those_who_wait() -> None:
    turns, order, never = Turns(1), list[str](), threading.Event()
    for _ in range(3):
        with turns.turn(never):
            other = standing(turns, "other", order)
        with turns.turn(never):
            order.append("again")
        other.join()
    assert order == ["other", "again"] * 3


def test_as_many_work_at_a_time_as_are_allowed() -> None:
    turns, order, never = Turns(2), list[str](), threading.Event()
    with turns.turn(never), turns.turn(never):
        third = standing(turns, "third", order)
        assert order == []
    third.join()
    assert order == ["third"]


def test_who_gives_up_leaves_the_queue() -> None:
    turns, order = Turns(1), list[str]()
    with turns.turn(threading.Event()):
        first, second = (standing(turns, name, order) for name in ("first", "second"))
        first.cancel.set()
        first.join()
    second.join()
    assert first.gave_up
    assert order == ["second"]


def test_a_turn_is_given_back_by_who_fails() -> None:
    turns, never = Turns(1), threading.Event()
    with pytest.raises(ZeroDivisionError), turns.turn(never):
        raise ZeroDivisionError
    with turns.turn(never):
        pass
