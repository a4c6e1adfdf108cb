"""One trial on a phone that answers from a script: what it said, and what the phone shows of it."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.benchmark_model.command_line import BinaryFacts
from harness.conditions.device_gate import DeviceGate
from harness.devices.fake_target import Answer, FakeStream, FakeTarget, Hang
from harness.devices.inventory import read_inventory
from harness.devices.push import Blob
from harness.devices.target import STDERR, CommandOutput
from harness.errors import DeviceHung, DeviceRebooted, StorageFull, StorageRefused
from harness.measuring.block_run import BlockRun
from harness.measuring.device_setup import Setup
from harness.measuring.ready_trial import GRACE_S, Bench, ReadyTrial, make_ready
from harness.measuring.trailer import Trailer
from harness.measuring.trial_verdict import observe
from harness.records import CpuRequest, DelegateRequest, ModelRef, Purpose, Result, RunLengths, Sample, Status, Trial
from harness.records.causes import Cause

STDOUT = b"""INFO: Initialized session in 1.2ms.
INFO: count=20 first=1000 curr=1010 min=990 max=1100 avg=1005 std=12 p5=991 median=1004 p95=1050
INFO: Inference timings in us: Init: 1200, First inference: 1000, Warmup (avg): 1000, Inference (avg): 1005
"""
TRIAL = Trial(
    trial_id="0123456789abcdef",
    device="phone",
    model=ModelRef(name="m", path="m", sha256="0" * 64, size_bytes=1),
    delegate=DelegateRequest(name="xnnpack", require="any"),
    threads=1,
    cpus=CpuRequest(label="big", mask=0xF0),
    purpose=Purpose.LATENCY,
    process=0,
    block=0,
    run=RunLengths(timeout_s=30),
)
SECTIONS = {
    "present": "0-7",
    "online": "0-7",
    "policies": "0 1800000 0 1 2 3\n4 2800000 4 5 6 7\n",
    "cores": "\n".join(f"{core} {1024 if core > 3 else 300} {2800000 if core > 3 else 1800000}" for core in range(8)),
    "zones": "0 30000 cpu-big\n",
    "battery": "  level: 90\n",
    "boot": "b",
}


@dataclass
class Phone:
    """Answers a trial's script as `allowed`, `settings` and the rest say; everything else with nothing."""

    allowed: str = "4-7"
    settings: str = ""
    profile: str = ""
    rc: int = 0
    ran_s: float = 2.0
    boot: str = "b"
    hangs: bool = False
    broken_off: tuple[bytes, bytes, int] | None = None
    """stdout, stderr and exit code where the script's notes did not arrive."""
    target: FakeTarget = field(init=False)

    def __post_init__(self) -> None:
        self.target = FakeTarget(self._answer, serial="phone")

    def _answer(self, command: str) -> Answer:
        found = re.search(r"--8<-- harness [0-9a-f]+", command)
        if self.hangs and found:
            return Hang.UNTIL_DEADLINE
        if not found or "trial_0" not in command:
            return "gone\n"
        if self.broken_off is not None:
            out, errors, exit_code = self.broken_off
            return CommandOutput(stdout=out, stderr=errors, exit_code=exit_code)
        parts = {
            "start": "100.00",
            "stop": f"{100 + self.ran_s:.2f}",
            "before": "temp 31000\nThermal Status: 0",
            "after": "temp 45500\nThermal Status: 0\n  level: 41\n  scale: 100",
            "settings": self.settings,
            "profile": self.profile,
            "samples": f"t 100.50\n2800000\n31000\ncpu 5 (a ) b) S {'0 ' * 10}40 2 0\na\nCpus_allowed_list:\t{self.allowed}",
            "boot": self.boot,
        }
        mark = found.group()
        trailer = f"\n{mark} rc {self.rc}\n" + "".join(f"{mark} {name}\n{body}\n" for name, body in parts.items())
        return CommandOutput(
            stdout=STDOUT + f"\n{mark} end\n".encode(), stderr=(trailer + f"{mark} end\n").encode(), exit_code=self.rc
        )


def begin(target: FakeTarget, *, setup: Setup | None = None, **sections: str) -> BlockRun:
    """A block of one trial."""
    blob = Blob(path=Path("x"), sha256="0" * 64, size=1, executable=True)
    bench = Bench(
        target=target,
        inventory=read_inventory("phone", SECTIONS | sections, {}),
        program=blob,
        facts=BinaryFacts(flags=frozenset()),
        owner="run",
        setup=setup or Setup(),
    )
    ready = make_ready(bench, TRIAL, blob, threading.Event())
    assert isinstance(ready, ReadyTrial)
    return BlockRun([ready], DeviceGate(), threading.Event())


def run_on(phone: Phone, folder: Path, *, setup: Setup | None = None, **sections: str) -> Result:
    result = begin(phone.target, setup=setup, **sections).result(lambda trial_id: made(folder / "logs" / trial_id))
    assert result is not None
    return result


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_what_the_phone_shows_is_in_the_record(tmp_path: Path) -> None:
    result = run_on(Phone(), tmp_path)
    seen = result.conditions
    assert (result.status, result.causes, seen.evidence) == (Status.OK, (), ())
    assert (seen.cpus_asked, seen.affinity_expected, seen.affinity_observed) == ("f0", "4-7", "4-7")
    assert (seen.temperature_before_c, seen.temperature_after_c, seen.thermal_status_after) == (31.0, 45.5, 0)
    assert seen.battery_percent == 41, "of after the run, not of when the session began"
    assert seen.frequency_khz == 2_800_000
    assert seen.samples[0].cpu_s == 0.42, "a program's name may hold parentheses and blanks"
    assert seen.process_s == 2.0


def test_the_clock_of_a_process_on_several_clusters_is_not_that_of_an_idle_one(tmp_path: Path) -> None:
    """Half of the clocks seen are those of a cluster that rests while the other works."""
    cores = {0: 600_000, 4: 2_800_000}
    trailer = Trailer(
        exit_code=0,
        ran_s=2.0,
        temperature_before_c=None,
        temperature_after_c=None,
        thermal_status_before=None,
        thermal_status_after=None,
        boot_id="b",
        samples=tuple(Sample(t_s=i * 0.5, frequency_khz=cores, affinity=("0-7",)) for i in range(4)),
    )
    seen = observe(read_inventory("phone", SECTIONS, {}), TRIAL, trailer, Setup())
    assert seen.frequency_khz == 2_800_000


def test_other_cores_than_asked_are_invalid_with_the_reason(tmp_path: Path) -> None:
    result = run_on(Phone(allowed="4-5"), tmp_path)
    assert (result.status, result.causes) == (Status.INVALID, (Cause.AFFINITY_NOT_HONOURED,))
    assert result.conditions.evidence == ("threads were allowed on cores 4-5, asked for 4-7",)


def test_a_cpuset_that_cuts_the_mask_is_named(tmp_path: Path) -> None:
    result = run_on(Phone(allowed="4-5"), tmp_path, cpuset="/restricted\nCpus_allowed_list:\t0-5\n")
    assert result.conditions.evidence == (
        "threads were allowed on cores 4-5, asked for 4-7: the cpuset /restricted leaves it 0-5",
    )


@pytest.mark.parametrize(("exit_code", "observed"), [("0", "MaxPerformance"), ("1", "refused"), ("", None)])
def test_settings_are_read_back_after_the_run(tmp_path: Path, exit_code: str, observed: str | None) -> None:
    setup = Setup(
        asked={"governor:policy4": "performance", "task_profile": "MaxPerformance"},
        apply_task_profile="settaskprofile $L MaxPerformance",
        read_back="echo reads-the-governor",
    )
    phone = Phone(settings="=setting governor:policy4 schedutil", profile=exit_code)
    seen = run_on(phone, tmp_path, setup=setup).conditions
    assert seen.settings_asked == setup.asked
    assert seen.settings_observed.get("governor:policy4") == "schedutil"
    assert seen.settings_observed.get("task_profile") == observed
    assert "settaskprofile $L MaxPerformance" in phone.target.commands[0]
    assert "echo reads-the-governor" in phone.target.commands[0]


def test_a_deadline_that_struck_is_a_timeout(tmp_path: Path) -> None:
    result = run_on(Phone(rc=137, ran_s=30.1), tmp_path)
    assert (result.status, result.causes[0]) == (Status.FAILED, Cause.TIMEOUT)


@pytest.mark.parametrize(
    ("words", "error"), [(b"Read-only file system", StorageRefused), (b"No space left", StorageFull)]
)
def test_a_refusal_of_the_storage_is_known_though_the_output_breaks_off(
    tmp_path: Path, words: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        run_on(Phone(broken_off=(b"--8<-- harness 12", b"mkdir: '/data/x': " + words + b"\n", 111)), tmp_path)


@pytest.mark.parametrize("said", [(b"", b"", 111), (b"", b"", 0), (STDOUT[:30], b"", 1), (STDOUT, b"", 0)])
def test_without_the_script_s_notes_the_output_broke_off(tmp_path: Path, said: tuple[bytes, bytes, int]) -> None:
    result = run_on(Phone(broken_off=said), tmp_path)
    assert (result.status, result.causes[0]) == (Status.FAILED, Cause.TRUNCATED_OUTPUT)


def test_another_boot_is_not_a_result(tmp_path: Path) -> None:
    with pytest.raises(DeviceRebooted):
        run_on(Phone(boot="c"), tmp_path)


def test_a_phone_that_hangs_is_told_to_end_what_runs(tmp_path: Path) -> None:
    phone = Phone(hangs=True)
    with pytest.raises(DeviceHung):
        run_on(phone, tmp_path)
    assert len(phone.target.commands) > 1


class Chatter(FakeTarget):
    """Its commands print something every five seconds and never end."""

    def stream(self, command: str, *, cancel: threading.Event | None = None) -> FakeStream:
        """See `FakeTarget.stream`."""
        return ChatterStream(self, command, cancel)


class ChatterStream(FakeStream):
    """See `Chatter`."""

    heard = 0

    def receive(self, *, timeout_s: float) -> tuple[int, bytes] | None:
        """See `FakeStream.receive`."""
        self.heard += 1
        assert self.heard < 100, "the deadline is never reached"
        if timeout_s < 5:
            raise DeviceHung("no end", serial="phone")
        self._target.clock.sleep(5)
        return STDERR, b"chatter\n"


def test_the_deadline_is_wall_time_however_chatty_a_trial_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Chatter(lambda _: "gone\n", serial="phone")
    monkeypatch.setattr("harness.measuring.block_run.time.monotonic", target.clock)
    block = begin(target)
    with pytest.raises(DeviceHung):
        block.result(lambda trial_id: made(tmp_path / "logs" / trial_id))
    assert target.clock() <= TRIAL.run.timeout_s + GRACE_S


def test_a_shell_that_may_have_begun_is_ended_though_nobody_answered() -> None:
    class Silent(FakeTarget):
        def stream(self, command: str, *, cancel: threading.Event | None = None) -> FakeStream:
            raise DeviceHung("no answer", serial="phone")

    target = Silent(lambda _: "gone\n", serial="phone")
    with pytest.raises(DeviceHung):
        begin(target)
    (ended,) = target.commands
    assert ".stop" in ended
    assert "kill -9" in ended
