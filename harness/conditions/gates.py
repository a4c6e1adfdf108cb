"""Decides whether a trial may begin: the device is cool, charged and idle enough. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.conditions.readings import Readings
from harness.conditions.request import BatteryRequest, LoadRequest, ThermalRequest
from harness.records.causes import Cause

STATUS_WORDS = ("NONE", "LIGHT", "MODERATE", "SEVERE", "CRITICAL", "EMERGENCY", "SHUTDOWN")
"""Android's words for thermal status 0 to 6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRefusal:
    """The reason why a trial must not begin now.

    Args:
        cause: the trial's cause if waiting does not help.
        evidence: the reading and the limit.
        wait_s: longest wait.
    """

    cause: Cause
    evidence: str
    wait_s: float


def thermal_gate(request: ThermalRequest, below_c: float | None, seen: Readings) -> GateRefusal | None:
    """Refuse a device that is too warm; return None if it is cool enough or does not report its heat.

    Args:
        request: the suite's request.
        below_c: its limit on this device in degrees Celsius, if any.
        seen: the latest readings.
    """
    if request.max_status is not None and seen.thermal_status is not None and seen.thermal_status > request.max_status:
        evidence = f"{status_words(seen.thermal_status)}, at most {request.max_status} asked"
        return GateRefusal(cause=Cause.TOO_HOT, evidence=evidence, wait_s=request.wait_s)
    if below_c is not None and seen.temperature_c is not None and seen.temperature_c >= below_c:
        evidence = f"{seen.temperature_c:.1f} °C, below {below_c:g} °C asked"
        return GateRefusal(cause=Cause.TOO_HOT, evidence=evidence, wait_s=request.wait_s)
    return None


def battery_gate(request: BatteryRequest, seen: Readings) -> GateRefusal | None:
    """Refuse a low battery; return None if it is full enough or absent. Only a charging phone is worth a wait."""
    percent = seen.battery_percent
    if percent is None or percent >= request.min_percent:
        return None
    evidence = f"battery at {percent} %, {request.min_percent} % asked"
    return GateRefusal(cause=Cause.BATTERY_LOW, evidence=evidence, wait_s=request.wait_s if seen.charging else 0.0)


def load_gate(request: LoadRequest | None, seen: Readings, *, must_be_known: bool = True) -> GateRefusal | None:
    """Refuse a device on which others keep too many cores busy; return None if not.

    Args:
        request: the suite's request, if it has one.
        seen: the latest readings.
        must_be_known: refuse a device that does not report its load.
    """
    if request is None or (seen.busy_cores is None and not must_be_known):
        return None
    if seen.busy_cores is None:
        return GateRefusal(cause=Cause.CONDITION_NOT_MET, evidence="the device does not tell its load", wait_s=0.0)
    if seen.busy_cores <= request.max:
        return None
    evidence = f"{seen.busy_cores:g} cores busy with other work, at most {request.max:g} asked"
    return GateRefusal(cause=Cause.CONDITION_NOT_MET, evidence=evidence, wait_s=request.wait_s)


def status_words(status: int) -> str:
    """Return `thermal status 2 (MODERATE)`."""
    return f"thermal status {status} ({STATUS_WORDS[status]})"
