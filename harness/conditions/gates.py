"""What must hold before a trial begins: cool enough, charged enough, and nobody else at work. Pure: readings in, reasons out."""

from __future__ import annotations

from dataclasses import dataclass

from harness.conditions.readings import Readings
from harness.conditions.request import BatteryRequest, LoadRequest, ThermalRequest
from harness.records.causes import Cause

STATUS_WORDS = ("NONE", "LIGHT", "MODERATE", "SEVERE", "CRITICAL", "EMERGENCY", "SHUTDOWN")
"""Android's words for thermal status 0 to 6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRefusal:
    """Why a trial must not begin now.

    Args:
        cause: what the trial is given where waiting does not help.
        evidence: what was read, and what was asked.
        wait_s: how long waiting is worth while.
    """

    cause: Cause
    evidence: str
    wait_s: float


def thermal_gate(request: ThermalRequest, below_c: float | None, seen: Readings) -> GateRefusal | None:
    """None if the device is cool enough, or does not say how warm it is.

    Args:
        request: the suite's.
        below_c: the limit in degrees Celsius that it comes to on this device, if any.
        seen: by now.
    """
    if request.max_status is not None and seen.thermal_status is not None and seen.thermal_status > request.max_status:
        evidence = f"{status_words(seen.thermal_status)}, at most {request.max_status} asked"
        return GateRefusal(cause=Cause.TOO_HOT, evidence=evidence, wait_s=request.wait_s)
    if below_c is not None and seen.temperature_c is not None and seen.temperature_c >= below_c:
        evidence = f"{seen.temperature_c:.1f} °C, below {below_c:g} °C asked"
        return GateRefusal(cause=Cause.TOO_HOT, evidence=evidence, wait_s=request.wait_s)
    return None


def battery_gate(request: BatteryRequest, seen: Readings) -> GateRefusal | None:
    """None if the battery is full enough, or the device has none. Only a phone that charges is waited for."""
    percent = seen.battery_percent
    if percent is None or percent >= request.min_percent:
        return None
    evidence = f"battery at {percent} %, {request.min_percent} % asked"
    return GateRefusal(cause=Cause.BATTERY_LOW, evidence=evidence, wait_s=request.wait_s if seen.charging else 0.0)


def load_gate(request: LoadRequest | None, seen: Readings, *, must_be_known: bool = True) -> GateRefusal | None:
    """None if others keep few enough cores busy.

    Args:
        request: the suite's, if it has one.
        seen: by now.
        must_be_known: whether a device that does not tell its load is kept out.
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
    """`thermal status 2 (MODERATE)`."""
    return f"thermal status {status} ({STATUS_WORDS[status]})"
