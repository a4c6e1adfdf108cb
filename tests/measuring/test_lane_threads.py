"""Lanes side by side: all are waited for, whatever interrupts the waiting."""

from __future__ import annotations

import signal
import threading
import time
from functools import partial

import pytest

from harness.measuring.lane_threads import LaneThreads


def interrupt_main(after_s: float) -> None:
    time.sleep(after_s)
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def test_all_lanes_run_at_once_and_are_waited_for() -> None:
    ended: list[str] = []
    together = threading.Barrier(3, timeout=60)

    def lane(name: str) -> None:
        together.wait()
        ended.append(name)

    LaneThreads(threading.Event(), lambda count: None).run({name: partial(lane, name) for name in "abc"})
    assert sorted(ended) == ["a", "b", "c"]


@pytest.mark.parametrize("lanes", [1, 3])
def test_an_interrupt_is_told_and_does_not_end_the_waiting(lanes: int) -> None:
    cancel, ended, told = threading.Event(), [], []

    def lane() -> None:
        assert cancel.wait(20)
        time.sleep(0.5)  # what it takes to end what runs on a device
        ended.append(1)

    def interrupted(count: int) -> None:
        told.append(count)
        cancel.set()

    threading.Thread(target=interrupt_main, args=(0.3,), daemon=True).start()
    LaneThreads(cancel, interrupted).run({str(number): lane for number in range(lanes)})
    assert len(ended) == lanes
    assert told == [1]


def test_once_cancelled_no_lane_begins() -> None:
    cancel = threading.Event()
    cancel.set()
    LaneThreads(cancel, lambda count: None).run({"a": lambda: pytest.fail("it began")})
