"""What one device is to do, how patient the scheduler is with it, and what its session may ask of the run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.benchmark_model.command_line import BinaryFacts
from harness.conditions.request import ConditionsRequest
from harness.devices.inventory import Inventory
from harness.devices.push import Blob
from harness.devices.target import Target
from harness.records import Impossible, ModelRef, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often the scheduler tries. Times in seconds of wall time.

    Args:
        attempts: how often a trial is tried when its device fails in a way that may pass.
        backoff_s: pause before the second attempt; twice that before the third.
        recovery_s: how long an attempt waits for a device that is gone; after that it counts as down.
        quarantine_after: after so many trials in a row that the device could not run it is taken out; one that is down, at once.
        quarantine_s: how long it is waited for then; 0 gives it up at once.
        probe_s: pause between two looks at its health, doubled each time up to 8 times this.
        quarantines: how often a device may come back.
        probe_timeout_s: what a look may take.
    """

    attempts: int = 3
    backoff_s: float = 1.0
    recovery_s: float = 60.0
    quarantine_after: int = 3
    quarantine_s: float = 300.0
    probe_s: float = 5.0
    quarantines: int = 5
    probe_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePlan:
    """What one device is to do.

    Args:
        target: the way to it.
        inventory: as taken when the run began.
        program: the benchmark binary for its ABI.
        variants: the binaries that trials name, where the suite compares several; `program` is one of them then.
        trials: in order; what the store already holds is passed over.
        further: blocks of an adaptive run beyond the least number; which of them run is decided after each block.
        impossible: what cannot run there; recorded as skipped.
        slot: held while the benchmark runs, where devices share the cores that they measure on (virtual devices of one host).
        revive_server: starts the device's ADB server anew; None where that is not ours to do.
    """

    target: Target
    inventory: Inventory
    program: Blob
    trials: tuple[Trial, ...]
    further: tuple[Trial, ...] = ()
    impossible: tuple[Impossible, ...] = ()
    slot: threading.Semaphore | None = None
    variants: Mapping[str, Blob] = field(default_factory=dict)
    revive_server: Callable[[], None] | None = None


class RunServices(Protocol):
    """What a session needs of the run that it belongs to."""

    cancel: threading.Event
    conditions: ConditionsRequest
    patience: Patience

    @property
    def lease(self) -> tuple[str, float]:
        """Owner, and how long to wait for somebody else's, in seconds."""

    def started(self, trial: Trial) -> None:
        """A trial begins."""

    def note(self, serial: str, message: str) -> None:
        """Something that a watcher should know."""

    def count_busy(self, serial: str, seconds: float) -> None:
        """Add to the time in which a device ran the benchmark."""

    def facts(self, target: Target, program: Blob) -> BinaryFacts:
        """What a binary knows."""

    def log_dir(self, trial: Trial) -> Path:
        """Where a trial's raw output goes."""

    def model(self, trial: Trial) -> Blob:
        """The file of a trial's model."""

    def canary_model(self) -> tuple[ModelRef, Blob]:
        """What the canary runs: the model with its signature and inputs, and its file."""

    def inventory(self, target: Target) -> Inventory:
        """What a device is by now."""
