from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.conditions.thermal_limits import ThermalLimits, findings
from harness.records import Conditions, Sample
from harness.records.causes import Cause

LIMITS = ThermalLimits(threads=2, expected_khz={4: 2_800_000, 7: 3_200_000})


def run_of(clocks: Sequence[int], *, cores: float = 2.0, core: int = 4) -> Conditions:
    """Samples twice a second of a process that keeps `cores` busy."""
    return Conditions(
        samples=tuple(
            Sample(t_s=i * 0.5, cpu_s=round(i * 0.5 * cores, 2), frequency_khz={core: khz})
            for i, khz in enumerate(clocks)
        )
    )


def causes(conditions: Conditions, limits: ThermalLimits = LIMITS) -> list[Cause]:
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


@pytest.mark.parametrize("gap", [0, 1, 2])
def test_one_sample_without_cpu_time_costs_what_touches_it_and_no_more(gap: int) -> None:
    samples = list(run_of([1_000_000] * 12).samples)
    samples[gap] = replace(samples[gap], cpu_s=None)
    assert causes(Conditions(samples=tuple(samples))) == [Cause.THROTTLED]


def test_cpu_time_that_was_not_told_is_not_nought() -> None:
    first, last = (Sample(t_s=t, cpu_s=cpu, frequency_khz={4: 1_000_000}) for t, cpu in ((1.0, None), (2.0, 2.0)))
    assert not causes(Conditions(samples=(first, last)))


@pytest.mark.parametrize(("until_s", "found"), [(1.5, [Cause.THROTTLED]), (1.4, [])])
def test_nine_tenths_of_a_second_can_tell(until_s: float, found: list[Cause]) -> None:
    samples = tuple(Sample(t_s=t, cpu_s=t, frequency_khz={4: 1_000_000}) for t in (0.6, until_s))
    assert causes(Conditions(samples=samples), ThermalLimits(threads=1, expected_khz={4: 2_800_000})) == found


def test_two_samples_of_one_time_have_no_clock_between_them() -> None:
    """Else the second, of a clock that nobody ran at for any time, would be named as the lowest."""
    samples = run_of([2_000_000] * 8).samples
    twice = (*samples[:4], replace(samples[3], frequency_khz={4: 300_000}), *samples[4:])
    (finding,) = findings(Conditions(samples=twice), LIMITS)
    assert finding.evidence.startswith("clock down to 2.00 GHz of 2.80, below 90% in ")


def test_idle_time_in_between_does_not_end_the_judgement() -> None:
    """Busy for a second, idle for one, busy for a second: two busy seconds, all of them low."""
    samples = tuple(
        Sample(t_s=t, cpu_s=cpu, frequency_khz={4: 1_000_000})
        for t, cpu in ((1.0, 2.0), (2.0, 4.0), (3.0, 4.0), (4.0, 6.0))
    )
    (finding,) = findings(Conditions(samples=samples), LIMITS)
    assert finding.evidence.endswith("in 2.0 s of 2.0 s under full load")


def test_a_process_that_had_no_cpu_time_yet_began_with_none() -> None:
    samples = tuple(Sample(t_s=t, cpu_s=max(0.0, t - 1), frequency_khz={4: 1_000_000}) for t in (1.0, 2.0))
    one = ThermalLimits(threads=1, expected_khz={4: 2_800_000})
    assert causes(Conditions(samples=samples), one) == [Cause.THROTTLED]
    half = tuple(replace(sample, cpu_s=(sample.cpu_s or 0) / 2) for sample in samples)
    assert not causes(Conditions(samples=half), one)


def test_threads_that_ended_take_no_time_back() -> None:
    """They had waited for 9 s; of the second between the samples the process computed nine tenths."""
    samples = tuple(
        Sample(t_s=t, cpu_s=0.9 * t, waited_s=waited, frequency_khz={4: 1_000_000})
        for t, waited in ((1.0, 9.0), (2.0, 1.0), (3.0, 0.5))
    )
    assert causes(Conditions(samples=samples), ThermalLimits(threads=1, expected_khz={4: 2_800_000})) == [
        Cause.THROTTLED
    ]


@pytest.mark.parametrize(
    ("khz", "expected_khz", "words"),
    [(4_995_001, 9_985_000, "5.00 GHz of 9.98"), (4_994_999, 9_985_001, "4.99 GHz of 9.99")],
)
def test_clocks_are_told_in_gigahertz(khz: int, expected_khz: int, words: str) -> None:
    samples = tuple(Sample(t_s=t, cpu_s=t, frequency_khz={4: khz}) for t in (1.0, 2.0, 3.0))
    (finding,) = findings(Conditions(samples=samples), ThermalLimits(threads=1, expected_khz={4: expected_khz}))
    assert finding.evidence.startswith(f"clock down to {words}, ")


def test_exactly_four_fifths_are_enough() -> None:
    samples = tuple(Sample(t_s=t, cpu_s=cpu, frequency_khz={4: 1_000_000}) for t, cpu in ((1.0, 0.0), (2.0, 0.8)))
    assert causes(Conditions(samples=samples), WATCHED) == [Cause.THROTTLED]


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
    conditions: Conditions, limits: ThermalLimits, expected: list[Cause]
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


HIGH_KHZ, LOW_KHZ = 2_800_000, 1_400_000
WATCHED = ThermalLimits(threads=1, expected_khz={4: HIGH_KHZ})


def timed(*steps: tuple[float, int], cores: float = 1.0) -> Conditions:
    """Samples at times in seconds, with the clock at each, of a process that keeps `cores` busy."""
    return Conditions(samples=tuple(Sample(t_s=t, cpu_s=t * cores, frequency_khz={4: khz}) for t, khz in steps))


@pytest.mark.parametrize(
    ("steps", "throttled"),
    [
        # Low in 1 s of 2 s is not more than half.
        ([(1, HIGH_KHZ), (2, HIGH_KHZ), (3, LOW_KHZ)], False),
        ([(1, HIGH_KHZ), (2, HIGH_KHZ), (3.25, LOW_KHZ)], True),
        # 0.9 s are enough to tell, less is not.
        ([(1, LOW_KHZ), (1.875, LOW_KHZ)], False),
        ([(1, LOW_KHZ), (1.9375, LOW_KHZ)], True),
        # The first 0.6 s belong to the governor: 0.5 s of these 1.25 s do not count, so too little is left.
        ([(0, LOW_KHZ), (0.5, LOW_KHZ), (1.25, LOW_KHZ)], False),
        ([(0, LOW_KHZ), (0.75, LOW_KHZ), (1.25, LOW_KHZ)], True),
        # Samples that did not move on, and one that went back in time.
        ([(2, LOW_KHZ), (2, LOW_KHZ), (2, LOW_KHZ)], False),
        ([(1, LOW_KHZ), (3, LOW_KHZ), (2, HIGH_KHZ)], True),
    ],
)
def test_low_clocks_count_in_more_than_half_of_enough_time(steps: list[tuple[float, int]], throttled: bool) -> None:
    assert bool(causes(timed(*steps), WATCHED)) is throttled


def test_wake_up_ends_at_six_tenths() -> None:
    exact = ((0.0, LOW_KHZ), (0.6, LOW_KHZ), (1.5, LOW_KHZ))
    assert causes(timed(*exact), WATCHED) == [Cause.THROTTLED], "0.6 s + 0.9 s, all of it low"
    (finding,) = findings(timed(*exact), WATCHED)
    assert finding.evidence == "clock down to 1.40 GHz of 2.80, below 90% in 1.5 s of 1.5 s under full load"


@pytest.mark.parametrize(("cores", "throttled"), [(0.8125, True), (0.8, True), (0.75, False)])
def test_four_fifths_of_its_threads_time_is_full_load(cores: float, throttled: bool) -> None:
    assert bool(causes(timed((1, LOW_KHZ), (2, LOW_KHZ), (3, LOW_KHZ), cores=cores), WATCHED)) is throttled


@pytest.mark.parametrize(("khz", "throttled"), [(2_520_000, False), (2_519_999, True)])
def test_nine_tenths_of_the_expected_clock_are_not_low(khz: int, throttled: bool) -> None:
    assert bool(causes(timed((1, khz), (2, khz), (3, khz)), WATCHED)) is throttled


def test_a_core_without_an_expected_clock_is_not_judged() -> None:
    samples = tuple(Sample(t_s=t, cpu_s=t, frequency_khz={4: HIGH_KHZ, 7: 1}) for t in (1.0, 2.0, 3.0))
    assert not causes(Conditions(samples=samples), WATCHED)
    assert not causes(Conditions(samples=samples), replace(WATCHED, expected_khz={7: 0}))


def test_waiting_is_counted_only_where_both_samples_tell_it() -> None:
    half = timed((1, LOW_KHZ), (2, LOW_KHZ), (3, LOW_KHZ), cores=0.5).samples
    waited = [replace(sample, waited_s=sample.t_s * 0.5) for sample in half]
    assert causes(Conditions(samples=tuple(waited)), WATCHED) == [Cause.THROTTLED]
    untold = (waited[0], replace(waited[1], waited_s=None), waited[2])
    assert not causes(Conditions(samples=untold), WATCHED)
    from_nothing = tuple(
        replace(sample, waited_s=sample.t_s - 1) for sample in timed((1, LOW_KHZ), (2, LOW_KHZ), cores=0).samples
    )
    assert causes(Conditions(samples=from_nothing), WATCHED) == [Cause.THROTTLED], "0 s waited at first is told, too"


@pytest.mark.parametrize(
    ("limits", "evidence"),
    [
        (replace(LIMITS, canary_ratio=1.10), None),
        (replace(LIMITS, canary_ratio=1.11), "canary 1.11 times as slow as when the session began"),
        (
            replace(LIMITS, canary_after_ratio=1.25),
            "canary 1.25 times as slow after the block as when the session began",
        ),
    ],
)
def test_a_canary_may_be_a_tenth_slower(limits: ThermalLimits, evidence: str | None) -> None:
    assert [finding.evidence for finding in findings(Conditions(), limits)] == ([evidence] if evidence else [])


@pytest.mark.parametrize("allowed", range(7))
def test_the_highest_status_allowed_is_allowed(allowed: int) -> None:
    limits = replace(LIMITS, max_status=allowed)
    for status in range(7):
        after = causes(Conditions(thermal_status_after=status), limits)
        before = causes(Conditions(thermal_status_before=status), limits)
        assert after == ([Cause.THROTTLED] if status > allowed else [])
        assert before == ([Cause.TOO_HOT] if status > allowed else [])


@pytest.mark.parametrize(
    ("conditions", "evidence"),
    [
        (Conditions(thermal_status_after=2), "thermal status 2 (MODERATE) after the run"),
        (Conditions(thermal_status_before=3), "thermal status 3 (SEVERE) before the run"),
        (Conditions(temperature_before_c=40.0), "40.0 °C before the run, below 40 °C asked"),
        (Conditions(temperature_after_c=75.0), "75.0 °C after the run, 75 °C is too hot"),
        (Conditions(temperature_before_c=39.9, temperature_after_c=74.9), None),
    ],
)
def test_evidence_says_what_was_read_and_what_was_allowed(conditions: Conditions, evidence: str | None) -> None:
    limits = replace(LIMITS, below_c=40.0, too_hot_c=75.0)
    assert [finding.evidence for finding in findings(conditions, limits)] == ([evidence] if evidence else [])


def test_a_setting_that_reads_as_nothing_is_lost() -> None:
    limits = replace(LIMITS, settings={"screen": "Asleep", "stay_awake": "15"})
    (finding,) = findings(Conditions(settings_observed={"stay_awake": "15"}), limits)
    assert finding.evidence == "screen was set to Asleep, after the run it read nothing"


def test_the_most_telling_comes_first() -> None:
    hot = Conditions(
        samples=timed((1, LOW_KHZ), (2, LOW_KHZ), (3, LOW_KHZ)).samples,
        thermal_status_before=1,
        thermal_status_after=1,
        settings_observed={"screen": "Awake"},
    )
    limits = replace(WATCHED, settings={"screen": "Asleep"}, canary_ratio=2.0)
    assert [finding.evidence.split()[0] for finding in findings(hot, limits)] == [
        *("clock", "canary", "thermal", "thermal", "screen")
    ]
    assert causes(hot, limits)[-2:] == [Cause.TOO_HOT, Cause.CONDITION_NOT_MET]
