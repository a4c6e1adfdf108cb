"""The order of a session on a phone that answers from a script: what is waited for, repeated, judged, and how long."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.conditions.request import ConditionsRequest
from harness.devices.fake_target import FakeTarget
from harness.devices.inventory import Inventory, read_inventory
from harness.devices.target import Cancelled
from harness.errors import DeviceLost
from harness.measuring.conditioning import Conditioning
from harness.measuring.not_run import not_repeated_result
from harness.records import (
    Conditions,
    CpuRequest,
    DelegateRequest,
    Measurement,
    ModelRef,
    Purpose,
    Result,
    RunLengths,
    RunStatistics,
    Sample,
    Status,
    Trial,
)
from harness.records.causes import Cause

SECTIONS = {
    "props": "[ro.product.model]: [Phone]\n[ro.build.version.sdk]: [33]\n",
    "present": "0-7",
    "online": "0-7",
    "cores": "\n".join(f"{core} {1024 if core > 3 else 300} {2800000 if core > 3 else 1800000}" for core in range(8)),
    "policies": "0 1800000 0 1 2 3\n4 2800000 4 5 6 7\n",
    "zones": "0 30000 cpu-big\n",
    "boot": "b",
}
TRIAL = Trial(
    trial_id="t0",
    device="phone",
    model=ModelRef(name="m", path="m", sha256="0" * 64, size_bytes=1),
    delegate=DelegateRequest(name="xnnpack"),
    threads=1,
    cpus=CpuRequest(label="big", mask=0xF0),
    purpose=Purpose.LATENCY,
    process=0,
    block=0,
    run=RunLengths(),
)


LOOK = re.compile("dumpsys battery")
"""What only the script that looks before a trial holds."""


def phone_that_shows(*looks: str) -> FakeTarget:
    """It shows this from look to look, the last one for ever."""
    return FakeTarget(
        {
            LOOK: looks,
            re.compile("=setting fixed_performance"): "=setting fixed_performance true\n",
            re.compile(""): "",
        }
    )


def count_looks(phone: FakeTarget) -> int:
    return sum(bool(LOOK.search(command)) for command in phone.commands)


def inventory() -> Inventory:
    return read_inventory("phone", SECTIONS, {})


def session(
    phone: FakeTarget,
    request: dict[str, object],
    canary: Callable[[Trial], Result] | None = None,
    cancel: threading.Event | None = None,
) -> tuple[Conditioning, list[str]]:
    notes: list[str] = []

    def no_canary(trial: Trial) -> Result:
        raise AssertionError("no canary was asked for")

    conditioning = Conditioning(
        phone,
        ConditionsRequest.model_validate(request),
        owner="run",
        cancel=cancel or threading.Event(),
        note=notes.append,
        run_canary=canary or no_canary,
    )
    conditioning.enter(inventory(), "")
    return conditioning, notes


def result(trial: Trial = TRIAL, *, khz: int = 2_800_000, run_min_us: float = 100.0, **seen: object) -> Result:
    samples = tuple(Sample(t_s=i * 0.5, cpu_s=i * 0.5, frequency_khz={4: khz}) for i in range(6))
    conditions = replace(
        Conditions(samples=samples, thermal_status_after=0, temperature_before_c=30.0, temperature_after_c=31.0),
        **seen,  # type: ignore[arg-type]  # fields by name, as replace takes them
    )
    return Result(
        trial=trial,
        status=Status.OK,
        measurement=Measurement(inference_avg_us=100.0, runs=RunStatistics(count=10, min=run_min_us)),
        conditions=conditions,
        started_at=datetime.now(UTC),
        duration_s=1.0,
    )


COOL = "temp 30000\nThermal Status: 0\n"
WARM = "temp 45000\nThermal Status: 1\n"


def test_a_cool_phone_is_looked_at_once_and_then_never_between_trials() -> None:
    phone = phone_that_shows(COOL)
    conditioning, _ = session(phone, {})
    for number in range(5):
        trial = replace(TRIAL, trial_id=f"t{number}")
        assert conditioning.before_trial(trial) is None
        judged = conditioning.after_trial(result(trial))
        assert (judged.status, judged.conditions.waited_s) == (Status.OK, 0.0)
    assert count_looks(phone) == 1, "what a trial read at its end stands for the next gate"


def test_a_warm_phone_is_waited_for_and_the_wait_is_counted() -> None:
    phone = phone_that_shows(WARM, COOL)
    conditioning, notes = session(phone, {})
    assert conditioning.before_trial(TRIAL) is None
    waited_s = conditioning.after_trial(result()).conditions.waited_s
    assert waited_s is not None
    assert 0.9 < waited_s < 60
    assert notes == ["waits, 300 s at most: thermal status 1 (LIGHT), at most 0 asked"]


def test_waiting_ends_with_its_limit_and_is_a_result() -> None:
    conditioning, notes = session(phone_that_shows(WARM), {"thermal": {"wait_s": 0.3}})
    blocked = conditioning.before_trial(TRIAL)
    assert blocked is not None
    assert (blocked.status, blocked.causes) == (Status.INVALID, (Cause.TOO_HOT,))
    assert blocked.conditions.waited_s is not None
    assert blocked.conditions.waited_s >= 0.3
    assert blocked.message == "did not run: thermal status 1 (LIGHT), at most 0 asked"
    assert notes[-1] == "did not begin: thermal status 1 (LIGHT), at most 0 asked"
    assert not conditioning.worth_repeating(blocked, 0), "it has waited already"


def test_a_wait_can_be_cancelled() -> None:
    cancel = threading.Event()
    conditioning, _ = session(phone_that_shows(WARM), {}, cancel=cancel)
    threading.Timer(0.3, cancel.set).start()
    with pytest.raises(Cancelled):
        conditioning.before_trial(TRIAL)


def test_a_throttled_trial_is_repeated_once_it_has_cooled_up_to_the_limit() -> None:
    phone = phone_that_shows(COOL, "temp 39000\nThermal Status: 0\n", COOL)
    conditioning, notes = session(phone, {"repeat_invalid": 1})
    assert conditioning.before_trial(TRIAL) is None
    slow = conditioning.after_trial(result(khz=1_400_000, temperature_after_c=40.0))
    assert (slow.status, slow.causes) == (Status.INVALID, (Cause.THROTTLED,))
    assert slow.message == slow.conditions.evidence[0]
    assert conditioning.worth_repeating(slow, 0)
    assert conditioning.before_trial(TRIAL, repeats=1) is None
    assert count_looks(phone) == 3, "40 and 39 degrees are more than 3 above the 30 it began with"
    good = conditioning.after_trial(result(), repeats=1)
    assert good.status is Status.OK
    assert good.conditions.repeats == 1
    assert good.conditions.waited_s is not None
    assert good.conditions.waited_s > 0.9
    assert not conditioning.worth_repeating(slow, 1)
    assert any(note.startswith("again once it has cooled: clock down to 1.40 GHz") for note in notes)


@pytest.mark.parametrize(
    "seen",
    [{"khz": 1_400_000}, {"thermal_status_after": 3}, {"thermal_status_before": 3}],
    ids=lambda seen: next(iter(seen)),
)
def test_what_is_simulated_is_told_and_spoils_nothing(seen: dict[str, Any]) -> None:
    conditioning, _ = session(phone_that_shows(COOL), {"repeat_invalid": 1})
    assert conditioning.before_trial(TRIAL) is None
    names = ("samples", "thermal_status_after", "thermal_status_before", "temperature_after_c", "temperature_before_c")
    judged = conditioning.after_trial(result(**seen, simulated=names))
    assert (judged.status, judged.causes) == (Status.OK, ())
    [evidence] = judged.conditions.evidence
    assert evidence.startswith("simulated: ")
    assert not conditioning.worth_repeating(judged, 0)


def test_a_slow_canary_counts_where_clocks_are_simulated() -> None:
    times = iter([100.0, 130.0])
    conditioning, _ = session(
        phone_that_shows(COOL),
        {"canary": True, "thermal": {"wait_s": 0}},
        lambda trial: result(trial, run_min_us=next(times), simulated=("samples",)),
    )
    for block in (0, 1):
        trial = replace(TRIAL, trial_id=f"t{block}", block=block)
        assert conditioning.before_trial(trial) is None
        judged = conditioning.after_trial(result(trial, khz=1_400_000, simulated=("samples",)))
    assert judged.causes == (Cause.THROTTLED,)
    assert judged.conditions.evidence[0].startswith("canary 1.30 times")


def test_what_failed_stays_failed_whatever_the_clocks_were() -> None:
    conditioning, _ = session(phone_that_shows(COOL), {})
    assert conditioning.before_trial(TRIAL) is None
    crashed = replace(result(khz=1_400_000), status=Status.FAILED, causes=(Cause.CRASHED,))
    judged = conditioning.after_trial(crashed)
    assert (judged.status, judged.causes) == (Status.FAILED, (Cause.CRASHED,))


def test_a_slow_canary_spoils_its_block_and_is_timed_again_at_the_end() -> None:
    times = iter([100.0, 130.0, 104.0])
    conditioning, notes = session(
        phone_that_shows(COOL),
        {"canary": True, "thermal": {"wait_s": 0}},
        lambda trial: result(trial, run_min_us=next(times)),
    )
    ratios = []
    for block in (0, 0, 1):
        trial = replace(TRIAL, trial_id=f"t{block}", block=block)
        assert conditioning.before_trial(trial) is None
        judged = conditioning.after_trial(result(trial))
        ratios.append((judged.conditions.canary_ratio, judged.causes))
    assert ratios == [(1.0, ()), (1.0, ()), (1.3, (Cause.THROTTLED,))]
    conditioning.exit()
    assert notes[-1] == "canary at the end: 1.04 times its first run"


def test_a_spoiled_trial_that_cannot_be_repeated_keeps_its_numbers_and_says_why() -> None:
    conditioning, _ = session(phone_that_shows(COOL, WARM), {"thermal": {"wait_s": 0.2}})
    assert conditioning.before_trial(TRIAL) is None
    spoiled = conditioning.after_trial(result(khz=1_400_000, temperature_after_c=50.0))
    assert conditioning.worth_repeating(spoiled, 0)
    not_run = conditioning.before_trial(TRIAL, repeats=1)
    assert not_run is not None
    kept = not_repeated_result(spoiled, not_run)
    assert (kept.status, kept.causes, kept.measurement) == (Status.INVALID, (Cause.THROTTLED,), spoiled.measurement)
    assert kept.conditions.evidence[0].startswith("clock down to")
    assert kept.conditions.evidence[1] == "not repeated: thermal status 1 (LIGHT), at most 0 asked"
    assert (kept.conditions.waited_s or 0) >= 0.2


def test_a_canary_that_is_slow_after_a_block_spoils_the_trial_that_ended_it() -> None:
    times = iter([100.0, 125.0, 126.0, 127.0, 101.0])
    conditioning, notes = session(
        phone_that_shows(COOL),
        {"canary": True, "thermal": {"wait_s": 0}},
        lambda trial: result(trial, run_min_us=next(times)),
    )
    seen = []
    for number, block in enumerate((0, 0, 1)):
        trial = replace(TRIAL, trial_id=f"t{number}", block=block)
        assert conditioning.before_trial(trial) is None
        judged = conditioning.after_trial(result(trial), ends_block=number > 0)
        seen.append((judged.conditions.canary_ratio, judged.conditions.canary_after_ratio, judged.causes))
        if number == 1:
            assert judged.conditions.evidence == (
                "canary 1.25 times as slow after the block as when the session began",
            )
    # What was timed a moment ago, after a block, is not timed again before the next.
    assert seen == [(1.0, None, ()), (1.0, 1.25, (Cause.THROTTLED,)), (1.25, 1.01, (Cause.THROTTLED,))]
    conditioning.exit()
    assert notes[-1] == "canary at the end: 1.01 times its first run"


def test_a_slow_canary_after_a_block_is_timed_again_since_noise_passes_and_heat_does_not() -> None:
    times = iter([100.0, 150.0, 101.0, 150.0, 140.0, 130.0])
    conditioning, _ = session(
        phone_that_shows(COOL),
        {"canary": True, "thermal": {"wait_s": 0}},
        lambda trial: result(trial, run_min_us=next(times)),
    )
    ratios = []
    for block in (0, 1):
        trial = replace(TRIAL, trial_id=f"t{block}", block=block)
        assert conditioning.before_trial(trial) is None
        ratios.append(conditioning.after_trial(result(trial), ends_block=True).conditions.canary_after_ratio)
    assert ratios == [1.01, 1.3]


def test_the_canary_is_timed_again_before_a_trial_is_repeated() -> None:
    times = iter([100.0, 140.0, 141.0, 103.0])
    conditioning, _ = session(
        phone_that_shows(COOL),
        {"canary": True, "thermal": {"wait_s": 0.5}},
        lambda trial: result(trial, run_min_us=next(times)),
    )
    assert conditioning.before_trial(TRIAL) is None
    conditioning.after_trial(result())
    later = replace(TRIAL, trial_id="t1", block=1)
    assert conditioning.before_trial(later) is None
    spoiled = conditioning.after_trial(result(later))
    assert (spoiled.causes, spoiled.conditions.canary_ratio) == ((Cause.THROTTLED,), 1.41)
    assert conditioning.before_trial(later, repeats=1) is None
    again = conditioning.after_trial(result(later), repeats=1)
    assert (again.causes, again.conditions.canary_ratio) == ((), 1.03)


def test_a_device_that_fails_under_the_canary_after_a_block_loses_no_result() -> None:
    def canary(trial: Trial) -> Result:
        if "after" in trial.trial_id:
            raise DeviceLost("gone", serial="phone")
        return result(trial)

    conditioning, notes = session(phone_that_shows(COOL), {"canary": True}, canary)
    assert conditioning.before_trial(TRIAL) is None
    judged = conditioning.after_trial(result(), ends_block=True)
    assert (judged.status, judged.conditions.canary_after_us) == (Status.OK, None)
    assert judged.conditions.evidence == ("the canary did not run after the block: phone: gone",)
    assert notes == ["the canary did not run after the block: phone: gone"]


def test_a_canary_that_cannot_run_is_told_in_every_record_and_spoils_nothing() -> None:
    failing = True

    def canary(trial: Trial) -> Result:
        seen = result(trial)
        return replace(seen, status=Status.FAILED, message="no such signature", measurement=None) if failing else seen

    conditioning, notes = session(phone_that_shows(COOL), {"canary": True}, canary)
    seen = []
    for number, block in enumerate((0, 0, 1)):
        failing = block == 0
        trial = replace(TRIAL, trial_id=f"t{number}", block=block)
        assert conditioning.before_trial(trial) is None
        judged = conditioning.after_trial(result(trial), ends_block=number > 0)
        assert (judged.status, judged.causes) == (Status.OK, ())
        seen.append(judged.conditions.evidence)
    before = "the canary did not run before the block: no such signature"
    assert seen == [(before,), (before, "the canary did not run after the block: no such signature"), ()]
    assert notes == list(seen[1])


def test_a_device_that_fails_under_the_canary_before_a_block_is_told_with_what_is_measured_then() -> None:
    def canary(trial: Trial) -> Result:
        raise DeviceLost("gone", serial="phone")

    conditioning, _ = session(phone_that_shows(COOL), {"canary": True}, canary)
    with pytest.raises(DeviceLost):
        conditioning.before_trial(TRIAL)
    assert conditioning.before_trial(TRIAL) is None, "it is not tried for ever"
    assert conditioning.after_trial(result()).conditions.evidence == (
        "the canary did not run before the block: phone: gone",
    )


def test_what_the_canary_heats_is_waited_for() -> None:
    """The gate is passed, the canary runs, and the device is above the limit for it."""
    phone = phone_that_shows(COOL, WARM, COOL)
    conditioning, notes = session(
        phone, {"canary": True, "thermal": {"below_c": 40, "wait_s": 9}}, lambda trial: result(trial)
    )
    assert conditioning.before_trial(TRIAL) is None
    assert count_looks(phone) == 3
    assert any("45.0 °C" in note or "LIGHT" in note for note in notes)


def test_in_fixed_performance_mode_clocks_are_held_against_the_best_seen() -> None:
    conditioning, _ = session(phone_that_shows(COOL), {"fixed_performance": True})
    for number, (khz, status) in enumerate([(1_800_000, Status.OK), (1_800_000, Status.OK), (900_000, Status.INVALID)]):
        trial = replace(TRIAL, trial_id=f"t{number}")
        assert conditioning.before_trial(trial) is None
        seen = result(trial, khz=khz, settings_observed={"fixed_performance": "true"})
        assert conditioning.after_trial(seen).status is status


@pytest.mark.parametrize(("below_c", "reason"), [("device", "no config tells"), (40, None)])
def test_a_temperature_that_cannot_be_known_is_a_condition_not_met(below_c: object, reason: str | None) -> None:
    conditioning, _ = session(phone_that_shows(COOL), {"thermal": {"below_c": below_c}})
    refused = conditioning.before_trial(TRIAL)
    if reason is None:
        assert refused is None
        return
    assert refused is not None
    assert (refused.status, refused.causes) == (Status.SKIPPED, (Cause.CONDITION_NOT_MET,))
    assert reason in (refused.message or "")
    lenient, notes = session(phone_that_shows(COOL), {"thermal": {"below_c": below_c}, "when_supported": ["thermal"]})
    assert lenient.before_trial(TRIAL) is None
    assert notes[0].endswith("goes on without")
