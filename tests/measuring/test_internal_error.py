"""A bug of the harness in the middle of a run: one line, its traceback in the run folder, and what was asked of devices in the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from harness.analysis.stopping import Step
from harness.devices.fake_target import FakeTarget
from harness.devices.inventory import read_inventory
from harness.devices.push import Blob
from harness.errors import SetupError
from harness.measuring.lane_plan import LanePlan
from harness.measuring.schedule import Schedule
from harness.records import CpuRequest, DelegateRequest, Impossible, ModelRef, Purpose, Result, RunLengths, Trial
from harness.runs.run_store import Manifest, RunStore

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
BLOB = Blob(path=Path("m"), sha256="0" * 64, size=1)


def nothing() -> None:
    pass


@dataclass
class Watcher:
    """A `schedule.Progress` that does one thing when a trial is stored."""

    when_finished: Callable[[], None] = nothing
    results: list[Result] = field(default_factory=list)

    def started(self, trial: Trial) -> None:
        pass

    def finished(self, result: Result) -> None:
        self.when_finished()

    def note(self, serial: str, message: str) -> None:
        pass

    def looked(self, step: Step) -> None:
        pass


def fall() -> NoReturn:
    raise ZeroDivisionError("nobody foresaw this")


@pytest.mark.parametrize(
    ("phone", "watcher", "where"),
    [
        (FakeTarget(lambda _: fall(), serial="phone"), Watcher(), " on phone"),
        (FakeTarget(lambda _: "", serial="phone"), Watcher(when_finished=fall), ""),
    ],
    ids=["in the target", "in the watcher"],
)
def test_its_traceback_is_kept_in_the_run_and_the_line_says_where(
    tmp_path: Path, phone: FakeTarget, watcher: Watcher, where: str
) -> None:
    folder = tmp_path / "run"
    impossible = Impossible(trial=TRIAL, reason="it has no such core") if watcher.when_finished is fall else None
    lane = LanePlan(
        target=phone,
        inventory=read_inventory("phone", {"present": "0", "online": "0", "cores": "0 1024 1000000", "boot": "b"}, {}),
        program=BLOB,
        trials=() if impossible else (TRIAL,),
        impossible=(impossible,) if impossible else (),
    )
    manifest = Manifest(
        run_id="run", suite="s", suite_text="", started_at=datetime.now(UTC), harness_version="test", models=(MODEL,)
    )
    with RunStore.create(folder, manifest) as store, pytest.raises(SetupError) as raised:
        Schedule(store, {MODEL.sha256: BLOB}, {}, watcher, owner="run").run([lane])
    file = folder / "logs" / "internal-error.txt"
    assert raised.value.message == (
        f"internal error{where}: ZeroDivisionError: nobody foresaw this; this is a bug in the harness, see {file}"
    )
    for kept in (file, folder / "logs" / "harness.log"):
        assert "in fall\n    raise ZeroDivisionError" in kept.read_text(), kept
