"""Gets a device back after a fault: waits until it answers, finds it under another name, and finds out what happened to it.

Often the reason for a closed connection is known only when the device answers again: a new boot id shows a reboot, and a nearly empty
battery shows why.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime

from harness.devices.inventory import Inventory, take_inventory
from harness.devices.target import Cancelled, Roaming
from harness.errors import AdbServerLost, BatteryEmpty, DeviceError, DeviceLost, DeviceRebooted, DeviceUnauthorized
from harness.measuring.lane_plan import LanePlan
from harness.measuring.run_services import RunServices
from harness.records import Setback
from harness.records.causes import Cause

log = logging.getLogger(__name__)

_EMPTY_PERCENT = 5
"""Charge below which a phone that rebooted is taken to have run out of battery."""

_HARDWARE_SERIAL = "ro.serialno"

_LONGEST_PAUSE_S = 5.0


class DeviceDown(Exception):
    """The device did not come back in time. `error` is its last error. Never leaves the scheduler."""

    def __init__(self, error: DeviceError) -> None:
        super().__init__(error.message)
        self.error = error


class Recovery:
    """Gets one device back.

    Args:
        services: what the sessions of the run share.
        lane: what the device has to do.
        not_me: serials of the run's other devices; this device cannot come back under one of them.
        twins: whether another device of the run has the same hardware serial, which then identifies neither.
        note: tells the watcher.
    """

    def __init__(
        self,
        services: RunServices,
        lane: LanePlan,
        *,
        not_me: Collection[str],
        twins: bool,
        note: Callable[[str], None],
    ) -> None:
        self._services, self._note = services, note
        self._target, self._revive_server = lane.target, lane.revive_server
        self._hardware_serial = None if twins else lane.inventory.properties.get(_HARDWARE_SERIAL)
        self._bystanders = frozenset(not_me) - {lane.target.serial}

    def remember_bystanders(self) -> None:
        """Note which other devices are attached now. If this device comes back under another name, it is none of them.

        Raises:
            DeviceError: the server does not answer.
        """
        if isinstance(self._target, Roaming):
            self._bystanders |= {other.serial for other in self._target.others()}

    def wait(self, attempt: int, setbacks: list[Setback], before: Inventory) -> Inventory:
        """Wait until the device answers, and correct the last of `setbacks` by its answer.

        Args:
            attempt: number of failed attempts so far; the pause grows with it.
            setbacks: what went wrong with them.
            before: the device before the fault.

        Returns:
            The device as it is now.

        Raises:
            DeviceDown: the device stayed away too long.
            Cancelled: the run is ending.
        """
        patience = self._services.patience
        began = time.monotonic()
        pause = patience.backoff_s * 2 ** max(0, attempt - 1)
        while True:
            if self._services.cancel.wait(pause):
                raise Cancelled
            try:
                now = self.look()
                break
            except DeviceError as error:
                waited_s = time.monotonic() - began
                log.info("%s: does not answer after %.1f s: %s", self._target.serial, waited_s, error.message)
                if isinstance(error, DeviceUnauthorized) and setbacks and setbacks[-1].cause is Cause.DEVICE_LOST:
                    setbacks[-1] = replace(setbacks[-1], cause=error.cause, message=error.message)
                if waited_s >= patience.recovery_s or isinstance(error, DeviceUnauthorized):
                    raise DeviceDown(error) from error
                pause = min(2 * pause, _LONGEST_PAUSE_S)
        log.info("%s: answers again after %.1f s", self._target.serial, time.monotonic() - began)
        if setbacks and before.boot_id and now.boot_id != before.boot_id and setbacks[-1].cause is Cause.DEVICE_LOST:
            setbacks[-1] = _rebooted(setbacks[-1], before, now, self._target.serial)
        return now

    def look(self) -> Inventory:
        """Take the device's inventory, also if it has come back under another name.

        Raises:
            DeviceError: it does not answer.
            Cancelled: the run is ending.
        """
        try:
            self._target.run("true", timeout_s=self._services.patience.probe_timeout_s, cancel=self._services.cancel)
        except AdbServerLost:
            if self._revive_server is None:
                raise
            self._note("starts the ADB server anew")
            self._revive_server()
            raise
        except DeviceLost:
            if not self._follow():
                raise
        return take_inventory(self._target, self._services.configs)

    def _follow(self) -> bool:
        """Find the device by its hardware serial among those that its server did not list before, because cheap phones share serials."""
        if not self._hardware_serial or not isinstance(self._target, Roaming):
            return False
        found = []
        for other in self._target.others():
            if other.serial in self._bystanders:
                continue
            try:
                output = other.run(f"getprop {_HARDWARE_SERIAL}", timeout_s=self._services.patience.probe_timeout_s)
            except DeviceError:
                continue
            if output.stdout.decode(errors="replace").strip() == self._hardware_serial:
                found.append(other)
        if len(found) != 1:
            return False
        self._note(f"is back as {found[0].serial}")
        self._target.follow(found[0])
        return True


def setback_of(error: DeviceError) -> Setback:
    """Convert a device error to the form that results keep."""
    return Setback(cause=error.cause, message=error.message, at=datetime.now(UTC))


def _rebooted(lost: Setback, before: Inventory, now: Inventory, serial: str) -> Setback:
    percent = now.battery_percent
    was_empty = before.battery_percent is not None and before.battery_percent <= _EMPTY_PERCENT
    error: DeviceError = DeviceRebooted(f"it rebooted in the middle: {lost.message}", serial=serial)
    if percent is not None and percent <= _EMPTY_PERCENT and not was_empty:
        error = BatteryEmpty(f"it went off and came back with {percent} % of charge", serial=serial)
    return Setback(cause=error.cause, message=error.message, at=lost.at)
