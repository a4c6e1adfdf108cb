"""A short fixed workload, timed before and after each block of trials, that shows whether a device became slower.

It notices a slowdown that the device's thermal status does not report.

It is the smallest model of the suite on XNNPACK with one thread, on the cores of the first trial.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from harness.conditions.thermal_limits import CANARY_RATIO
from harness.errors import DeviceError
from harness.records import DelegateRequest, Purpose, Result, RunLengths, Status, Trial

RunCanary = Callable[[Trial], Result]
"""Runs a trial with the model that the canary uses.

Raises:
    DeviceError: the device failed.
"""

_RUN = RunLengths(min_runs=20, min_s=0.2, max_s=3.0, warmup_runs=2, warmup_s=0.1, timeout_s=30.0)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_TRIES = 3
"""How often a slow canary after a block is timed: noise passes within a second, heat does not."""
_FRESH_S = 5.0
"""How long the time after a block also counts as the time before the next one."""


class _NotTimed(Exception):
    """The canary produced no number. The message says why. Never leaves this module."""


class Canary:
    """The canary of one device.

    Args:
        run: runs one trial.
        note: tells the watcher.
        pause: waits for this many seconds; raises Cancelled if the run is ending.
    """

    def __init__(self, run: RunCanary, note: Callable[[str], None], pause: Callable[[float], None]) -> None:
        self._run, self._note, self._pause = run, note, pause
        self._template: Trial | None = None
        self._block: int | None = None
        self._first_us: float | None = None
        self._timed_at = -_FRESH_S
        self.us: float | None = None
        """The canary's fastest run before the current block; None if it was not timed."""
        self.after_us: float | None = None
        """Its fastest run after the block; None until the block has ended, or if it could not be timed."""
        self.missing: str | None = None
        """Why it was not timed before the block, in one sentence."""
        self.after_missing: str | None = None
        """Why it was not timed after the block, in one sentence."""

    @property
    def ratio(self) -> float | None:
        """Canary time before the block, as a multiple of the session's first."""
        return self.us / self._first_us if self.us and self._first_us else None

    @property
    def after_ratio(self) -> float | None:
        """Canary time after the block, as a multiple of the session's first."""
        return self.after_us / self._first_us if self.after_us and self._first_us else None

    def before(self, trial: Trial, *, wait_s: float, again: bool = False) -> bool:
        """Time the canary at the start of a block. If it is slow, wait until it is as fast as at first.

        Args:
            trial: the next one.
            wait_s: longest wait in seconds.
            again: the trial is a repeat because of heat, so the block's earlier timing no longer applies.

        Returns:
            Whether the canary ran, and so warmed the device.
        """
        if trial.block == self._block and not again:
            return False
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
        fresh_us, ran = self.after_us if began - self._timed_at < _FRESH_S else None, False
        self.us = self.after_us = self.missing = self.after_missing = None
        while True:
            try:
                self.us, ran = (fresh_us, ran) if fresh_us else (self._time(template), True)
            except _NotTimed as error:
                self.us, self.missing = None, self._told("before the block", error)
                return True
            except DeviceError as error:
                self.us, self.missing = None, self._told("before the block", error)
                raise
            fresh_us = None
            self._first_us = self._first_us or self.us
            left_s = wait_s - (time.monotonic() - began)
            if self.ratio is None or self.ratio <= CANARY_RATIO or left_s <= 0:
                return ran
            self._note(f"waits: the canary took {self.ratio:.2f} times as long as at first")
            self._pause(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def after(self, trial: Trial) -> None:
        """Time the canary after the last trial of a block. A device failure here is left for the next command to report."""
        if self._template is None or trial.block != self._block:
            return
        template = replace(self._template, trial_id=f"canary-after-{trial.trial_id}")
        self.after_us = None
        try:
            for _ in range(_TRIES):
                self.after_us = min(self._time(template), self.after_us or math.inf)
                if self.after_ratio is None or self.after_ratio <= CANARY_RATIO:
                    break
        except (_NotTimed, DeviceError) as error:
            self.after_us = None
            self.after_missing = self._told("after the block", error)

    def at_end(self) -> None:
        """Time the canary once more, unless that was just done, and tell the watcher how it compares."""
        template, self._template = self._template, None
        if template is None or not self._first_us:
            return
        us = self.after_us if time.monotonic() - self._timed_at < _FRESH_S else None
        try:
            us = us or self._time(replace(template, trial_id=f"canary-end-{template.trial_id}"))
            self._note(f"canary at the end: {us / self._first_us:.2f} times its first run")
        except _NotTimed as error:
            self._told("at the end", error)

    def _told(self, when: str, why: Exception) -> str:
        words = f"the canary did not run {when}: {why}"
        self._note(words)
        return words

    def _time(self, template: Trial) -> float:
        result = self._run(template)
        runs = result.measurement.runs if result.measurement and result.status is not Status.FAILED else None
        if runs is None or runs.min is None:
            raise _NotTimed(result.message or "it printed no latencies")
        self._timed_at = time.monotonic()
        # The fastest run: other processes on the device slow an average down, but heat slows every run.
        return runs.min
