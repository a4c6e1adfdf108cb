"""Chooses trials of a run to repeat although they have a result."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from harness.records import Result, Status
from harness.records.causes import Cause
from harness.runs.run_store import Run

Retry = Literal["failed", "environment"]
"""`failed`: all trials that failed. `environment`: those that failed or are invalid for a cause in `ENVIRONMENT`."""

ENVIRONMENT = frozenset(
    {
        Cause.DEVICE_LOST,
        Cause.DEVICE_HUNG,
        Cause.DEVICE_REBOOTED,
        Cause.DEVICE_UNAUTHORIZED,
        Cause.ADB_SERVER_LOST,
        Cause.STORAGE_FULL,
        Cause.PUSH_FAILED,
        Cause.KILLED,
        Cause.TRUNCATED_OUTPUT,
        Cause.THROTTLED,
        Cause.TOO_HOT,
        Cause.BATTERY_LOW,
        Cause.CONDITION_NOT_MET,
    }
)
"""First causes that point to the device, its connection or its conditions rather than to the model and the binary."""


def to_retry(run: Run, retry: Retry | None) -> frozenset[str]:
    """Return the ids of the trials to repeat; none without `retry`."""
    if retry is None:
        return frozenset()
    return frozenset(result.trial.trial_id for result in run.results if _is_meant(result, retry))


def without_retried(run: Run, retry: Retry | None) -> Run:
    """Return the run without the results of the trials to repeat."""
    again = to_retry(run, retry)
    return replace(run, results=tuple(result for result in run.results if result.trial.trial_id not in again))


def _is_meant(result: Result, retry: Retry) -> bool:
    if retry == "failed":
        return result.status is Status.FAILED
    return result.status in (Status.FAILED, Status.INVALID) and not ENVIRONMENT.isdisjoint(result.causes[:1])
