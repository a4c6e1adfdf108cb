"""A short fixed workload, timed before each block of trials and at the end: shows that a device became slower, whatever it says of heat.

It is the smallest model of the suite on XNNPACK with one thread, on the cores of the first trial.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from harness.conditions.verdict import CANARY_RATIO
from harness.records import DelegateRequest, Purpose, Result, RunLengths, Status, Trial

RunCanary = Callable[[Trial], Result]
"""Runs a trial with the model that the canary uses.

Raises:
    DeviceError: the device failed.
"""

_RUN = RunLengths(min_runs=20, min_s=0.2, max_s=3.0, warmup_runs=2, warmup_s=0.1, timeout_s=30.0)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0


class Canary:
    """The canary of one device.

    Args:
        run: runs it.
        note: tells the watcher.
        pause: waits for so many seconds; raises Cancelled where the run is being ended.
    """

    def __init__(self, run: RunCanary, note: Callable[[str], None], pause: Callable[[float], None]) -> None:
        self._run, self._note, self._pause = run, note, pause
        self._template: Trial | None = None
        self._block: int | None = None
        self._first_us: float | None = None
        self.us: float | None = None
        """Its fastest run before the present block; None where it was not timed."""

    @property
    def ratio(self) -> float | None:
        """The same as a multiple of the session's first."""
        return self.us / self._first_us if self.us and self._first_us else None

    def before(self, trial: Trial, *, wait_s: float) -> None:
        """Time it where a block begins. Where it is slow, wait for it to be itself again.

        Args:
            trial: the next one.
            wait_s: for how long at most.
        """
        if trial.block == self._block:
            return
        self._block = trial.block
        if self._template is None:
            self._template = replace(
                trial,
                delegate=DelegateRequest(name="xnnpack", require="any"),
                threads=1,
                start="warm",
                purpose=Purpose.LATENCY,
                run=_RUN,
            )
        template = replace(self._template, trial_id=f"canary-{trial.trial_id}")
        began, pause_s = time.monotonic(), _FIRST_PAUSE_S
        while True:
            self.us = self._time(template)
            self._first_us = self._first_us or self.us
            left_s = wait_s - (time.monotonic() - began)
            if self.ratio is None or self.ratio <= CANARY_RATIO or left_s <= 0:
                return
            self._note(f"waits: the canary took {self.ratio:.2f} times as long as at first")
            self._pause(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def at_end(self) -> None:
        """Time it once more, and say how it compares."""
        template, self._template = self._template, None
        if (
            template is not None
            and self._first_us
            and (us := self._time(replace(template, trial_id=f"canary-end-{template.trial_id}")))
        ):
            self._note(f"canary at the end: {us / self._first_us:.2f} times its first run")

    def _time(self, template: Trial) -> float | None:
        self.us = None
        result = self._run(template)
        runs = result.measurement.runs if result.measurement and result.status is not Status.FAILED else None
        if runs is None or runs.min is None:
            self._note(f"the canary did not run: {result.message}")
            return None
        # The fastest of its runs: others on the device slow an average down, heat slows every run.
        return runs.min
