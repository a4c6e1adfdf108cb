"""Trials that a device runs one after the other in one shell, while the host reads, judges and stores; and what interrupts them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.devices.adb_target import AdbTarget
from harness.errors import DeviceError
from harness.measuring.conditioning import Conditioning
from harness.measuring.schedule import Schedule
from harness.records import Result, Status
from harness.records.causes import Cause
from tests.measuring.test_schedule import SHORT, run

NOW = "echo fault-now"
"""A command that fault rules wait for: the test sends it when the first result is stored, so the device runs the second trial."""

CAME = "/data/local/tmp/came"


def second_waits(most_s: int) -> str:
    """Shell text of a program whose second process waits for `CAME`: what the test does in the meantime never comes too late."""
    return f"""sleep 0.1
if [ ! -e {CAME}.first ]; then : >{CAME}.first
elif [ ! -e {CAME}.second ]; then
  : >{CAME}.second; n=0
  while [ ! -e {CAME} ] && [ $n -lt {10 * most_s} ]; do sleep 0.1; n=$((n+1)); done
fi"""


def after_first(command: str) -> Callable[[AdbTarget, Schedule, Result | str], None]:
    """Send a command to the device when the first result has come."""
    sent = threading.Event()

    def heard(target: AdbTarget, schedule: Schedule, what: Result | str) -> None:
        if isinstance(what, Result) and not sent.is_set():
            sent.set()
            # The fault that this brings about may break the connection.
            with contextlib.suppress(DeviceError):
                target.run(command, timeout_s=60)

    return heard


def test_more_trials_take_no_more_round_trips(tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    few.mkdir()
    many.mkdir()
    short, long = run(few, blocks=True, processes=2), run(many, blocks=True, processes=6)
    assert [result.status for result in long.of(0)] == [Status.OK] * 6
    assert long.round_trips == short.round_trips
    assert [result.trial for result in long.of(0)] == list(long.planned), "in the order of the suite"
    for one, other in pairwise(long.of(0)):
        assert one.conditions.thermal_status_after == other.conditions.thermal_status_before
        gap_s = (other.started_at - one.started_at).total_seconds() - one.duration_s
        assert gap_s >= -0.02, "one after the other, by the device's own clock"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ({"fault": "lost", "lasts_s": 1}, Cause.DEVICE_LOST),
        ({"fault": "reboot"}, Cause.DEVICE_REBOOTED),
        ({"fault": "killed"}, Cause.KILLED),
        ({"fault": "adb_server_killed"}, Cause.ADB_SERVER_LOST),
    ],
    ids=lambda value: str(value["fault"]) if isinstance(value, dict) else "",
)
def test_a_fault_costs_only_the_trial_that_runs(tmp_path: Path, fault: dict[str, Any], cause: Cause) -> None:
    done = run(
        tmp_path,
        {**fault, "during": "shell", "match": NOW},
        blocks=True,
        processes=5,
        # A fault that needs a benchmark looks for one while the command lasts.
        heard=after_first(f"{NOW}; sleep 2; : >{CAME}"),
        conditions="{battery: {min_percent: 0}}",
        timeout_s=30,
        works=second_waits(20),
    )
    assert [result.status for result in done.of(0)] == [Status.OK] * 5
    assert done.setbacks() == [cause]
    assert [result.attempt for result in done.of(0)].count(1) == 1
    assert not done.left_behind


def test_a_device_that_hangs_in_the_middle_of_a_block_is_told_by_wall_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.measuring.block_run.GRACE_S", 1.0)
    done = run(
        tmp_path,
        {"fault": "hung", "during": "shell", "match": NOW, "lasts_s": 9, "delay_s": 0.1},
        blocks=True,
        processes=4,
        heard=after_first(f"{NOW}; : >{CAME}"),
        patience=replace(SHORT, recovery_s=60.0),
        works=second_waits(2),
    )
    assert [result.status for result in done.of(0)] == [Status.OK] * 4
    assert done.setbacks() == [Cause.DEVICE_HUNG]


def test_a_gate_that_closes_in_the_middle_stops_the_device_until_it_opens(tmp_path: Path) -> None:
    first = after_first(f"cmd thermalservice override-status 3; : >{CAME}")

    def heard(target: AdbTarget, schedule: Schedule, what: Result | str) -> None:
        first(target, schedule, what)
        if isinstance(what, str) and what.startswith("waits"):
            target.run("cmd thermalservice reset", timeout_s=60)

    done = run(
        tmp_path,
        blocks=True,
        processes=5,
        heard=heard,
        conditions="{thermal: {wait_s: 60}, repeat_invalid: 0}",
        timeout_s=30,
        works=second_waits(20),
    )
    assert done.noted("waits, 60 s at most: thermal status 3")
    begun_too_warm = [r for r in done.of(0) if (r.conditions.thermal_status_before or 0) > 0]
    assert begun_too_warm == [], "the device itself keeps the gate"
    assert len(done.of(0)) == 5
    assert sum((result.conditions.waited_s or 0) > 0 for result in done.of(0)) == 1


def test_a_trial_that_heat_spoiled_is_repeated_before_the_next_one_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heat of a virtual device is simulated and spoils nothing, so the judgement is set here."""

    def spoiled(conditions: Conditioning, result: Result, repeats: int) -> bool:
        return result.trial.process == 1 and repeats == 0

    monkeypatch.setattr(Conditioning, "worth_repeating", spoiled)
    done = run(tmp_path, blocks=True, processes=4)
    assert [result.status for result in done.of(0)] == [Status.OK] * 4
    assert [result.trial for result in done.of(0)] == list(done.planned)
    assert [result.conditions.repeats for result in done.of(0)] == [0, 1, 0, 0]
    assert done.of(0)[2].started_at > done.of(0)[1].started_at, "what had begun meanwhile was ended and ran anew"


def test_a_run_that_is_ended_keeps_what_was_done_and_leaves_nothing_running(tmp_path: Path) -> None:
    def heard(target: AdbTarget, schedule: Schedule, what: Result | str) -> None:
        if isinstance(what, Result):
            schedule._interrupted(1)

    done = run(tmp_path, blocks=True, processes=40, heard=heard, timeout_s=60)
    assert 1 <= len(done.of(0)) <= 3
    assert {result.status for result in done.of(0)} == {Status.OK}
    assert done.outcome.interrupted
    assert not done.left_behind
    assert done.running == ""
