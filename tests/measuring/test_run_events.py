"""A watcher that cannot say what it is told."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

import pytest

from harness.analysis.stopping import Step
from harness.measuring.run_events import Unheard
from harness.records import Result, Trial
from tests.analysis.made_up import result


@dataclass
class Watcher:
    """Raises whatever it is told, and counts that."""

    error: BaseException
    told: list[str] = field(default_factory=list)

    def _say(self, verb: str) -> None:
        self.told.append(verb)
        raise self.error

    def started(self, trial: Trial) -> None:
        self._say("started")

    def finished(self, result: Result) -> None:
        self._say("finished")

    def note(self, serial: str, message: str) -> None:
        self._say("note")

    def looked(self, step: Step) -> None:
        self._say("looked")


STEP = Step(
    device="phone", trials=(), decisions=(), earlier=(), blocks=1, compared=0, going_on=0, widest=None, spared=0
)


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(errno.ENOSPC, "full"), SystemExit(1)], ids=repr)
def test_one_without_readers_or_room_disturbs_nothing(error: BaseException) -> None:
    watcher = Watcher(error)
    unheard = Unheard(watcher)
    one = result(1000.0)
    unheard.started(one.trial)
    unheard.finished(one)
    unheard.note("phone", "is well again")
    unheard.looked(STEP)
    assert watcher.told == ["started", "finished", "note", "looked"]


def test_its_own_mistakes_are_told() -> None:
    with pytest.raises(ZeroDivisionError):
        Unheard(Watcher(ZeroDivisionError())).note("phone", "is well again")
