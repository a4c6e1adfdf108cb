"""The measuring loop: how often a model runs, and when it stops."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.litert_host import tool_output as output
from harness.litert_host.session import Session
from harness.litert_host.statistics import Statistics, number


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """When to stop: after `runs` and `min_s`; no run starts after `max_s`. Pauses between runs are in seconds, negative for none."""

    runs: int
    min_s: float
    max_s: float
    delay_s: float = -1.0
    frequency_hz: float = -1.0


def _nothing() -> None:
    return None


def run_many(
    session: Session,
    limits: RunLimits,
    inputs: Sequence[bytes],
    *,
    after: Callable[[], None] = _nothing,
) -> tuple[Statistics, bool]:
    """Run a model repeatedly and print the line of its times.

    Only LiteRT's call is between the two readings of the clock; the inputs are written before each run.

    Args:
        session: a session that is ready to run.
        limits: when to stop.
        inputs: contents of the inputs.
        after: called after each run.

    Returns:
        The times in microseconds, and whether every run succeeded. As in the real tool, a failed run does not stop the others.
    """
    output.info(
        f"Running benchmark for at least {limits.runs} iterations and at least {number(limits.min_s)} seconds"
        f" but terminate if exceeding {number(limits.max_s)} seconds."
    )
    times, good = Statistics(), True
    gc.collect()
    gc.disable()
    clock = time.monotonic
    begin = clock()
    min_finish, max_finish = begin + limits.min_s, begin + limits.max_s
    next_start = begin
    now = begin
    while (times.count < limits.runs or now < min_finish) and now <= max_finish:
        for index, data in enumerate(inputs):
            session.write_input(index, data)
        status, elapsed_us = session.run()
        after()
        times.add(elapsed_us)
        good = good and not status
        if limits.frequency_hz > 0:
            next_start += 1 / limits.frequency_hz
            time.sleep(max(0.0, next_start - clock()))
        elif limits.delay_s > 0:
            time.sleep(limits.delay_s)
        now = clock()
    gc.enable()
    output.info(times.line(percentiles=True) + "\n")
    return times, good
