"""Holds what the results say went wrong against what the virtual devices' event logs say was done to them. Pure.

Both ways: each fault that must have shown is found in the results with a right cause, and each cause in the results has a fault that
explains it. A fault is excused where it hit nothing (`harmless`), where another had hit the same attempt (`hidden`), and where the
controller that saw it was killed before it could write it down (`forgotten`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import Cause
from harness.records import Result, Status
from harness.virtual.faults import FaultKind

CAUSES: Mapping[FaultKind, frozenset[Cause]] = {
    FaultKind.LOST: frozenset({Cause.DEVICE_LOST}),
    FaultKind.HUNG: frozenset({Cause.DEVICE_HUNG}),
    FaultKind.REBOOT: frozenset({Cause.DEVICE_REBOOTED}),
    FaultKind.STORAGE_FULL: frozenset({Cause.STORAGE_FULL}),
    FaultKind.READ_ONLY: frozenset({Cause.PUSH_FAILED}),
    FaultKind.PERMISSION_DENIED: frozenset({Cause.PUSH_FAILED}),
    FaultKind.UNAUTHORIZED: frozenset({Cause.DEVICE_UNAUTHORIZED}),
    # A phone that was nearly empty before it went off cannot be told from one that rebooted.
    FaultKind.BATTERY_DEAD: frozenset({Cause.BATTERY_LOW, Cause.DEVICE_REBOOTED}),
    FaultKind.KILLED: frozenset({Cause.KILLED}),
    FaultKind.TRUNCATED: frozenset({Cause.TRUNCATED_OUTPUT}),
    FaultKind.MOVED: frozenset({Cause.DEVICE_LOST}),
    # Between two commands nobody sees the server go, only that the new one does not know the device yet.
    FaultKind.ADB_SERVER_KILLED: frozenset({Cause.ADB_SERVER_LOST, Cause.DEVICE_LOST}),
    FaultKind.SLOW: frozenset(),
    FaultKind.CLOCK_JUMP: frozenset(),
    FaultKind.SAME_SERIAL: frozenset(),
}
_SHOWS_WITHIN_S = 60.0
"""From a fault's begin to when the controller must have met it: a hung device is met by the trial's deadline."""
_LASTS_ON_S = 15.0
"""After a fault's end the device may still be on its way back."""
_EARLY_S = 0.5


@dataclass(slots=True)
class Count:
    """What became of the faults of one kind."""

    injected: int = 0
    found: int = 0
    harmless: int = 0
    hidden: int = 0
    forgotten: int = 0


@dataclass(slots=True)
class Judgement:
    """The counts, and what is wrong."""

    trials: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    causes: dict[str, int] = field(default_factory=dict)
    retried: int = 0
    faults: dict[str, Count] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Fault:
    kind: FaultKind
    at_s: float
    lasts_s: float
    text: str
    hit: bool
    """Whether the operation still ran."""

    @property
    def trial(self) -> str | None:
        found = re.search(r"/run/([^/'\s]+)", self.text)
        return found.group(1) if found else None


@dataclass(frozen=True, slots=True)
class _Seen:
    cause: Cause
    at_s: float
    trial: str


def judge(
    events: Mapping[str, Sequence[Mapping[str, Any]]],
    results: Mapping[str, Sequence[Result]],
    kills: Sequence[float],
) -> Judgement:
    """Judge a run.

    Args:
        events: event log by serial.
        results: by serial.
        kills: when the controller was killed, in seconds since the epoch.
    """
    judgement = Judgement()
    for serial, log in events.items():
        faults = [_fault(event) for event in log if event["event"] == "fault"]
        seen = sorted(_seen(results[serial]), key=lambda one: one.at_s)
        _count_results(judgement, results[serial])
        _faults_are_found(judgement, serial, faults, seen, results[serial], kills)
        _causes_are_explained(judgement, serial, faults, seen)
    return judgement


def _fault(event: Mapping[str, Any]) -> _Fault:
    return _Fault(
        kind=FaultKind(event["fault"]),
        at_s=event["t"],
        lasts_s=event["lasts_s"] or 0.0,
        text=event["text"],
        hit=event["running"] is True,
    )


def _seen(results: Iterable[Result]) -> Iterable[_Seen]:
    for result in results:
        trial = result.trial.trial_id
        for setback in result.setbacks:
            yield _Seen(setback.cause, setback.at.timestamp(), trial)
        last = result.setbacks[-1].cause if result.setbacks else None
        if result.status in (Status.FAILED, Status.INVALID) and result.causes[0] is not last:
            yield _Seen(result.causes[0], result.started_at.timestamp() + result.duration_s, trial)


def _count_results(judgement: Judgement, results: Sequence[Result]) -> None:
    judgement.trials += len(results)
    for result in results:
        judgement.statuses[result.status] += 1
        judgement.retried += bool(result.setbacks)
        if result.status in (Status.FAILED, Status.INVALID):
            cause = str(result.causes[0])
            judgement.causes[cause] = judgement.causes.get(cause, 0) + 1


def _faults_are_found(
    judgement: Judgement,
    serial: str,
    faults: Sequence[_Fault],
    seen: Sequence[_Seen],
    results: Sequence[Result],
    kills: Sequence[float],
) -> None:
    ends = {result.trial.trial_id: _end(result) for result in results}
    for fault in faults:
        count = judgement.faults.setdefault(fault.kind, Count())
        count.injected += 1
        if any(_explains(fault, one) for one in seen):
            count.found += 1
        elif not CAUSES[fault.kind] or not fault.hit:
            # By the clock, or after the operation was over: the next one need not have met it.
            count.harmless += 1
        elif any(_forgotten(fault, kill, ends) for kill in kills):
            count.forgotten += 1
        elif any(other is not fault and _hides(other, fault) for other in faults):
            count.hidden += 1
        else:
            judgement.violations.append(f"{serial}: {fault.kind} at {fault.at_s:.3f} is in no result ({fault.trial})")


def _end(result: Result) -> float:
    return result.started_at.timestamp() + result.duration_s


def _forgotten(fault: _Fault, kill_s: float, ends: Mapping[str, float]) -> bool:
    """Whether the controller was killed after the fault and before the trial that it hit had its result."""
    if fault.trial is None:
        return fault.at_s <= kill_s <= fault.at_s + _SHOWS_WITHIN_S
    return fault.at_s - _EARLY_S <= kill_s <= ends.get(fault.trial, 0.0)


def _hides(other: _Fault, fault: _Fault) -> bool:
    """Whether another fault had the device already, or ended the same attempt in its own way."""
    if not CAUSES[other.kind]:
        return False
    if other.text and other.text == fault.text:
        return True
    return other.at_s - _EARLY_S <= fault.at_s <= other.at_s + other.lasts_s + 2.0


def _explains(fault: _Fault, one: _Seen) -> bool:
    if one.cause not in CAUSES[fault.kind]:
        return False
    return fault.at_s - _EARLY_S <= one.at_s <= fault.at_s + max(fault.lasts_s + _LASTS_ON_S, _LASTS_ON_S)


def _causes_are_explained(judgement: Judgement, serial: str, faults: Sequence[_Fault], seen: Sequence[_Seen]) -> None:
    for one in seen:
        if not any(_explains(fault, one) for fault in faults):
            judgement.violations.append(f"{serial}: nothing explains {one.cause} of {one.trial} at {one.at_s:.3f}")
