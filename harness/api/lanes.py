"""From chosen devices, binaries and trials to what each device is to do; and doing it."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.api.attached_devices import default_port, start_server
from harness.api.device_selection import ReadyDevice
from harness.api.run_watcher import RunWatcher
from harness.binaries.binary_store import BinaryStore
from harness.binaries.choice import Program
from harness.conditions.request import ConditionsRequest
from harness.devices.adb_target import server_is_up
from harness.devices.device_config import DeviceConfig
from harness.devices.push import Blob
from harness.errors import SetupError, UsageError
from harness.measuring.schedule import LanePlan, LanesOutcome, Patience, Schedule
from harness.runs.run_store import RunStore
from harness.suite.expand import Expansion

QUARANTINE_S = Patience().quarantine_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How many devices measure at a time, and how long they are waited for.

    Args:
        parallel_virtual: how many virtual devices measure at a time.
        wait_s: how long to wait for a device that another harness process holds, in seconds.
        quarantine_s: how long to wait for a device that keeps failing to get well, in seconds.
    """

    parallel_virtual: int = 1
    wait_s: float = 0.0
    quarantine_s: float = QUARANTINE_S

    def __post_init__(self) -> None:
        if self.parallel_virtual < 1:
            raise UsageError(f"--parallel-virtual is {self.parallel_virtual}: at least one device must measure")
        for option, seconds in (("--wait", self.wait_s), ("--quarantine", self.quarantine_s)):
            if not 0 <= seconds < math.inf:
                raise UsageError(f"{option} is {seconds}: it is a number of seconds")


def lanes_of(
    devices: Mapping[str, ReadyDevice],
    programs: Mapping[str, Mapping[str | None, Program]],
    expansion: Expansion,
    effort: Effort,
) -> list[LanePlan]:
    """One lane per device.

    Args:
        devices: by the serial that the run knows them by.
        programs: by the same serial.
        expansion: the trials of all devices.
        effort: how many virtual devices measure at a time.
    """
    slot = threading.Semaphore(effort.parallel_virtual)
    lanes = []
    for serial, one in devices.items():
        mine = programs[serial]
        trials, further = (
            tuple(trial for trial in trials if trial.device == serial)
            for trials in (expansion.trials, expansion.further)
        )
        lanes.append(
            LanePlan(
                target=one.target,
                inventory=replace(one.inventory, info=replace(one.inventory.info, serial=serial)),
                program=next(iter(mine.values())).blob,
                variants={name: program.blob for name, program in mine.items() if name is not None},
                trials=trials,
                further=further,
                impossible=tuple(item for item in expansion.impossible if item.trial.device == serial),
                slot=slot if one.inventory.info.virtual else None,
                revive_server=_start_users_server if one.target.port == default_port() else None,
            )
        )
    return lanes


def measure(
    store: RunStore,
    lanes: Sequence[LanePlan],
    configs: Mapping[str, DeviceConfig],
    conditions: ConditionsRequest,
    effort: Effort,
    watcher: RunWatcher,
    again: Collection[str] = (),
) -> LanesOutcome:
    """Run all trials that have no result yet, and those of `again`. Ctrl-C keeps what is finished.

    Raises:
        SetupError: results cannot be kept (a full disk); what is stored so far stays.
    """
    manifest = store.manifest
    models = {ref.sha256: Blob(path=Path(ref.path), sha256=ref.sha256, size=ref.size_bytes) for ref in manifest.models}
    total = len(manifest.planned) + len(manifest.further)
    with watcher.measuring(total, len(store.results()) - len(again), manifest.adaptive):
        schedule = Schedule(
            store,
            models,
            configs,
            watcher,
            owner=manifest.run_id,
            wait_for_lease_s=effort.wait_s,
            patience=Patience(quarantine_s=effort.quarantine_s),
            help_texts=BinaryStore(),
            conditions=conditions,
            again=again,
        )
        return schedule.run(lanes)


def _start_users_server() -> None:
    if server_is_up(default_port()):
        return
    with contextlib.suppress(SetupError):  # the lane goes on waiting, and says what it waits for
        start_server(default_port())
