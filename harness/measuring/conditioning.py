"""Sets, waits for, judges and restores the conditions of one device during a session.

A session calls `enter` (repair what a killed session left, set what the suite asks, read it back), then for each trial `before_trial` and
`after_trial`, and at last `exit`.
Every wait is recorded and limited by the suite. Nothing here runs while a trial measures.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from harness.conditions.device_gate import DeviceGate
from harness.conditions.device_settings import DeviceSettings
from harness.conditions.gates import GateRefusal, battery_gate, load_gate, thermal_gate
from harness.conditions.readings import Readings, read_readings, readings_script
from harness.conditions.request import ConditionsRequest
from harness.conditions.task_profile import apply_task_profile
from harness.conditions.thermal_limits import ThermalLimits, findings
from harness.devices.inventory import Inventory
from harness.devices.lease import LEASE_S, renew_script
from harness.devices.target import Cancelled, Target
from harness.measuring.canary import Canary, RunCanary
from harness.measuring.device_setup import Setup
from harness.measuring.expected_clocks import expected_khz
from harness.measuring.not_run import blocked_result, skipped_result
from harness.records import Conditions, Result, Status, Trial
from harness.records.causes import Cause

log = logging.getLogger(__name__)

HEAT = frozenset({Cause.THROTTLED, Cause.TOO_HOT})
"""Causes that pass when a device cools: such trials are repeated."""

COOLED_WITHIN_C = 3.0
"""A device has cooled once it is this near to its temperature before the session's first trial, in degrees Celsius."""

_FRESH_S = 5.0
"""How long the last trial's final readings replace a gate's own."""

_POLL_S, _LONGEST_POLL_S = 1.0, 10.0
_TIMEOUT_S = 30.0
_TOLERANCE_C = 1.0
"""A sensor may move by this many degrees Celsius between the gate's reading and the trial's own."""


class Conditioning:
    """The conditions of one device.

    Args:
        target: the device.
        request: the conditions that the suite asks for.
        owner: the run's id; its lease is renewed during waits.
        cancel: set by another thread to end every wait.
        note: tells the watcher.
        run_canary: runs a trial with the model that the canary uses.
    """

    def __init__(
        self,
        target: Target,
        request: ConditionsRequest,
        *,
        owner: str,
        cancel: threading.Event,
        note: Callable[[str], None],
        run_canary: RunCanary,
    ) -> None:
        self._target, self._request, self._owner = target, request, owner
        self._cancel, self._note = cancel, note
        self._inventory: Inventory | None = None
        self._settings: DeviceSettings | None = None
        self._setup = Setup()
        self._unmet: dict[str, str] = {}
        self._last: tuple[float, Conditions] | None = None
        self._peak_khz: dict[int, int] = {}
        self._first_c: float | None = None
        self._waiting_for: str | None = None
        self._waited_s = 0.0
        self._said: set[Cause] = set()
        self._canary = Canary(run_canary, note, self._pause)

    def enter(self, inventory: Inventory, journal: str) -> Setup:
        """Restore what a killed session left changed, then set what the suite asks for and read it back.

        Args:
            inventory: the device as it is now; taken again after each reboot.
            journal: the device's journal of changed settings.

        Returns:
            The part that each trial's script has to do.

        Raises:
            DeviceError: the device failed.
        """
        self._inventory, self._last = inventory, None
        self._settings = self.mend(inventory, journal)
        state = self._settings.apply(self._request)
        asked, held, refused = dict(state.asked), dict(state.held), dict(state.refused)
        profile = self._request.task_profile
        process: str | None = None
        if profile is not None:
            asked["task_profile"] = profile
            if state.knows_task_profiles:
                process = apply_task_profile(profile, inventory.become_root)
                if not self._request.optional("task_profile"):
                    held["task_profile"] = profile
            else:
                refused["task_profile"] = "this Android has no settaskprofile"
        if (lacking := _no_temperature(self._request.thermal.below_c, inventory)) is not None:
            refused["thermal"] = lacking
        self._unmet = {name: why for name, why in refused.items() if not self._request.optional(name)}
        for name, why in refused.items():
            self._note(f"{name}: {why}{'' if name in self._unmet else '; goes on without'}")
        self._setup = Setup(asked=asked, held=held, apply_task_profile=process, read_back=state.read_back)
        return self._setup

    def mend(self, inventory: Inventory, journal: str) -> DeviceSettings:
        """Restore what a killed session left changed, by the device's journal.

        Raises:
            DeviceError: the device failed.
        """
        settings = DeviceSettings(self._target, inventory)
        for line in settings.mend(journal):
            self._note(line)
        return settings

    def exit(self) -> None:
        """Time the canary once more and restore the settings. Tells the watcher about a setting that could not be restored.

        Raises:
            DeviceError: the device failed; the next session repairs it.
        """
        try:
            if not self._cancel.is_set():
                self._canary.at_end()
        finally:
            if self._settings is not None:
                for line in self._settings.restore():
                    self._note(line)

    def before_trial(self, trial: Trial, *, repeats: int = 0) -> Result | None:
        """Wait until the trial may begin.

        Args:
            trial: the next one.
            repeats: number of earlier attempts that heat spoiled.

        Returns:
            None, or the result of a trial that may not run because a condition cannot be met, or was not met in time.

        Raises:
            DeviceError: the device failed.
            Cancelled: the run is ending.
        """
        if self._unmet:
            reason = "; ".join(f"{name}: {why}" for name, why in self._unmet.items())
            result = skipped_result(trial, reason)
            return replace(result, conditions=Conditions(settings_asked=self._setup.asked, evidence=(reason,)))
        if self._request.idle_s and self._cancel.wait(self._request.idle_s):
            raise Cancelled
        if trial.trial_id != self._waiting_for:
            self._waiting_for, self._waited_s = trial.trial_id, 0.0
        refusal = self._wait(self._below_c(repeats))
        if refusal is None and self._request.canary:
            wait_s = self._request.thermal.wait_s
            if self._canary.before(trial, wait_s=wait_s, again=repeats > 0):
                # The canary warmed the device or took time, so the gate's reading is out of date.
                self._last = None
                refusal = self._wait(self._below_c(repeats))
        if refusal is not None:
            self._note(f"did not begin: {refusal.evidence}")
            return blocked_result(trial, refusal, asked=self._setup.asked, waited_s=self._waited_s)
        return None

    def may_follow(self, trial: Trial, after: Trial) -> bool:
        """Return whether the device itself can decide if `after` may begin when `trial` has ended.

        The host has to time a canary between two blocks, and to watch a device's load for a second.
        """
        request = self._request
        return not self._unmet and request.load is None and not (request.canary and trial.block != after.block)

    def device_gate(self) -> DeviceGate:
        """Return the limits between two trials of a block, for the device itself."""
        return DeviceGate(
            max_status=self._request.thermal.max_status,
            below_c=self._below_c(0),
            min_percent=self._request.battery.min_percent,
            idle_s=self._request.idle_s,
        )

    def passed_on_device(self, trial: Trial) -> None:
        """Take note of a trial that begins without `before_trial`, since the device has decided."""
        self._waiting_for, self._waited_s = trial.trial_id, 0.0

    def after_trial(self, result: Result, *, repeats: int = 0, ends_block: bool = False) -> Result:
        """Judge a trial by what was seen while it ran, and add what it waited for to its result.

        Args:
            result: the trial's own result.
            repeats: number of earlier attempts that heat spoiled.
            ends_block: whether the trial is the last of its block; the canary is timed then.
        """
        trial, seen = result.trial, result.conditions
        if ends_block and self._request.canary:
            self._canary.after(trial)
        if seen.thermal_status_after is not None or seen.temperature_after_c is not None:
            self._last = (time.monotonic(), seen)
        if self._first_c is None:
            self._first_c = seen.temperature_before_c
        for sample in seen.samples:
            for core, khz in sample.frequency_khz.items():
                self._peak_khz[core] = max(khz, self._peak_khz.get(core, 0))
        ratio = self._canary.ratio
        after_ratio = self._canary.after_ratio if ends_block else None
        limits = replace(self._limits(trial, seen, ratio), canary_after_ratio=after_ratio)
        found = findings(_really(seen), limits)
        simulated = [finding for finding in findings(seen, limits) if finding not in found]
        # A condition that was asked for and not reached does not make the number wrong, but less certain.
        missing = (self._canary.missing, self._canary.after_missing if ends_block else None)
        seen = replace(
            seen,
            waited_s=round(self._waited_s, 1),
            canary_us=self._canary.us,
            canary_ratio=None if ratio is None else round(ratio, 3),
            canary_after_us=self._canary.after_us if ends_block else None,
            canary_after_ratio=None if after_ratio is None else round(after_ratio, 3),
            repeats=repeats,
            evidence=(
                *seen.evidence,
                *(finding.evidence for finding in found),
                *(f"simulated: {finding.evidence}" for finding in simulated),
                *filter(None, missing),
            ),
        )
        if not found or result.status not in (Status.OK, Status.INVALID):
            return replace(result, conditions=seen)
        causes = tuple(dict.fromkeys([*(finding.cause for finding in found), *result.causes]))
        message = result.message if result.status is Status.INVALID and result.message else found[0].evidence
        return replace(result, status=Status.INVALID, causes=causes, message=message, conditions=seen)

    def worth_repeating(self, result: Result, repeats: int) -> bool:
        """Return whether heat spoiled a trial that may still be repeated."""
        spoiled = result.status is Status.INVALID and not HEAT.isdisjoint(result.causes)
        ran = result.measurement is not None
        again = spoiled and ran and repeats < self._request.repeat_invalid and self._request.thermal.wait_s > 0
        if again:
            self._note(f"again once it has cooled: {result.conditions.evidence[0]}")
        return again

    # --- waiting ------------------------------------------------------------------------------------------------------

    def _wait(self, below_c: float | None) -> GateRefusal | None:
        began, pause = time.monotonic(), _POLL_S
        seen = self._fresh()
        while True:
            refusal = self._refused(seen or self._read(), below_c)
            log.debug("%s: gates: %s", self._target.serial, refusal.evidence if refusal else "open")
            if refusal is None:
                return None
            left_s = refusal.wait_s - (time.monotonic() - began)
            if seen is None:
                if left_s <= 0:
                    return refusal
                if refusal.cause not in self._said:
                    self._said.add(refusal.cause)
                    self._note(f"waits, {refusal.wait_s:g} s at most: {refusal.evidence}")
                self._pause(min(pause, left_s))
                pause = min(2 * pause, _LONGEST_POLL_S)
            seen = None

    def _refused(self, seen: Readings, below_c: float | None) -> GateRefusal | None:
        request = self._request
        return (
            battery_gate(request.battery, seen)
            or thermal_gate(request.thermal, below_c, seen)
            or load_gate(request.load, seen, must_be_known=not request.optional("load"))
        )

    def _fresh(self) -> Readings | None:
        """Return the last trial's final readings if they are recent enough. This saves a round trip per trial."""
        if self._last is None or self._request.load is not None or time.monotonic() - self._last[0] > _FRESH_S:
            return None
        seen = self._last[1]
        return Readings(
            temperature_c=seen.temperature_after_c,
            thermal_status=seen.thermal_status_after,
            battery_percent=seen.battery_percent,
        )

    def _read(self) -> Readings:
        zone = self._here().zone
        script = readings_script(zone.read if zone else None, load=self._request.load is not None)
        output = self._target.run(
            renew_script(self._owner, LEASE_S) + script, timeout_s=_TIMEOUT_S, cancel=self._cancel
        )
        return read_readings(output.stdout.decode(errors="replace"))

    def _below_c(self, repeats: int) -> float | None:
        asked = self._request.thermal.below_c
        config = self._here().config
        limit = (config.thermal.start_below_c if config else None) if asked == "device" else asked
        if not repeats or self._first_c is None:
            return limit
        cooled = self._first_c + COOLED_WITHIN_C
        return cooled if limit is None else min(limit, cooled)

    def _pause(self, seconds: float) -> None:
        began = time.monotonic()
        if self._cancel.wait(seconds):
            raise Cancelled
        self._waited_s += time.monotonic() - began

    def _here(self) -> Inventory:
        if self._inventory is None:
            raise RuntimeError("the session has not been entered")
        return self._inventory

    # --- judging ------------------------------------------------------------------------------------------------------

    def _limits(self, trial: Trial, seen: Conditions, canary_ratio: float | None) -> ThermalLimits:
        config, thermal = self._here().config, self._request.thermal
        below_c = self._below_c(0)
        return ThermalLimits(
            threads=trial.threads,
            expected_khz=expected_khz(self._here(), self._setup.held, self._peak_khz, seen),
            max_status=thermal.max_status,
            below_c=None if below_c is None else below_c + _TOLERANCE_C,
            too_hot_c=config.thermal.too_hot_c if config else None,
            low_clock=thermal.low_clock,
            canary_ratio=canary_ratio,
            settings=self._setup.held,
        )


def _really(seen: Conditions) -> Conditions:
    """Return the observation without the fictional clocks of a virtual device, which do not slow inference down."""
    nothing = Conditions()
    return replace(seen, **{name: getattr(nothing, name) for name in seen.simulated})


def _no_temperature(asked: float | str | None, inventory: Inventory) -> str | None:
    """Return why this device cannot wait for the temperature that the suite asks for."""
    config = inventory.config
    if asked == "device" and (config is None or config.thermal.start_below_c is None):
        return "no config tells from which temperature this device may start (start_below_c)"
    if asked is not None and inventory.zone is None:
        return "no temperature can be read"
    return None
