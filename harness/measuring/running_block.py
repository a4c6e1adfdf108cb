"""The trials that a device runs ahead of the host: it measures the next one while the host parses, judges and stores the last."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import DeviceError, StableError
from harness.measuring.block_run import BlockRun
from harness.measuring.conditioning import Conditioning
from harness.measuring.ready_trial import ReadyTrial
from harness.measuring.turns import Turns
from harness.records import Result, Trial

MOST_TRIALS = 100
MOST_CHARACTERS = 50_000
"""Largest block: trials, and characters of shell text. A request to an ADB server has at most 65,535 bytes (SERVICES.TXT)."""


class RunningBlock:
    """The block that runs on one device now, or whose last results have not been fetched yet.

    Args:
        conditions: they decide which trials may follow each other without the host.
        ready: makes a trial ready, or returns the result of one that cannot run. Raises DeviceError.
        is_there: whether a trial's model is on the device. A trial whose model has not arrived must not delay the others.
        slot: held while one trial runs, if devices share cores; then no trial runs ahead.
        log_dir: makes the folder for a trial's raw output, from the trial's id.
        cancel: set when the run is ending.
    """

    def __init__(
        self,
        conditions: Conditioning,
        ready: Callable[[Trial], ReadyTrial | Result],
        *,
        is_there: Callable[[Trial], bool],
        slot: Turns | None,
        log_dir: Callable[[str], Path],
        cancel: threading.Event,
    ) -> None:
        self._conditions, self._ready, self._is_there = conditions, ready, is_there
        self._slot, self._log_dir, self._cancel = slot, log_dir, cancel
        self._block: BlockRun | None = None
        self._not_run: dict[str, Result] = {}
        """The trials of the block that cannot run, by id."""

    def runs(self, trial: Trial) -> bool:
        """Return whether this trial comes next on the device, unless the device stops first. If others come next, they are dropped."""
        if trial.trial_id in self._not_run or (self._block is not None and self._block.next_is(trial)):
            return True
        self.drop()
        return False

    def next_result(self, trial: Trial) -> Result | None:
        """Return the result of a trial that the device has; None if it stopped before it.

        Raises:
            DeviceError: the device failed.
            Cancelled: the run is ending.
        """
        if (known := self._not_run.pop(trial.trial_id, None)) is not None:
            return known
        return None if self._block is None else self._block.result(self._log_dir)

    def begin(self, first: ReadyTrial, coming: Sequence[Trial]) -> tuple[Result, float]:
        """Begin a block. Return the result of its first trial, and the seconds that it waited for its turn.

        Args:
            first: runs now.
            coming: the trials that will be asked for next, in order. The device may begin them.

        Raises:
            DeviceError: the device failed.
            Cancelled: the run is ending.
        """
        self.drop()
        asked = time.monotonic()
        with contextlib.nullcontext() if self._slot is None else self._slot.turn(self._cancel):
            waited_s = time.monotonic() - asked
            # Devices that share cores take turns after each trial.
            further = self._further(first, coming) if self._slot is None else []
            self._block = BlockRun([first, *further], self._conditions.device_gate(), self._cancel)
            result = self._block.result(self._log_dir)
        if result is None:
            raise StableError("it did not begin the first trial of a block", serial=first.trial.device)
        return result, waited_s

    def finish(self) -> None:
        """Wait for the running trial, and let no other begin. You can still fetch the results so far.

        Raises:
            DeviceError: the device failed.
            Cancelled: the run is ending.
        """
        if self._block is not None:
            self._block.finish()

    def drop(self) -> None:
        """End the running block. Its trials will run again."""
        block, self._block = self._block, None
        self._not_run.clear()
        if block is not None:
            block.drop()

    def _further(self, first: ReadyTrial, coming: Sequence[Trial]) -> list[ReadyTrial]:
        further: list[ReadyTrial] = []
        room = MOST_CHARACTERS - first.size
        for after in coming[:MOST_TRIALS]:
            if not (self._conditions.may_follow(first.trial, after) and self._is_there(after)):
                break
            try:
                ready = self._ready(after)
            except DeviceError:
                break  # returned when that trial's turn comes
            if isinstance(ready, Result):
                self._not_run[after.trial_id] = ready
                continue
            room -= ready.size
            if room < 0:
                break
            further.append(ready)
        return further
