"""The end of a session on a device, when the run is being ended meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.conditions.request import ConditionsRequest
from harness.devices.fake_target import Answer, FakeTarget, Hang
from harness.devices.inventory import read_inventory
from harness.devices.lease import OpenedFolder
from harness.devices.push import Blob
from harness.devices.target import Cancelled
from harness.errors import DeviceLost
from harness.measuring.device_session import PARTING_S, DeviceSession
from harness.measuring.lane_plan import LanePlan, Patience
from harness.measuring.run_services import RunServices
from harness.records import (
    CpuRequest,
    DelegateRequest,
    ModelRef,
    Purpose,
    Result,
    RunLengths,
    RunStatistics,
    Status,
    Trial,
)
from harness.records.causes import Cause
from tests.analysis.made_up import result

MODEL = ModelRef(name="m", path="m", sha256="0" * 64, size_bytes=1)
TRIAL = Trial(
    trial_id="t0",
    device="phone",
    model=MODEL,
    delegate=DelegateRequest(name="xnnpack"),
    threads=1,
    cpus=CpuRequest(label="all", mask=0x1),
    purpose=Purpose.LATENCY,
    process=0,
    block=0,
    run=RunLengths(),
)
PROGRAM = Blob(path=Path("p"), sha256="1" * 64, size=1, executable=True)
SECTIONS = {"present": "0", "online": "0", "cores": "0 1024 1000000", "boot": "b"}
GIVES_LEASE_BACK = "rm -rf run blobs/*.part lease"
"""What only the end of a session sends."""


class Events:
    """Hears nothing."""

    def started(self, trial: Trial) -> None:
        pass

    def note(self, serial: str, message: str) -> None:
        pass


class CancelledInTheLastCanary(DeviceSession):
    """Its canary gives a time once; the second time the run is ended in the middle of it."""

    timed = False

    def _run_canary(self, trial: Trial) -> Result:
        if self.timed:
            self._services.cancel.set()
            raise Cancelled
        self.timed = True
        timed = result(1000.0)
        assert timed.measurement is not None
        return replace(timed, measurement=replace(timed.measurement, runs=RunStatistics(count=50, min=990.0)))


def phone(
    closing: Callable[[], Answer], hangs: threading.Event | None = None, *, without_model: bool = False
) -> FakeTarget:
    """Has all files, or all but the model; `closing` says what it answers when the lease is given back.

    Once `hangs` is set, it answers nothing.
    """

    def answer(command: str) -> Answer:
        if hangs is not None and hangs.is_set():
            return Hang.UNTIL_DEADLINE
        if GIVES_LEASE_BACK in command:
            return closing()
        if "echo ready" in command:
            model = "" if without_model else f"blob {MODEL.sha256}.tflite 1\n"
            return f"{model}blob {PROGRAM.sha256}-benchmark_model 1\n\nready\n"
        return ""

    return FakeTarget(answer, serial="phone")


def opened(kind: type[DeviceSession], target: FakeTarget, folder: Path, cancel: threading.Event) -> DeviceSession:
    """A session that has tried its one trial."""
    services = RunServices(
        owner="run",
        wait_for_lease_s=0.0,
        conditions=ConditionsRequest(canary=True),
        patience=Patience(attempts=1, backoff_s=0.01),
        configs={},
        models={MODEL.sha256: Blob(path=Path("m"), sha256=MODEL.sha256, size=1)},
        canary_model=MODEL,
        help_texts=None,
        log_dir=lambda trial_id: _made(folder / "logs" / trial_id),
        events=Events(),
        cancel=cancel,
    )
    lane = LanePlan(target=target, inventory=read_inventory("phone", SECTIONS, {}), program=PROGRAM, trials=(TRIAL,))
    session = kind(services, lane)
    session.attempt(TRIAL)
    return session


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def given_back(target: FakeTarget) -> int:
    return sum(GIVES_LEASE_BACK in command for command in target.commands)


def test_an_interrupt_ends_the_waiting_for_a_device_that_is_away(tmp_path: Path) -> None:
    cancel = threading.Event()
    answers: list[Answer] = [DeviceLost("gone", serial="phone")] * 50

    def lost() -> Answer:
        cancel.set()
        return answers.pop() if answers else ""

    target = phone(lost)
    opened(DeviceSession, target, tmp_path, cancel).close()
    assert given_back(target) == 1
    assert target.closed


def test_without_one_a_device_that_is_away_is_waited_for(tmp_path: Path) -> None:
    answers: list[Answer] = [DeviceLost("gone", serial="phone"), ""]
    target = phone(lambda: answers.pop(0))
    opened(DeviceSession, target, tmp_path, threading.Event()).close()
    assert given_back(target) == 2


def test_the_lease_goes_where_the_run_is_ended_in_the_last_canary(tmp_path: Path) -> None:
    cancel = threading.Event()
    target = phone(lambda: "")
    opened(CancelledInTheLastCanary, target, tmp_path, cancel).close()
    assert cancel.is_set()
    assert given_back(target) == 1


def test_a_device_that_hangs_when_a_run_is_ended_is_left_to_its_lease(tmp_path: Path) -> None:
    cancel, hangs = threading.Event(), threading.Event()
    target = phone(lambda: "", hangs)
    session = opened(DeviceSession, target, tmp_path, cancel)
    began_s = target.clock()
    hangs.set()
    cancel.set()
    session.close()
    assert target.clock() - began_s == PARTING_S, "asked once, and for nothing that has a longer deadline of its own"
    assert given_back(target) == 0
    assert target.closed


def test_a_device_that_answers_when_a_run_is_ended_is_given_back(tmp_path: Path) -> None:
    cancel = threading.Event()
    target = phone(lambda: "")
    session = opened(DeviceSession, target, tmp_path, cancel)
    cancel.set()
    session.close()
    assert given_back(target) == 1


def test_a_model_that_vanished_before_its_push_fails_only_its_own_trials(tmp_path: Path) -> None:
    target = phone(lambda: "", without_model=True)
    session = opened(DeviceSession, target, tmp_path, threading.Event())
    tried = session.attempt(TRIAL)
    session.close()
    assert (tried.status, tried.causes) == (Status.FAILED, (Cause.MODEL_UNREADABLE,))
    assert not session.device_failed


def test_a_push_beside_the_trials_ends_before_the_lease_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taking the lease removes partial files and lists what is there: neither may change under it."""
    session = opened(DeviceSession, phone(lambda: ""), tmp_path, threading.Event())
    told: list[str] = []
    take_lease = session._take_lease
    monkeypatch.setattr(session._delivery, "stop", lambda: told.append("stop"))

    def lease() -> OpenedFolder:
        told.append("lease")
        return take_lease()

    monkeypatch.setattr(session, "_take_lease", lease)
    session._open()
    assert told == ["stop", "lease"]
