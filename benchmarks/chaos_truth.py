"""Holds what the results say went wrong against what the virtual devices' event logs say was done to them. Pure.

Both ways: each fault that hit something has a cause of its own in the results, in the very trial that it hit, and each cause in the results
has a fault that explains it. One cause stands for one fault: two that struck the same attempt are one found and one `hidden` by it. A fault
is excused, too, where it hit nothing (`harmless`), and where the controller that saw it was killed before the trial had its result
(`forgotten`: what a trial in flight had met dies with the controller, and the trial is run anew).

Beside the causes: what could pass was tried again and after a pause, what could not was not; and no trial's program was started more often
than its result tells.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from harness.records import Result, Status
from harness.records.causes import Cause
from harness.virtual.faults import FaultKind

CAUSES: Mapping[FaultKind, frozenset[Cause]] = {
    FaultKind.LOST: frozenset({Cause.DEVICE_LOST}),
    FaultKind.HUNG: frozenset({Cause.DEVICE_HUNG}),
    FaultKind.REBOOT: frozenset({Cause.DEVICE_REBOOTED}),
    FaultKind.STORAGE_FULL: frozenset({Cause.STORAGE_FULL}),
    FaultKind.READ_ONLY: frozenset({Cause.PUSH_FAILED}),
    FaultKind.PERMISSION_DENIED: frozenset({Cause.PUSH_FAILED}),
    # Until the server has asked the device again, it only knows that it has gone.
    FaultKind.UNAUTHORIZED: frozenset({Cause.DEVICE_UNAUTHORIZED, Cause.DEVICE_LOST}),
    FaultKind.BATTERY_LOW: frozenset({Cause.BATTERY_LOW}),
    # A phone that was nearly empty before it went off cannot be told from one that rebooted.
    FaultKind.BATTERY_DEAD: frozenset({Cause.BATTERY_LOW, Cause.DEVICE_REBOOTED}),
    FaultKind.KILLED: frozenset({Cause.KILLED}),
    FaultKind.CRASHED: frozenset({Cause.CRASHED}),
    FaultKind.TRUNCATED: frozenset({Cause.TRUNCATED_OUTPUT}),
    FaultKind.MOVED: frozenset({Cause.DEVICE_LOST}),
    # Between two commands nobody sees the server go, only that the new one does not know the device yet.
    FaultKind.ADB_SERVER_KILLED: frozenset({Cause.ADB_SERVER_LOST, Cause.DEVICE_LOST}),
    FaultKind.SLOW: frozenset(),
    FaultKind.CLOCK_JUMP: frozenset(),
    FaultKind.SAME_SERIAL: frozenset(),
}
_OF_THE_STORAGE = frozenset({FaultKind.STORAGE_FULL, FaultKind.READ_ONLY, FaultKind.PERMISSION_DENIED})
"""Come a moment after the command that they are tied to has begun: that one, or one of those that follow, is refused."""

_FINAL = frozenset({Cause.STORAGE_FULL})
"""Causes after which no other attempt may follow at once. (`push_failed` stands for a transfer that broke off, too.)"""
_PASSING = frozenset(
    {Cause.DEVICE_LOST, Cause.DEVICE_HUNG, Cause.DEVICE_REBOOTED, Cause.ADB_SERVER_LOST, Cause.BATTERY_LOW}
)
"""Causes of the device that may pass: a trial that ends with one was tried `ATTEMPTS` times."""
ATTEMPTS = 3
"""`harness.measuring.lane_plan.Patience`'s, which the benchmark's controllers run with."""
BACKOFF_S = 1.0
"""Its first and shortest pause."""

_SHOWS_WITHIN_S = 60.0
"""From a fault's begin to when the controller must have met it: a hung device is met by the trial's deadline."""
_LASTS_ON_S = 15.0
"""After a fault's end the device may still be on its way back."""
_EARLY_S = 0.5
_UNDER_WAY_S = 5.0
"""A command that a controller sent before it was killed may begin so much later on a busy machine."""


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
    """Whether something still ran that it could hit."""
    fate: str = ""
    own: _Seen | None = None
    """The cause that it was found by."""

    @property
    def trial(self) -> str | None:
        found = _START.search(self.text) or re.search(r"/run/([^/'\s]+)", self.text)
        return found.group(1) if found else None


@dataclass(slots=True)
class _Seen:
    cause: Cause
    at_s: float
    trial: str
    taken: bool = False
    """Whether it is some fault's own."""


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
        starts = _starts(log)
        faults = [_fault(event, starts, kills) for event in log if event["event"] == "fault"]
        mine = results[serial]
        seen = sorted(_seen(mine), key=lambda one: one.at_s)
        _count_results(judgement, mine)
        _faults_are_found(judgement, serial, faults, seen, mine, kills, starts)
        _causes_are_explained(judgement, serial, faults, seen)
        _attempts_are_right(judgement, serial, mine)
        _starts_are_told(judgement, serial, starts, mine, kills)
    return judgement


def unproven(judgement: Judgement) -> list[str]:
    """Kinds of which several must have shown and not one could be followed to its cause: the run says nothing of them."""
    return sorted(
        kind
        for kind, count in judgement.faults.items()
        if CAUSES[FaultKind(kind)] and not count.found and count.hidden + count.forgotten > 1
    )


def _fault(event: Mapping[str, Any], starts: Mapping[str, Sequence[float]], kills: Sequence[float]) -> _Fault:
    fault = _Fault(
        kind=FaultKind(event["fault"]),
        at_s=event["t"],
        lasts_s=event["lasts_s"] or 0.0,
        text=event["text"],
        hit=event["running"] is True,
    )
    if event["during"] == "time":
        # It may strike a look at a device that is away already, which tells nobody, and what a killed controller left: only a trial's
        # command that somebody waits for must show it.
        began = max((at for at in starts.get(fault.trial or "", ()) if at <= fault.at_s), default=None)
        fault.hit = fault.hit and began is not None and not any(began <= kill <= fault.at_s for kill in kills)
    return fault


def _starts(log: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """When each trial's script was started on the device."""
    starts: dict[str, list[float]] = {}
    for event in log:
        if event["event"] == "spawn" and (found := _START.search(event["command"] or "")):
            starts.setdefault(found.group(1), []).append(event["t"])
    return starts


def _seen(results: Iterable[Result]) -> Iterable[_Seen]:
    for result in results:
        trial = result.trial.trial_id
        for setback in result.setbacks:
            yield _Seen(setback.cause, setback.at.timestamp(), trial)
        if result.status in (Status.FAILED, Status.INVALID) and not _is_last_setback(result):
            yield _Seen(result.causes[0], result.started_at.timestamp() + result.duration_s, trial)


def _is_last_setback(result: Result) -> bool:
    """Whether what a result ended with is the last of its setbacks: so it is where the device failed, not where the process did."""
    return bool(result.setbacks) and result.exit_code is None and result.causes[:1] == (result.setbacks[-1].cause,)


def _count_results(judgement: Judgement, results: Sequence[Result]) -> None:
    judgement.trials += len(results)
    for result in results:
        judgement.statuses[result.status] += 1
        judgement.retried += bool(result.setbacks)
        if result.status in (Status.FAILED, Status.INVALID):
            cause = str(result.causes[0])
            judgement.causes[cause] = judgement.causes.get(cause, 0) + 1


# --- causes ----------------------------------------------------------------------------------------------------------


def _faults_are_found(
    judgement: Judgement,
    serial: str,
    faults: Sequence[_Fault],
    seen: Sequence[_Seen],
    results: Sequence[Result],
    kills: Sequence[float],
    starts: Mapping[str, Sequence[float]],
) -> None:
    ends = {result.trial.trial_id: _end(result) for result in results}
    for fault in faults:
        # Its output was whole, though its shell was still there: it struck whatever came next, if anything.
        fault.hit = fault.hit and not (_strikes_a_trial(fault) and ends.get(fault.trial or "", fault.at_s) < fault.at_s)
    # Those that hit something choose first, and among them those of which it is known what: what they must have shown is not another's to
    # be found by.
    for fault in sorted(faults, key=lambda one: (not one.hit, not _strikes_a_trial(one), one.at_s)):
        own = next((one for one in seen if not one.taken and _is_own(fault, one, starts)), None)
        if own is not None:
            own.taken, fault.fate, fault.own = True, "found", own
    for fault in faults:
        count = judgement.faults.setdefault(fault.kind, Count())
        count.injected += 1
        if fault.fate == "found":
            count.found += 1
        elif not CAUSES[fault.kind] or not fault.hit:
            # Nothing ran, or it was over: the next command need not have met it.
            count.harmless += 1
        elif any(_forgotten(fault, kill, ends) for kill in kills):
            count.forgotten += 1
        elif any(other.fate == "found" and _hides(other, fault, starts) for other in faults):
            count.hidden += 1
        else:
            judgement.violations.append(f"{serial}: {fault.kind} at {fault.at_s:.3f} is in no result ({fault.trial})")


def _is_own(fault: _Fault, one: _Seen, starts: Mapping[str, Sequence[float]]) -> bool:
    """Whether a cause can be this very fault's: in time, and of the trial and the attempt that the fault struck."""
    if not _explains(fault, one):
        return False
    if not (fault.hit and _strikes_a_trial(fault)):
        return True
    return fault.trial == one.trial and not _began_anew(fault, one.at_s, starts)


def _began_anew(fault: _Fault, until_s: float, starts: Mapping[str, Sequence[float]]) -> bool:
    """Whether the trial that a fault struck was started again after it. (A fault is written down a moment before the command it hits.)"""
    return any(fault.at_s + _EARLY_S < at <= until_s for at in starts.get(fault.trial or "", ()))


def _strikes_a_trial(fault: _Fault) -> bool:
    return fault.trial is not None and fault.kind not in _OF_THE_STORAGE


def _end(result: Result) -> float:
    return result.started_at.timestamp() + result.duration_s


def _forgotten(fault: _Fault, kill_s: float, ends: Mapping[str, float]) -> bool:
    """Whether the controller was killed after the fault and before the trial that it hit had its result."""
    if fault.trial is None:
        return fault.at_s <= kill_s <= fault.at_s + _SHOWS_WITHIN_S
    return fault.at_s - _EARLY_S <= kill_s <= ends.get(fault.trial, 0.0)


def _hides(other: _Fault, fault: _Fault, starts: Mapping[str, Sequence[float]]) -> bool:
    """Whether another fault had the device already, or ended the same attempt in its own way (with the pull that follows the run, say)."""
    if other.text and other.text == fault.text:
        return True
    struck = other.own.trial if other.own is not None else other.trial
    if fault.trial is not None and fault.trial in (other.trial, struck) and fault.at_s <= other.at_s:
        return not _began_anew(fault, other.at_s, starts)
    return other.at_s - _EARLY_S <= fault.at_s <= other.at_s + other.lasts_s + 2.0


def _explains(fault: _Fault, one: _Seen) -> bool:
    if one.cause not in CAUSES[fault.kind]:
        return False
    return fault.at_s - _EARLY_S <= one.at_s <= fault.at_s + max(fault.lasts_s + _LASTS_ON_S, _LASTS_ON_S)


def _causes_are_explained(judgement: Judgement, serial: str, faults: Sequence[_Fault], seen: Sequence[_Seen]) -> None:
    for one in seen:
        if not any(_explains(fault, one) for fault in faults):
            judgement.violations.append(f"{serial}: nothing explains {one.cause} of {one.trial} at {one.at_s:.3f}")


# --- attempts --------------------------------------------------------------------------------------------------------


def _attempts_are_right(judgement: Judgement, serial: str, results: Iterable[Result]) -> None:
    """What may pass is tried again, after a pause; what would come again is not."""
    for result in results:
        trial, setbacks = result.trial.trial_id, result.setbacks
        for earlier, later in pairwise(setbacks):
            if earlier.cause in _FINAL:
                judgement.violations.append(f"{serial}: {trial} was tried again after {earlier.cause}")
            if (later.at - earlier.at).total_seconds() < BACKOFF_S:
                judgement.violations.append(f"{serial}: {trial} was tried again without a pause after {earlier.cause}")
        if result.status is Status.OK and setbacks and setbacks[-1].cause in _FINAL:
            judgement.violations.append(f"{serial}: {trial} was tried again after {setbacks[-1].cause}")
        gave_up = result.status is Status.FAILED and result.causes[0] in _PASSING
        if gave_up and len(setbacks) < ATTEMPTS:
            judgement.violations.append(
                f"{serial}: {trial} was given up with {result.causes[0]} after {len(setbacks)} of {ATTEMPTS} attempts"
            )
        if result.status is Status.OK and (result.measurement is None or result.causes):
            judgement.violations.append(f"{serial}: {trial} is ok without a measurement, or with a cause")


def _starts_are_told(
    judgement: Judgement,
    serial: str,
    starts: Mapping[str, Sequence[float]],
    results: Iterable[Result],
    kills: Sequence[float],
) -> None:
    """No trial ran on the device more often than its attempts: an ADB server, or we, might have sent a command twice."""
    for result in results:
        trial = result.trial.trial_id
        began = starts.get(trial, [])
        told = len(result.setbacks) + (not _is_last_setback(result))
        # A controller that was killed with it in flight may have been at any of its attempts.
        lost = ATTEMPTS * sum(
            any(start <= kill + _UNDER_WAY_S for start in began) and kill <= _end(result) for kill in kills
        )
        if len(began) > told + result.conditions.repeats + lost:
            judgement.violations.append(f"{serial}: {trial} was started {len(began)} times, its result tells of {told}")
        if result.status is Status.OK and not began:
            judgement.violations.append(f"{serial}: {trial} is ok and was never started")


_START = re.compile(r"D=\S*/run/([^/';\s]+)'?; W=")
"""Where a script names the folder of its first trial. These devices take turns, so no script has a second."""
