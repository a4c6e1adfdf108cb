"""The scheduler on devices that fail in every documented way. What runs on them prints a recorded output: this is about causes."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos import write_binary
from harness.analysis.stopping import Step
from harness.binaries.choice import program_for
from harness.conditions.device_settings import DeviceSettings
from harness.conditions.request import ConditionsRequest
from harness.devices.adb_target import AdbTarget
from harness.devices.device_config import load_device_configs
from harness.devices.inventory import take_inventory
from harness.devices.lease import close_folder, open_folder
from harness.devices.push import Blob
from harness.measuring.not_run import skipped_result
from harness.measuring.schedule import LanePlan, LanesOutcome, Patience, Schedule
from harness.measuring.turns import Turns
from harness.records import Result, Status, Trial
from harness.records.causes import Cause
from harness.runs.run_progress import unfinished
from harness.runs.run_store import Manifest, RunStore, load_run
from harness.suite.expand import DevicePlan, expand
from harness.suite.suite_file import load_suite
from harness.virtual.farm import VirtualFarm
from harness.virtual.faults import FaultPlan
from tests.model_files import shipped

TRIAL = "trial_0"
"""What only the script of a trial holds."""

SHORT = Patience(backoff_s=0.1, recovery_s=6.0, quarantine_s=20.0, probe_s=0.5, probe_timeout_s=3.0)


@dataclass
class Watcher:
    """Keeps what the schedule tells."""

    heard: Callable[[Result | str], None] = lambda what: None
    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def started(self, trial: Trial) -> None:
        del trial

    def finished(self, result: Result) -> None:
        self.results.append(result)
        self.heard(result)

    def note(self, serial: str, message: str) -> None:
        self.notes.append(f"{serial}: {message}")
        self.heard(message)

    def looked(self, step: Step) -> None:
        self.steps.append(step)


@dataclass
class Finished:
    """What a run came to."""

    watcher: Watcher
    outcome: LanesOutcome
    serials: tuple[str, ...]
    planned: tuple[Trial, ...]
    left_behind: str
    unfinished: int
    round_trips: int
    running: str

    def of(self, number: int) -> list[Result]:
        return [result for result in self.watcher.results if result.trial.device == self.serials[number]]

    def setbacks(self, number: int = 0) -> list[Cause]:
        return [setback.cause for result in self.of(number) for setback in result.setbacks]

    def noted(self, text: str) -> bool:
        return any(text in note for note in self.watcher.notes)


def run(
    folder: Path,
    *faults: dict[str, Any],
    count: int = 1,
    processes: int | str = 3,
    threads: str = "[1]",
    patience: Patience = SHORT,
    meanwhile: Callable[[AdbTarget, Schedule], None] | None = None,
    earlier: Callable[[AdbTarget, RunStore], None] | None = None,
    wait_s: float = 0.0,
    conditions: str = "{}",
    extra: str = "",
    blocks: bool = False,
    timeout_s: int = 3,
    heard: Callable[[AdbTarget, Schedule, Result | str], None] | None = None,
    works: str = "sleep 0.1",
) -> Finished:
    """Run a suite. Where devices take turns, each trial has a shell of its own, so that a fault can count them; else one runs many.

    Before it prints, the program does what `works` says.
    """
    (folder / "suite.yaml").write_text(
        f"suite: faults\nmodels: [{shipped('cnn_int8.tflite')}]\ndelegates: [xnnpack]\nthreads: {threads}\ncpus: [all]\n"
        f"processes: {processes}\nconditions: {conditions}\n{extra}"
        # Long enough that a fault, which looks for its victim every 20 ms, finds it also where others keep both cores busy.
        f"run: {{min_runs: 1, min_s: 0.6, max_s: 1, warmup_runs: 0, warmup_s: 0, timeout_s: {timeout_s}}}\n"
    )
    loaded = load_suite(folder / "suite.yaml")
    configs = load_device_configs()
    binary = write_binary(folder / "benchmark_model", works=works)
    turns = Turns(8)
    plan = FaultPlan.model_validate({"seed": 1, "faults": faults}) if faults else None
    with ExitStack() as stack:
        farm = stack.enter_context(VirtualFarm(["virtual-flagship"] * count, base_dir=folder / "farm", faults=plan))
        targets = [AdbTarget(serial, port=farm.adb_port) for serial in farm.serials]
        found = [(target, take_inventory(target, configs)) for target in targets]
        plans = [DevicePlan(serial=t.serial, topology=i.topology, cpu_sets={}) for t, i in found]
        expansion = expand(loaded.suite, loaded.models, plans, seed=1)
        abi = found[0][1].info.abis[0]
        lanes = [
            LanePlan(
                target=target,
                inventory=inventory,
                program=program_for(inventory.info, {abi: binary}, folder).blob,
                trials=tuple(trial for trial in expansion.trials if trial.device == target.serial),
                further=tuple(trial for trial in expansion.further if trial.device == target.serial),
                slot=None if blocks else turns,
            )
            for target, inventory in found
        ]
        manifest = Manifest(
            run_id="run",
            suite="faults",
            suite_text=loaded.text,
            started_at=datetime.now(UTC),
            harness_version="test",
            devices=tuple(inventory.info for _, inventory in found),
            models=loaded.models,
            trials=expansion.trials,
            further=expansion.further,
            adaptive=loaded.suite.adaptive.plan() if loaded.suite.adaptive else None,
            baseline={str(key): value for key, value in (loaded.suite.baseline or {}).items()},
        )
        models = {m.sha256: Blob(path=Path(m.path), sha256=m.sha256, size=m.size_bytes) for m in loaded.models}
        watcher = Watcher()
        store = stack.enter_context(RunStore.create(folder / "run", manifest))
        if earlier is not None:
            earlier(targets[0], store)
        schedule = Schedule(
            store,
            models,
            configs,
            watcher,
            owner="run",
            wait_for_lease_s=wait_s,
            conditions=loaded.suite.conditions,
            patience=patience,
        )
        if heard is not None:
            other = AdbTarget(farm.serials[0], port=farm.adb_port)
            watcher.heard = lambda what: heard(other, schedule, what)
        if meanwhile is not None:
            meanwhile(AdbTarget(farm.serials[0], port=farm.adb_port), schedule)
        outcome = schedule.run(lanes)
        trips = sum(target.round_trips for target in targets)
        last = targets[-1].run(
            "ls -d /data/local/tmp/litert-harness/run /data/local/tmp/litert-harness/lease 2>/dev/null", timeout_s=20
        )
        ours = targets[-1].run("grep -l litert-harness/blobs /proc/[0-9]*/cmdline 2>/dev/null", timeout_s=20)
        # The shell that looks, and what it starts, have the words in their command lines too.
        running = "" if len(ours.stdout.split()) <= 2 else ours.stdout.decode()
        left = unfinished(load_run(folder / "run"))
        return Finished(watcher, outcome, farm.serials, expansion.trials, last.stdout.decode(), left, trips, running)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ({"fault": "lost", "delay_s": 0.1, "lasts_s": 1}, Cause.DEVICE_LOST),
        ({"fault": "reboot", "delay_s": 0.1}, Cause.DEVICE_REBOOTED),
        ({"fault": "battery_dead", "delay_s": 0.1, "lasts_s": 1, "percent": 2}, Cause.BATTERY_LOW),
        ({"fault": "killed"}, Cause.KILLED),
        ({"fault": "truncated", "after_bytes": 300}, Cause.TRUNCATED_OUTPUT),
        ({"fault": "unauthorized", "delay_s": 0.1, "lasts_s": 4}, Cause.DEVICE_UNAUTHORIZED),
        ({"fault": "adb_server_killed", "delay_s": 0.1}, Cause.ADB_SERVER_LOST),
        ({"fault": "moved", "delay_s": 0.1, "lasts_s": 60}, Cause.DEVICE_LOST),
    ],
    ids=lambda value: str(value["fault"]) if isinstance(value, dict) else "",
)
def test_what_can_pass_is_tried_again_and_told_by_its_cause(
    tmp_path: Path, fault: dict[str, Any], cause: Cause
) -> None:
    done = run(
        tmp_path,
        {**fault, "during": "shell", "match": TRIAL, "nth": 2},
        conditions="{battery: {min_percent: 0}}",
    )
    assert [result.status for result in done.of(0)] == [Status.OK] * 3
    assert done.setbacks() == [cause]
    assert [result.attempt for result in done.of(0)] == [0, 1, 0]
    assert not done.outcome.set_aside
    assert not done.left_behind
    assert done.noted("is back as 127.0.0.1:") == (fault["fault"] == "moved")


def test_every_attempt_and_pause_counts_as_time_of_the_device(tmp_path: Path) -> None:
    killed = {"fault": "killed", "during": "shell", "match": TRIAL, "nth": 2}
    results = run(tmp_path, killed, conditions="{idle_s: 1}").of(0)
    assert [(result.status, result.attempt) for result in results] == [(Status.OK, 0), (Status.OK, 1), (Status.OK, 0)]
    beyond_s = [(result.device_s or 0) - result.duration_s for result in results]
    assert min(beyond_s) > 0.99, "the pause"
    assert beyond_s[1] > 1.99, "both pauses, and the attempt that came to nothing"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [("storage_full", Cause.STORAGE_FULL), ("read_only", Cause.PUSH_FAILED), ("permission_denied", Cause.PUSH_FAILED)],
)
def test_storage_that_refuses_fails_the_trial_at_once(tmp_path: Path, fault: str, cause: Cause) -> None:
    done = run(tmp_path, {"fault": fault, "during": "shell", "match": TRIAL, "nth": 2, "lasts_s": 0.3})
    assert [result.status for result in done.of(0)].count(Status.OK) >= 1
    failed = next(result for result in done.of(0) if result.status is Status.FAILED)
    assert failed.causes == (cause,)
    assert failed.attempt == 0


def test_slow_shells_and_jumping_clocks_are_no_failures(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        {"fault": "slow", "during": "shell", "match": TRIAL, "chance": 1.0, "pause_s": 0.2},
        {"fault": "clock_jump", "during": "shell", "match": TRIAL, "chance": 1.0, "by_s": -50000},
    )
    assert [(result.status, result.setbacks) for result in done.of(0)] == [(Status.OK, ())] * 3


def test_a_device_that_stays_away_is_set_aside_while_the_other_goes_on(tmp_path: Path) -> None:
    lost = {"fault": "lost", "devices": [1], "during": "shell", "match": TRIAL, "nth": 2, "forever": True}
    patience = replace(SHORT, recovery_s=1.0, quarantine_s=2.0)
    done = run(tmp_path, lost, count=2, processes=6, patience=patience)
    assert [result.status for result in done.of(1)] == [Status.OK] * 6
    assert [result.status for result in done.of(0)] == [Status.OK, Status.FAILED]
    assert done.of(0)[-1].causes == (Cause.DEVICE_LOST,)
    assert list(done.outcome.set_aside) == [done.serials[0]]
    assert done.noted("quarantined")


def test_a_device_is_taken_back_when_it_is_well_and_its_trial_gets_another_chance(tmp_path: Path) -> None:
    lost = {"fault": "lost", "during": "shell", "match": TRIAL, "nth": 2, "lasts_s": 4}
    done = run(tmp_path, lost, patience=replace(SHORT, recovery_s=1.0))
    assert [result.status for result in done.of(0)] == [Status.OK] * 3
    assert done.noted("quarantined")
    assert done.noted("is well again")
    assert not done.outcome.set_aside


def test_three_failures_in_a_row_are_enough(tmp_path: Path) -> None:
    full = {"fault": "storage_full", "during": "shell", "match": TRIAL, "nth": 2, "lasts_s": 5}
    done = run(tmp_path, full, processes=6)
    statuses = [result.status for result in done.of(0)]
    assert statuses == [Status.OK, *[Status.FAILED] * 3, *[Status.OK] * 2]
    assert done.noted("3 trials in a row failed")


def test_a_reboot_while_nothing_ran_is_not_taken_for_a_later_loss(tmp_path: Path) -> None:
    full = {"fault": "storage_full", "during": "shell", "match": TRIAL, "nth": 2, "lasts_s": 5}
    reboot = {"fault": "reboot", "during": "shell", "match": "/health"}  # while it is looked at in its quarantine
    lost = {"fault": "lost", "during": "shell", "match": TRIAL, "nth": 5, "lasts_s": 1}
    screen = "{screen: 'off', battery: {min_percent: 0}}"
    done = run(tmp_path, full, reboot, lost, processes=6, conditions=screen)
    assert [result.status for result in done.of(0)] == [Status.OK, *[Status.FAILED] * 3, *[Status.OK] * 2]
    # What was set before the reboot is set again after it.
    assert {r.conditions.settings_observed.get("screen") for r in done.of(0) if r.status is Status.OK} == {"Asleep"}
    assert done.setbacks() == [*[Cause.STORAGE_FULL] * 3, Cause.DEVICE_LOST]


def test_what_a_killed_session_left_is_given_back_although_nothing_is_left_to_run(tmp_path: Path) -> None:
    def killed(target: AdbTarget, store: RunStore) -> None:
        """All trials are done; the controller was killed before it came to give the device back."""
        for trial in store.manifest.trials:
            store.append(skipped_result(trial, "done before"))
        open_folder(target, owner="run")
        settings = DeviceSettings(target, take_inventory(target, {}))
        assert "airplane_mode" in settings.apply(ConditionsRequest(airplane_mode=True)).held

    seen: list[bytes] = []

    def look(target: AdbTarget, schedule: Schedule) -> None:
        seen.append(target.run("settings get global airplane_mode_on", timeout_s=10).stdout.strip())

    done = run(tmp_path, earlier=killed, meanwhile=look)
    assert seen == [b"1"]
    assert done.left_behind == ""
    assert done.noted("gave back what an earlier session left changed")


def test_a_hung_device_is_told_by_wall_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.measuring.block_run.GRACE_S", 1.0)
    hung = {"fault": "hung", "during": "shell", "match": TRIAL, "nth": 2, "lasts_s": 9}
    done = run(tmp_path, hung, processes=2, patience=replace(SHORT, recovery_s=30.0))
    assert done.setbacks() == [Cause.DEVICE_HUNG]
    assert [result.status for result in done.of(0)] == [Status.OK] * 2


def test_a_flat_battery_closes_the_gate(tmp_path: Path) -> None:
    low = {"fault": "battery_low", "during": "shell", "match": TRIAL, "nth": 1, "percent": 4}
    done = run(tmp_path, low, processes=2)
    assert done.of(0)[-1].status is Status.INVALID
    assert done.of(0)[-1].causes == (Cause.BATTERY_LOW,)


def test_in_an_adaptive_run_devices_stop_one_by_one_and_a_lost_one_lacks_what_it_surely_needed(tmp_path: Path) -> None:
    """The program prints one latency: with five pairs the ratio is known. The first device goes for good in its second block."""
    lost = {"fault": "lost", "devices": [1], "during": "shell", "match": TRIAL, "nth": 4, "forever": True}
    done = run(
        tmp_path,
        lost,
        count=2,
        processes="{min: 5, max: 8, until: 10%}",
        threads="[1, 2]",
        extra="baseline: {threads: 1}\n",
        patience=replace(SHORT, recovery_s=1.0, quarantine_s=2.0),
    )
    assert [result.status for result in done.of(1)] == [Status.OK] * 10
    assert len(done.of(0)) == 4
    assert list(done.outcome.set_aside) == [done.serials[0]]
    decided = {one.device: one.reason for step in done.watcher.steps for one in step.decisions}
    assert decided == {done.serials[1]: "narrow"}
    assert done.unfinished == 6, "what the lost device was spared is nobody's loss, what it surely had to do is"


def test_a_device_that_somebody_else_holds_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "another-host")

    def hold(target: AdbTarget, schedule: Schedule) -> None:
        open_folder(target, owner="somebody")
        timer = threading.Timer(2.0, lambda: close_folder(target, owner="somebody"))
        timer.start()

    waited = run(tmp_path, meanwhile=hold, wait_s=20, processes=1)
    assert [result.status for result in waited.of(0)] == [Status.OK]
    assert waited.noted("waits: ")


def test_a_device_that_somebody_else_holds_is_set_aside_with_who_that_is(tmp_path: Path) -> None:
    def hold(target: AdbTarget, schedule: Schedule) -> None:
        open_folder(target, owner="somebody")

    refused = run(tmp_path, meanwhile=hold, processes=1)
    assert not refused.of(0)
    assert "measures on it" in refused.outcome.set_aside[refused.serials[0]]


def test_an_interrupt_waits_for_what_is_ended_on_the_devices(tmp_path: Path) -> None:
    # CPython 3.11's Thread.join, interrupted, calls a thread ended that is not: the run then closed under its lanes.
    def interrupt(target: AdbTarget, schedule: Schedule) -> None:
        del schedule
        main = threading.main_thread().ident
        assert main is not None

        def when_lanes_run() -> None:
            while target.serial not in {thread.name for thread in threading.enumerate()}:
                time.sleep(0.02)
            time.sleep(1.0)
            signal.pthread_kill(main, signal.SIGINT)

        threading.Thread(target=when_lanes_run, daemon=True).start()

    done = run(tmp_path, processes=500, meanwhile=interrupt)
    assert done.outcome.interrupted
    assert not [thread for thread in threading.enumerate() if thread.name in done.serials]
    assert done.left_behind == ""
    assert not done.noted("could not be tidied up")
