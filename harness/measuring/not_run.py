"""Results of trials that did not run, or not to their end: skipped, blocked by a gate, or broken by a device failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from harness.conditions.gates import GateRefusal
from harness.errors import DeviceError
from harness.records import Conditions, Impossible, Result, Status, Trial
from harness.records.causes import Cause


def failed_result(trial: Trial, error: DeviceError, *, started_at: datetime, duration_s: float, attempt: int) -> Result:
    """Make the result of a trial whose device failed."""
    return Result(
        trial=trial,
        status=Status.FAILED,
        causes=(error.cause,),
        message=str(error),
        started_at=started_at,
        duration_s=round(duration_s, 3),
        attempt=attempt,
    )


def impossible_result(item: Impossible) -> Result:
    """Make the result of an impossible trial: skipped on this device, or failed because the request itself is wrong."""
    skipped = skipped_result(item.trial, item.reason)
    if item.cause is None:
        return skipped
    return replace(skipped, status=Status.SKIPPED if item.skipped else Status.FAILED, causes=(item.cause,))


def skipped_result(trial: Trial, reason: str) -> Result:
    """Make the result of a trial that this device cannot run at all."""
    return Result(
        trial=trial,
        status=Status.SKIPPED,
        causes=(Cause.CONDITION_NOT_MET,),
        message=reason,
        started_at=datetime.now(UTC),
        duration_s=0.0,
    )


def no_library_result(trial: Trial, reason: str) -> Result:
    """Return the result of a trial whose delegate cannot be loaded, so that no process ran."""
    causes = (Cause.DELEGATE_UNAVAILABLE, Cause.DELEGATE_NOT_APPLIED)
    return replace(skipped_result(trial, f"did not run: {reason}"), status=Status.FAILED, causes=causes)


def blocked_result(trial: Trial, refusal: GateRefusal, *, asked: Mapping[str, str], waited_s: float) -> Result:
    """Make the result of a trial that a gate kept from running.

    Args:
        trial: the trial.
        refusal: the gate's reason.
        asked: the settings that the suite asks for.
        waited_s: seconds waited in vain.
    """
    return Result(
        trial=trial,
        status=Status.INVALID,
        causes=(refusal.cause,),
        message=f"did not run: {refusal.evidence}",
        conditions=Conditions(settings_asked=asked, waited_s=round(waited_s, 1), evidence=(refusal.evidence,)),
        started_at=datetime.now(UTC),
        duration_s=0.0,
    )


def not_repeated_result(spoiled: Result, not_run: Result) -> Result:
    """Make the result of a trial that heat spoiled and that could not be repeated in time: its own numbers with both reasons."""
    why = tuple(f"not repeated: {evidence}" for evidence in not_run.conditions.evidence)
    seen = replace(
        spoiled.conditions,
        evidence=(*spoiled.conditions.evidence, *why),
        waited_s=not_run.conditions.waited_s,
    )
    return replace(spoiled, conditions=seen)
