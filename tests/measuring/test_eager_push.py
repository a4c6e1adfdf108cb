"""Models that are pushed while the device measures: what waits for what, what ends it, and which results say so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from harness.devices.push import Blob
from harness.devices.target import Cancelled
from harness.errors import DeviceLost, StorageFull
from harness.measuring.eager_push import EagerPush
from tests.analysis.made_up import result

A, B, C = (Blob(path=Path(f"{name}.tflite"), sha256=name * 64, size=1) for name in "abc")
PATIENCE_S = 60.0


class Link:
    """Pushes a file when the test says so."""

    def __init__(self, fails: dict[Blob, BaseException] | None = None) -> None:
        self.fails = fails or {}
        self.began: list[Blob] = []
        self.notes: list[str] = []
        self._begun = threading.Semaphore(0)
        self._may_end = threading.Semaphore(0)

    def push(self, blob: Blob, stop: threading.Event) -> None:
        self.began.append(blob)
        self._begun.release()
        while not self._may_end.acquire(timeout=0.01):
            if stop.is_set():
                raise Cancelled
        if blob in self.fails:
            raise self.fails[blob]

    def wait_for_one(self) -> None:
        assert self._begun.acquire(timeout=PATIENCE_S), "no push began"

    def let_one_end(self) -> None:
        self._may_end.release()


Start = Callable[..., EagerPush]


@pytest.fixture
def cancel() -> threading.Event:
    return threading.Event()


@pytest.fixture
def start(cancel: threading.Event) -> Iterator[Start]:
    started: list[EagerPush] = []

    def begin(link: Link, *blobs: Blob) -> EagerPush:
        started.append(EagerPush(link.push, blobs, cancel, link.notes.append))
        return started[-1]

    yield begin
    for one in started:
        one.stop()


def ended(eager: EagerPush) -> bool:
    eager._thread.join(PATIENCE_S)
    return not eager._thread.is_alive()


def test_files_go_one_after_the_other_and_who_needs_one_waits_for_it(start: Start) -> None:
    link = Link()
    eager = start(link, A, B)
    link.wait_for_one()
    took: list[bool] = []
    waiter = threading.Thread(target=lambda: took.append(eager.take(A)))
    waiter.start()
    assert (link.began, took) == ([A], [])
    link.let_one_end()
    waiter.join(PATIENCE_S)
    assert took == [True]
    link.wait_for_one()
    link.let_one_end()
    assert ended(eager)
    assert (link.began, eager.take(B), link.notes) == ([A, B], True, [])


def test_a_file_that_is_needed_before_its_turn_is_left_to_who_needs_it(start: Start) -> None:
    link = Link()
    eager = start(link, A, B, C)
    link.wait_for_one()
    assert not eager.take(B)
    link.let_one_end()
    link.wait_for_one()
    link.let_one_end()
    assert ended(eager)
    assert link.began == [A, C]
    assert not eager.take(B)


@pytest.mark.parametrize("error", [DeviceLost("gone", serial="phone"), StorageFull("no room", serial="phone")])
def test_a_failing_device_ends_it_and_the_rest_is_left_to_who_needs_it(start: Start, error: Exception) -> None:
    link = Link({A: error})
    eager = start(link, A, B)
    link.let_one_end()
    assert ended(eager)
    assert link.began == [A]
    assert (eager.take(A), eager.take(B)) == (False, False)
    assert link.notes == [f"pushes no more beside its trials: {error.message}"]  # type: ignore[attr-defined]  # DeviceError's


def test_a_file_that_vanished_concerns_no_other(start: Start) -> None:
    link = Link({A: FileNotFoundError("a.tflite")})
    eager = start(link, A, B)
    link.let_one_end()
    link.let_one_end()
    assert ended(eager)
    assert (eager.take(A), eager.take(B), link.notes) == (False, True, [])


def test_an_error_that_nobody_foresaw_ends_only_the_thread(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    link = Link({A: ZeroDivisionError()})
    eager = start(link, A, B)
    link.let_one_end()
    assert ended(eager)
    assert (eager.take(A), eager.take(B)) == (False, False)
    assert "nobody foresaw" in caplog.text


def test_stop_ends_it_in_the_middle_of_a_file(start: Start) -> None:
    link = Link()
    eager = start(link, A, B)
    link.wait_for_one()
    eager.stop()
    assert ended(eager)
    assert (link.began, eager.take(A), eager.take(B), link.notes) == ([A], False, False, [])


def test_the_end_of_the_run_ends_it_and_who_waits_for_it(start: Start, cancel: threading.Event) -> None:
    class Deaf(Link):
        """Does not hear that it should stop, as a push that is deep in a system call."""

        def push(self, blob: Blob, stop: threading.Event) -> None:
            super().push(blob, threading.Event())

    link = Deaf()
    eager = start(link, A, B)
    link.wait_for_one()
    cancel.set()
    with pytest.raises(Cancelled):
        eager.take(A)
    link.let_one_end()
    assert ended(eager)
    assert link.began == [A]


def test_results_of_trials_that_ran_meanwhile_say_so(start: Start) -> None:
    link = Link()
    eager = start(link, A)
    link.wait_for_one()
    (push,) = eager._pushes
    during = replace(result(1000.0), started_at=push.began - timedelta(seconds=1), duration_s=2.0)
    before = replace(during, duration_s=0.5)
    disturbed = replace(during, conditions=replace(during.conditions, pushed_beside=("a.tflite",)))
    assert eager.disturbed(during) == disturbed
    assert eager.disturbed(before) is before
    link.let_one_end()
    assert ended(eager)
    assert push.ended is not None
    after = replace(during, started_at=push.ended, duration_s=5.0)
    assert eager.disturbed(after) is after
    assert eager.disturbed(during) == disturbed


def test_a_push_that_the_end_of_the_run_cut_short_is_not_begun_again(start: Start, cancel: threading.Event) -> None:
    """However late the caller looks: the thread may have ended by then."""
    link = Link()
    eager = start(link, A)
    link.wait_for_one()
    cancel.set()
    assert ended(eager)
    with pytest.raises(Cancelled):
        eager.take(A)


def test_what_has_arrived_is_there_though_the_run_ends(start: Start, cancel: threading.Event) -> None:
    link = Link()
    eager = start(link, A)
    link.wait_for_one()
    link.let_one_end()
    assert ended(eager)
    cancel.set()
    assert eager.take(A)
