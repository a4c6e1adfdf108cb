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
from benchmarks.chaos_truth import judge
from harness.errors import Cause
from harness.records import (
    CpuRequest,
    DelegateRequest,
    ModelRef,
    Purpose,
    Result,
    RunLengths,
    Setback,
    Status,
    Trial,
)

T0 = 1_800_000_000.0


@pytest.mark.timeout(240)
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
                "180",
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
    }
    return Result(**(known | values))


def setback(cause: Cause, at_s: float) -> Setback:
    return Setback(cause=cause, message="", at=datetime.fromtimestamp(T0 + at_s, UTC))


def fault(
    kind: str, at_s: float, *, trial: str = "t1", running: bool = True, lasts_s: float | None = None
) -> dict[str, Any]:
    return {
        "event": "fault",
        "fault": kind,
        "t": T0 + at_s,
        "during": "shell",
        "text": f"cd /data/local/tmp/litert-harness/run/{trial}",
        "running": running,
        "lasts_s": lasts_s,
    }


def test_a_fault_with_its_cause_is_found() -> None:
    found = judge({"d": [fault("lost", 1.0)]}, {"d": [result(setbacks=(setback(Cause.DEVICE_LOST, 1.2),))]}, [])
    assert not found.violations
    assert found.faults["lost"].found == found.retried == 1


def test_a_fault_that_nobody_noticed_is_a_violation() -> None:
    assert len(judge({"d": [fault("lost", 1.0)]}, {"d": [result()]}, []).violations) == 1


def test_a_cause_without_a_fault_is_a_violation() -> None:
    failed = result(status=Status.FAILED, causes=(Cause.DEVICE_HUNG,))
    assert len(judge({"d": []}, {"d": [failed]}, []).violations) == 1


def test_a_wrong_cause_is_two() -> None:
    wrong = result(setbacks=(setback(Cause.DEVICE_HUNG, 1.2),))
    assert len(judge({"d": [fault("lost", 1.0)]}, {"d": [wrong]}, []).violations) == 2


def test_what_a_killed_controller_had_seen_is_forgotten() -> None:
    later = replace(result(), started_at=datetime.fromtimestamp(T0 + 30, UTC))
    judged = judge({"d": [fault("lost", 1.0)]}, {"d": [later]}, [T0 + 2])
    assert not judged.violations
    assert judged.faults["lost"].forgotten == 1


def test_one_of_two_faults_on_one_attempt_may_hide_the_other() -> None:
    both = [fault("killed", 1.0), fault("lost", 1.01)]
    judged = judge({"d": both}, {"d": [result(setbacks=(setback(Cause.DEVICE_LOST, 1.2),))]}, [])
    assert not judged.violations
    assert judged.faults["killed"].hidden == 1


def test_faults_without_effect_are_harmless() -> None:
    events = [fault("slow", 1.0), fault("lost", 1.0, running=False)]
    assert not judge({"d": events}, {"d": [result()]}, []).violations
