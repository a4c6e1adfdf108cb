"""Results are stored in order, announced once they are on the disk, and the lanes go on meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from harness.errors import SetupError
from harness.measuring.result_writer import ResultWriter
from harness.records import Result
from tests.analysis.made_up import result


def numbered(count: int) -> list[Result]:
    made = result(1000.0)
    return [replace(made, trial=replace(made.trial, trial_id=f"t{number}")) for number in range(count)]


def test_what_comes_while_the_disk_is_busy_is_written_together() -> None:
    busy, go_on = threading.Event(), threading.Event()
    batches: list[list[str]] = []
    told: list[str] = []

    def store(results: Sequence[Result]) -> None:
        batches.append([one.trial.trial_id for one in results])
        busy.set()
        assert go_on.wait(60)

    first, *others = numbered(5)
    with ResultWriter(store, lambda one: told.append(one.trial.trial_id), lambda error: None) as writer:
        writer.put(first)
        assert busy.wait(60)
        for one in others:
            writer.put(one)
        assert told == [], "nothing is told before it is on the disk"
        go_on.set()
        writer.drain()
        assert batches == [["t0"], ["t1", "t2", "t3", "t4"]]
    assert told == ["t0", "t1", "t2", "t3", "t4"]


def test_the_end_waits_for_everything() -> None:
    stored: list[str] = []
    with ResultWriter(
        lambda some: stored.extend(one.trial.trial_id for one in some), lambda _: None, lambda _: None
    ) as w:
        for one in numbered(50):
            w.put(one)
    assert stored == [f"t{number}" for number in range(50)]


def test_a_full_disk_is_told_once_and_nothing_is_announced() -> None:
    told: list[Result] = []
    errors: list[Exception] = []

    def store(results: Sequence[Result]) -> None:
        raise SetupError("no room")

    with ResultWriter(store, told.append, errors.append) as writer:
        for one in numbered(3):
            writer.put(one)
            writer.drain()
    assert told == []
    assert [str(error) for error in errors] == ["no room"]


def test_a_watcher_that_breaks_ends_nothing_silently() -> None:
    errors: list[Exception] = []

    def tell(one: Result) -> None:
        raise ZeroDivisionError

    with ResultWriter(lambda some: None, tell, errors.append) as writer:
        writer.put(numbered(1)[0])
        writer.drain()
    assert [type(error) for error in errors] == [ZeroDivisionError]
