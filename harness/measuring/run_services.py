"""What a run passes to the session of each device: plain values, the listener, and when to give up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.conditions.request import ConditionsRequest
from harness.devices.device_config import DeviceConfig
from harness.devices.push import Blob
from harness.measuring.lane_plan import Patience
from harness.measuring.program_facts import HelpTexts
from harness.models.accuracy_case import AccuracyCase
from harness.records import ModelRef, Trial


class SessionEvents(Protocol):
    """Receives events from the devices of a run. Called from several threads."""

    def started(self, trial: Trial) -> None:
        """A trial begins."""

    def note(self, serial: str, message: str) -> None:
        """Something happened that a watcher should know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunServices:
    """What the sessions of one run share.

    Args:
        owner: the run's id; it holds the lease on each device.
        wait_for_lease_s: how long to wait for a device that another process holds.
        conditions: the conditions that the suite asks for.
        patience: how long and how often to try.
        configs: device configs, needed to take a device's inventory again.
        models: model files by SHA-256.
        canary_model: the model that the canary runs, with its signature and inputs.
        help_texts: stored help texts of binaries; None stores nothing.
        log_dir: makes the folder for a trial's raw output, from the trial's id.
        events: receives what happens.
        cancel: set when the run is ending.
        accuracy: by model, the inputs and references of its accuracy trials, or why they are skipped.
        eager_push: whether models may be pushed while a device measures.
    """

    owner: str
    wait_for_lease_s: float
    conditions: ConditionsRequest
    patience: Patience
    configs: Mapping[str, DeviceConfig]
    models: Mapping[str, Blob]
    canary_model: ModelRef
    help_texts: HelpTexts | None
    log_dir: Callable[[str], Path]
    events: SessionEvents
    cancel: threading.Event
    eager_push: bool = False
    accuracy: Mapping[ModelRef, AccuracyCase | str] = field(default_factory=dict)
