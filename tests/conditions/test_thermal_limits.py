from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.conditions.thermal_limits import Limits, findings
from harness.records import Conditions, Sample
from harness.records.causes import Cause

LIMITS = Limits(threads=2, expected_khz={4: 2_800_000, 7: 3_200_000})


def run_of(clocks: Sequence[int], *, cores: float = 2.0, core: int = 4) -> Conditions:
    """Samples twice a second of a process that keeps `cores` busy."""
    return Conditions(
        samples=tuple(
            Sample(t_s=i * 0.5, cpu_s=round(i * 0.5 * cores, 2), frequency_khz={core: khz})
            for i, khz in enumerate(clocks)
        )
    )


def causes(conditions: Conditions, limits: Limits = LIMITS) -> list[Cause]:
    return [finding.cause for finding in findings(conditions, limits)]


def test_low_clocks_under_full_load_are_throttling_and_say_how_low() -> None:
    (finding,) = findings(run_of([2_800_000, 2_800_000, 2_000_000, 1_700_000, 2_000_000, 2_000_000]), LIMITS)
    assert finding.cause is Cause.THROTTLED
    assert finding.evidence == "clock down to 1.70 GHz of 2.80, below 90% in 2.0 s of 2.0 s under full load"


@pytest.mark.parametrize(
    ("clocks", "cores", "why"),
    [
        ([2_800_000] * 8, 2.0, "full clock"),
        ([2_600_000] * 8, 2.0, "one step below the highest"),
        ([300_000] * 3 + [2_800_000] * 5, 2.0, "the governor had to wake up"),
        ([1_000_000] * 8, 1.2, "two threads that wait for each other ask for less"),
        ([1_000_000] * 8, 0.1, "the work is on another chip"),
        ([1_000_000] * 2, 2.0, "too short to tell"),
        ([], 2.0, "nothing was seen"),
    ],
)
def test_low_clocks_alone_prove_nothing(clocks: list[int], cores: float, why: str) -> None:
    assert not causes(run_of(clocks, cores=cores)), why


def test_a_core_that_others_keep_busy_is_busy() -> None:
    """Two threads that got a quarter of the time and were ready to run in the rest of it."""
    samples = run_of([2_000_000] * 8, cores=0.5).samples
    assert not causes(Conditions(samples=samples))
    waiting = tuple(replace(sample, waited_s=sample.t_s * 1.5) for sample in samples)
    assert causes(Conditions(samples=waiting)) == [Cause.THROTTLED]
    gone = tuple(replace(sample, waited_s=9.0 - sample.t_s) for sample in samples)
    assert not causes(Conditions(samples=gone)), "threads that ended took what they had waited with them"


def test_on_several_clusters_one_at_its_clock_is_enough() -> None:
    samples = tuple(Sample(t_s=i * 0.5, cpu_s=i * 1.0, frequency_khz={4: 2_800_000, 7: 600_000}) for i in range(8))
    assert not causes(Conditions(samples=samples))
    both_low = tuple(replace(sample, frequency_khz={4: 1_400_000, 7: 600_000}) for sample in samples)
    assert causes(Conditions(samples=both_low)) == [Cause.THROTTLED]


def test_samples_without_cpu_time_or_clock_are_not_guessed() -> None:
    samples = run_of([1_000_000] * 8).samples
    assert not causes(Conditions(samples=tuple(replace(sample, cpu_s=None) for sample in samples)))
    assert not causes(Conditions(samples=tuple(replace(sample, frequency_khz={}) for sample in samples)))


def test_clocks_can_be_left_unjudged() -> None:
    assert not causes(run_of([1_000_000] * 8), replace(LIMITS, low_clock=None))


@pytest.mark.parametrize(
    ("conditions", "limits", "expected"),
    [
        (Conditions(thermal_status_before=0, thermal_status_after=0), LIMITS, []),
        (Conditions(thermal_status_before=None, thermal_status_after=None), LIMITS, []),
        (Conditions(thermal_status_after=1), LIMITS, [Cause.THROTTLED]),
        (Conditions(thermal_status_before=1, thermal_status_after=0), LIMITS, [Cause.TOO_HOT]),
        (Conditions(thermal_status_before=3, thermal_status_after=3), replace(LIMITS, max_status=None), []),
        (Conditions(temperature_before_c=41.0), replace(LIMITS, below_c=40.0), [Cause.TOO_HOT]),
        (Conditions(temperature_before_c=39.0), replace(LIMITS, below_c=40.0), []),
        (Conditions(temperature_after_c=80.0), replace(LIMITS, too_hot_c=75.0), [Cause.TOO_HOT]),
        (Conditions(), replace(LIMITS, canary_ratio=1.2), [Cause.THROTTLED]),
        (Conditions(), replace(LIMITS, canary_ratio=1.05), []),
    ],
)
def test_heat_is_read_from_whatever_the_device_tells(
    conditions: Conditions, limits: Limits, expected: list[Cause]
) -> None:
    assert causes(conditions, limits) == expected


def test_a_setting_that_was_lost_during_the_run_counts() -> None:
    limits = replace(LIMITS, settings={"governor:policy4": "performance"})
    lost = Conditions(settings_observed={"governor:policy4": "schedutil"})
    (finding,) = findings(lost, limits)
    assert finding.cause is Cause.CONDITION_NOT_MET
    assert finding.evidence == "governor:policy4 was set to performance, after the run it read schedutil"
    assert not causes(Conditions(settings_observed={"governor:policy4": "performance"}), limits)
    assert not causes(Conditions(), limits), "a trial whose end was not seen says nothing of its settings"
