"""The chaos benchmark in small: it holds, and its judge notices what does not."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks import chaos
from benchmarks.chaos_state import Snapshot, differences, snapshot
from benchmarks.chaos_truth import judge, unproven
from harness.records import (
    CpuRequest,
    DelegateRequest,
    Measurement,
    ModelRef,
    Purpose,
    Result,
    RunLengths,
    Setback,
    Status,
    Trial,
)
from harness.records.causes import Cause

T0 = 1_800_000_000.0


@pytest.mark.timeout(600)
def test_a_small_campaign_ends_every_trial_once_with_right_causes(tmp_path: Path) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = chaos.main(
            [
                "--trials",
                "40",
                "--devices",
                "3",
                "--seed",
                "4",
                "--kills",
                "1",
                "--keep",
                str(tmp_path / "kept"),
                "--patience",
                "500",
            ]
        )
    assert code == 0, printed.getvalue()
    assert "1 SIGKILL" in printed.getvalue()


def result(trial_id: str = "t1", *, at_s: float = 1.0, **values: Any) -> Result:
    trial = Trial(
        trial_id=trial_id,
        device="d",
        model=ModelRef(name="m", path="m.tflite", sha256="0" * 64, size_bytes=1),
        delegate=DelegateRequest(name="cpu"),
        threads=1,
        cpus=CpuRequest(label="all", mask=1),
        purpose=Purpose.LATENCY,
        process=0,
        block=0,
        run=RunLengths(),
    )
    known: dict[str, Any] = {
        "trial": trial,
        "status": Status.OK,
        "started_at": datetime.fromtimestamp(T0 + at_s, UTC),
        "duration_s": 1.0,
        "measurement": Measurement(),
    }
    return Result(**(known | values))


def start(at_s: float = 1.0, trial: str = "t1") -> dict[str, Any]:
    return {"event": "spawn", "t": T0 + at_s, "command": f"D=/data/local/tmp/litert-harness/run/{trial}; W=''"}


def setback(cause: Cause, at_s: float) -> Setback:
    return Setback(cause=cause, message="", at=datetime.fromtimestamp(T0 + at_s, UTC))


def fault(
    kind: str,
    at_s: float,
    *,
    trial: str = "t1",
    running: bool = True,
    lasts_s: float | None = None,
    during: str = "shell",
) -> dict[str, Any]:
    return {
        "event": "fault",
        "fault": kind,
        "t": T0 + at_s,
        "during": during,
        "text": f"cd /data/local/tmp/litert-harness/run/{trial}" if trial else "getprop",
        "running": running,
        "lasts_s": lasts_s,
    }


def judged(log: list[dict[str, Any]], *results: Result, kills: tuple[float, ...] = (), starts: int = 1) -> Any:
    """Of one device, on which each trial was started so many times."""
    began = [start(one.started_at.timestamp() - T0, one.trial.trial_id) for one in results for _ in range(starts)]
    return judge({"d": [*log, *began]}, {"d": list(results)}, [T0 + kill for kill in kills])


def test_what_strikes_a_trial_whose_output_is_whole_strikes_what_comes_next() -> None:
    log = [fault("adb_server_killed", 2.4)]
    first, second = result(), result("t2", at_s=3.0, setbacks=(setback(Cause.ADB_SERVER_LOST, 2.8),))
    found = judged(log, first, second)
    assert not found.violations
    assert found.faults["adb_server_killed"].found == 1
    assert judged([fault("adb_server_killed", 1.4)], first, second).violations  # in the middle of its process


def test_a_fault_may_hide_an_earlier_one_of_the_same_attempt_though_it_names_no_trial() -> None:
    lost = fault("lost", 4.0, trial="", during="push")
    ended = result(at_s=20.0, setbacks=(setback(Cause.DEVICE_LOST, 4.1),))
    assert not judged([fault("truncated", 1.0), lost], ended).violations
    other = result("t2", at_s=20.0, setbacks=(setback(Cause.DEVICE_LOST, 4.1),))
    assert judged([fault("truncated", 1.0), lost], result(), other).violations  # another trial's


def test_a_command_may_begin_after_its_controller_was_killed() -> None:
    late = [start(1.0)]
    assert not judged(late, result(at_s=9.0), kills=(0.5,)).violations
    assert judged(late, result(at_s=9.0)).violations


def test_a_device_that_trusts_nobody_may_first_be_gone() -> None:
    assert not judged([fault("unauthorized", 1.0)], result(setbacks=(setback(Cause.DEVICE_LOST, 1.2),))).violations


def test_a_fault_with_its_cause_is_found() -> None:
    found = judged([fault("lost", 1.0)], result(setbacks=(setback(Cause.DEVICE_LOST, 1.2),)))
    assert not found.violations
    assert found.faults["lost"].found == found.retried == 1


def test_a_fault_that_nobody_noticed_is_a_violation() -> None:
    assert len(judged([fault("lost", 1.0)], result()).violations) == 1


def test_a_cause_without_a_fault_is_a_violation() -> None:
    failed = result(status=Status.FAILED, causes=(Cause.CRASHED,))
    assert len(judged([], failed).violations) == 1


def test_a_wrong_cause_is_two() -> None:
    wrong = result(setbacks=(setback(Cause.DEVICE_HUNG, 1.2),))
    assert len(judged([fault("lost", 1.0)], wrong).violations) == 2


def test_one_cause_is_not_two_faults() -> None:
    """The second was on another trial, whose result says nothing of it."""
    log = [fault("lost", 1.0), fault("lost", 9.0, trial="t2")]
    found = judged(log, result(setbacks=(setback(Cause.DEVICE_LOST, 1.2),)), result("t2", at_s=9.0))
    assert [line.split(" ")[1] for line in found.violations] == ["lost"]


def test_a_fault_of_which_nobody_knows_the_trial_leaves_others_their_own() -> None:
    log = [fault("lost", 1.0, trial="", during="push"), fault("moved", 4.0)]
    one = result("t2", at_s=2.0, setbacks=(setback(Cause.DEVICE_LOST, 4.2),))
    two = result(at_s=5.0, setbacks=(setback(Cause.DEVICE_LOST, 4.1),))
    found = judged(log, one, two, starts=2)
    assert not found.violations
    assert (found.faults["lost"].found, found.faults["moved"].found) == (1, 1)


def test_the_cause_of_the_next_attempt_is_not_this_one_s() -> None:
    log = [fault("adb_server_killed", 1.0), fault("lost", 1.1), fault("moved", 5.0), start(4.9)]
    seen = (setback(Cause.ADB_SERVER_LOST, 1.0), setback(Cause.DEVICE_LOST, 5.2))
    found = judged(log, result(at_s=0.9, setbacks=seen), starts=2)
    assert not found.violations
    assert (found.faults["lost"].hidden, found.faults["moved"].found) == (1, 1)


def test_the_cause_of_another_trial_does_not_count() -> None:
    others = (result("t2", at_s=2.0, setbacks=(setback(Cause.KILLED, 2.1),)), result())
    assert any("is in no result (t1)" in line for line in judged([fault("killed", 1.0)], *others).violations)


def test_what_a_killed_controller_had_seen_is_forgotten() -> None:
    later = replace(result(), started_at=datetime.fromtimestamp(T0 + 30, UTC))
    found = judged([fault("lost", 1.0)], later, kills=(2,))
    assert not found.violations
    assert found.faults["lost"].forgotten == 1


def test_a_kind_that_was_never_seen_through_is_named() -> None:
    later = replace(result(), started_at=datetime.fromtimestamp(T0 + 30, UTC))
    assert unproven(judged([fault("hung", 1.0), fault("hung", 1.5)], later, kills=(2,))) == ["hung"]
    assert unproven(judged([fault("slow", 1.0)], result())) == []


def test_one_of_two_faults_on_one_attempt_may_hide_the_other() -> None:
    both = [fault("killed", 1.0), fault("lost", 1.01)]
    found = judged(both, result(setbacks=(setback(Cause.DEVICE_LOST, 1.2),)))
    assert not found.violations
    assert found.faults["killed"].hidden == 1


def test_what_a_later_fault_on_the_same_attempt_ended_is_hidden() -> None:
    both = [fault("truncated", 1.0), {**fault("lost", 2.0), "during": "pull", "text": "/x/run/t1/runtime_info.pb"}]
    found = judged(both, result(setbacks=(setback(Cause.DEVICE_LOST, 2.1),)), starts=2)
    assert not found.violations
    assert found.faults["truncated"].hidden == 1
    of_the_next = judged([*both, start(1.7)], result(setbacks=(setback(Cause.DEVICE_LOST, 2.1),)))
    assert len(of_the_next.violations) == 1, "the trial had begun anew in between"


def test_a_process_that_is_killed_twice_is_two_causes() -> None:
    twice = [fault("killed", 1.0), fault("killed", 3.0)]
    failed = result(
        at_s=3.0, status=Status.FAILED, causes=(Cause.KILLED,), exit_code=137, setbacks=(setback(Cause.KILLED, 1.2),)
    )
    found = judged(twice, failed, starts=2)
    assert not found.violations
    assert found.faults["killed"].found == 2


def test_two_faults_that_nobody_noticed_do_not_hide_each_other() -> None:
    assert len(judged([fault("killed", 1.0), fault("lost", 1.01)], result()).violations) == 2


def test_faults_without_effect_are_harmless() -> None:
    assert not judged([fault("slow", 1.0), fault("lost", 1.0, running=False)], result()).violations


def test_a_fault_by_the_clock_counts_where_a_trial_ran() -> None:
    assert not judged([fault("adb_server_killed", 1.0, trial="", during="time")], result()).violations
    struck = fault("adb_server_killed", 1.5, during="time")
    assert len(judged([struck], result()).violations) == 1
    assert not judged([struck], result(), kills=(1.2,)).violations, "nobody waited for that command any more"


def test_attempts_follow_the_class_of_the_fault() -> None:
    full = (setback(Cause.STORAGE_FULL, 1.2),)
    again = judged([fault("storage_full", 1.0)], result(setbacks=full))
    assert again.violations == ["d: t1 was tried again after storage_full"]
    given_up = result(status=Status.FAILED, causes=(Cause.DEVICE_LOST,), setbacks=(setback(Cause.DEVICE_LOST, 1.2),))
    assert "after 1 of 3 attempts" in judged([fault("lost", 1.0)], given_up).violations[0]
    hasty = result(setbacks=(setback(Cause.DEVICE_LOST, 1.2), setback(Cause.DEVICE_LOST, 1.4)))
    found = judged([fault("lost", 1.0), fault("lost", 1.3)], hasty)
    assert found.violations == ["d: t1 was tried again without a pause after device_lost"]


def test_a_trial_that_ran_twice_and_tells_of_one_is_a_violation() -> None:
    assert judged([], result(), starts=2).violations == ["d: t1 was started 2 times, its result tells of 1"]
    assert not judged([], result(at_s=1.0), starts=2, kills=(1.5,)).violations
    assert judged([], result(), starts=0).violations == ["d: t1 is ok and was never started"]


# --- what is left on a device -----------------------------------------------------------------------------------------


def test_what_a_run_leaves_is_seen() -> None:
    before = Snapshot({"screen": "Awake"}, ("logd",), ("/data/local/tmp/mine",))
    after = Snapshot({"screen": "Asleep"}, ("logd", "sleep 9"), ("/data/local/tmp/litert-harness/journal",))
    assert differences(before, after) == [
        "screen changed: ['Awake'] is now ['Asleep']",
        "left running: sleep 9",
        "left on the device: /data/local/tmp/litert-harness/journal",
    ]


def test_a_snapshot_leaves_out_the_one_who_asks_and_what_is_kept_on_purpose() -> None:
    def ask(command: str) -> str:
        if command.startswith("find"):
            base = "/data/local/tmp/litert-harness"
            return f"{base}\n{base}/blobs\n{base}/blobs/x.tflite\n{base}/blobs/y.part\n{base}/lock\n"
        return (
            "9\n    PID    PPID ARGS\n 1 0 cat\n 9 0 sh -c ps\n 10 9 ps -A\n 7 1 sleep 50\n"
            if "ps -A" in command
            else ""
        )

    seen = snapshot(ask)
    assert seen.processes == ("sleep 50",)
    assert seen.files == ("/data/local/tmp/litert-harness/blobs/y.part", "/data/local/tmp/litert-harness/lock")
