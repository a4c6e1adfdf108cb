"""Plans the work of each device from devices, binaries and trials, and does it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.api.attached_devices import default_port, start_server
from harness.api.device_selection import ReadyDevice
from harness.api.run_watcher import RunWatcher
from harness.binaries.binary_store import BinaryStore
from harness.binaries.choice import HOST, Program
from harness.devices.adb_target import server_is_up
from harness.devices.device_config import DeviceConfig
from harness.devices.push import Blob
from harness.errors import SetupError, UsageError
from harness.measuring.schedule import LanePlan, LanesOutcome, Patience, Schedule
from harness.measuring.turns import Turns
from harness.models.accuracy_case import AccuracyCase
from harness.records import ModelRef
from harness.records.spans import span
from harness.runs.run_store import RunStore
from harness.suite.expand import Expansion
from harness.suite.suite_file import Suite

QUARANTINE_S = Patience().quarantine_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Limits of parallel work and of waits.

    Args:
        parallel_virtual: number of virtual devices that measure at a time; those that only wait do not count.
        wait_s: longest wait for a device that another harness process holds, in seconds.
        quarantine_s: longest wait for a failing device to recover, in seconds.
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
    """Plan a lane for each device.

    Args:
        devices: devices by their serial in the run.
        programs: binaries by the same serial.
        expansion: the trials of all devices.
        effort: limits how many virtual devices measure at a time.
    """
    turns = Turns(effort.parallel_virtual)
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
                slot=turns if _computes_here(one, mine.values()) else None,
                revive_server=_start_users_server if one.target.port == default_port() else None,
            )
        )
    return lanes


def _computes_here(device: ReadyDevice, programs: Collection[Program]) -> bool:
    """Return whether the device's processes need this machine's cores: not those of a phone, nor of a device that only waits."""
    waits = "ro.harness.waits_s" in device.inventory.properties and all(p.artifact.origin == HOST for p in programs)
    return device.inventory.info.virtual and not waits


def measure(
    store: RunStore,
    lanes: Sequence[LanePlan],
    configs: Mapping[str, DeviceConfig],
    suite: Suite,
    effort: Effort,
    watcher: RunWatcher,
    again: Collection[str] = (),
    accuracy: Mapping[ModelRef, AccuracyCase | str] | None = None,
) -> LanesOutcome:
    """Run all trials without a result, and those of `again`, under the suite's conditions. Ctrl-C keeps the results so far.

    Raises:
        SetupError: a result cannot be stored (a full disk); those stored before stay.
    """
    manifest = store.manifest
    models = {ref.sha256: Blob(path=Path(ref.path), sha256=ref.sha256, size=ref.size_bytes) for ref in manifest.models}
    total = len(manifest.planned) + len(manifest.further)
    with span("measure"), watcher.measuring(total, len(store.results()) - len(again), manifest.adaptive):
        schedule = Schedule(
            store,
            models,
            configs,
            watcher,
            owner=manifest.run_id,
            wait_for_lease_s=effort.wait_s,
            patience=Patience(quarantine_s=effort.quarantine_s),
            help_texts=BinaryStore(),
            conditions=suite.conditions,
            again=again,
            eager_push=suite.push == "eager",
            accuracy=accuracy,
        )
        return schedule.run(lanes)


def _start_users_server() -> None:
    if server_is_up(default_port()):
        return
    with contextlib.suppress(SetupError):  # the lane keeps waiting and says so
        start_server(default_port())
