"""Judges from the samples of a trial whether heat or lost settings spoiled it. Pure; each finding carries its evidence.

Clocks show throttling only while they should be high: when as many cores are busy as the process has threads, a governor asks for the
highest clock, so a lower one is imposed. A core for which a thread of the process waits is busy too, with somebody else's work. A process
that waits for anything else (a GPU, storage) proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from harness.conditions.gates import status_words
from harness.conditions.request import LOW_CLOCK
from harness.records import Conditions, Sample
from harness.records.causes import Cause

LOW_SHARE = 0.5
"""Share of the busy time with low clocks above which a run is throttled."""

MIN_BUSY_S = 0.9
"""Shortest busy time (two samples) that can tell."""

WAKE_UP_S = 0.6
"""Time at the start that does not count: a governor raises the clocks, and the process loads its model."""

BUSY = 0.8
"""Share of its threads' time from which a process counts as busy: it computed, or waited for a core that others kept busy. From there on
schedutil, which asks for 1.25 times the clock that the load needs, asks for the highest."""

CANARY_RATIO = 1.10
"""Slowdown of the canary against its first run that means throttled (AndroidX Benchmark's limit for its reference workload)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFinding:
    """A cause with its evidence."""

    cause: Cause
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalLimits:
    """The limits of a trial.

    Args:
        threads: number of threads requested.
        expected_khz: expected clock of each watched core's cluster.
        max_status: highest allowed thermal status; None: any.
        below_c: upper limit of the temperature before, if any.
        too_hot_c: temperature after that is too hot, if known.
        low_clock: share of the expected clock below which a clock is low; None: clocks are not judged.
        canary_ratio: canary before this block over the session's first; None without one.
        canary_after_ratio: the same after the block, if this trial ended it.
        settings: the device's settings as they read before the trial.
    """

    threads: int
    expected_khz: Mapping[int, int]
    max_status: int | None = 0
    below_c: float | None = None
    too_hot_c: float | None = None
    low_clock: float | None = LOW_CLOCK
    canary_ratio: float | None = None
    canary_after_ratio: float | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


def findings(conditions: Conditions, limits: ThermalLimits) -> tuple[TrialFinding, ...]:
    """Find all evidence against a trial's numbers, the strongest first."""
    return tuple(
        finding
        for finding in (
            _low_clocks(conditions.samples, limits),
            _canary(limits.canary_ratio, ""),
            _canary(limits.canary_after_ratio, "after the block "),
            _status_after(conditions, limits),
            _hot_before(conditions, limits),
            _hot_after(conditions, limits),
            *_lost_settings(limits.settings, conditions.settings_observed),
        )
        if finding is not None
    )


def _low_clocks(samples: Sequence[Sample], limits: ThermalLimits) -> TrialFinding | None:
    if limits.low_clock is None:
        return None
    busy_s = low_s = 0.0
    lowest: tuple[float, int, int] | None = None
    for before, after in pairwise(samples):
        length_s = after.t_s - before.t_s
        share = _best_share(after, limits.expected_khz)
        if share is None or before.cpu_s is None or after.cpu_s is None or length_s <= 0 or after.t_s < WAKE_UP_S:
            continue
        if _wanted_s(before, after) < BUSY * limits.threads * length_s:
            continue
        busy_s += length_s
        if share[0] < limits.low_clock:
            low_s += length_s
            lowest = min(lowest, share) if lowest else share
    if lowest is None or busy_s < MIN_BUSY_S or low_s <= LOW_SHARE * busy_s:
        return None
    _, seen, expected = lowest
    return TrialFinding(
        cause=Cause.THROTTLED,
        evidence=f"clock down to {seen / 1e6:.2f} GHz of {expected / 1e6:.2f}, below {limits.low_clock:.0%} in {low_s:.1f} s "
        f"of {busy_s:.1f} s under full load",
    )


def _wanted_s(before: Sample, after: Sample) -> float:
    """Time between two samples in which the process had a CPU or waited for one. The waits of ended threads are lost."""
    waited_s = max(0.0, after.waited_s - before.waited_s) if after.waited_s and before.waited_s is not None else 0.0
    return (after.cpu_s or 0.0) - (before.cpu_s or 0.0) + waited_s


def _best_share(sample: Sample, expected_khz: Mapping[int, int]) -> tuple[float, int, int] | None:
    """Share, clock and expected clock of the cluster that is nearest to its own; if threads may run on several, one is enough."""
    shares = [
        (khz / expected_khz[core], khz, expected_khz[core])
        for core, khz in sample.frequency_khz.items()
        if expected_khz.get(core)
    ]
    return max(shares, default=None)


def _canary(ratio: float | None, when: str) -> TrialFinding | None:
    if ratio is None or ratio <= CANARY_RATIO:
        return None
    return TrialFinding(
        cause=Cause.THROTTLED, evidence=f"canary {ratio:.2f} times as slow {when}as when the session began"
    )


def _status_after(conditions: Conditions, limits: ThermalLimits) -> TrialFinding | None:
    status = conditions.thermal_status_after
    if status is None or limits.max_status is None or status <= limits.max_status:
        return None
    return TrialFinding(cause=Cause.THROTTLED, evidence=f"{status_words(status)} after the run")


def _hot_before(conditions: Conditions, limits: ThermalLimits) -> TrialFinding | None:
    status, temperature = conditions.thermal_status_before, conditions.temperature_before_c
    if status is not None and limits.max_status is not None and status > limits.max_status:
        return TrialFinding(cause=Cause.TOO_HOT, evidence=f"{status_words(status)} before the run")
    if temperature is not None and limits.below_c is not None and temperature >= limits.below_c:
        return TrialFinding(
            cause=Cause.TOO_HOT, evidence=f"{temperature:.1f} °C before the run, below {limits.below_c:g} °C asked"
        )
    return None


def _hot_after(conditions: Conditions, limits: ThermalLimits) -> TrialFinding | None:
    temperature = conditions.temperature_after_c
    if temperature is None or limits.too_hot_c is None or temperature < limits.too_hot_c:
        return None
    return TrialFinding(
        cause=Cause.TOO_HOT, evidence=f"{temperature:.1f} °C after the run, {limits.too_hot_c:g} °C is too hot"
    )


def _lost_settings(held: Mapping[str, str], observed: Mapping[str, str]) -> list[TrialFinding]:
    return [
        TrialFinding(
            cause=Cause.CONDITION_NOT_MET,
            evidence=f"{key} was set to {value}, after the run it read {observed.get(key, 'nothing')}",
        )
        for key, value in held.items()
        if observed and observed.get(key) != value
    ]
