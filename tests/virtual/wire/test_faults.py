"""Faults of virtual devices: the file, the decisions, and each of them as a real ADB client meets it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from harness.devices.adb_target import AdbTarget
from harness.devices.target import Outgoing
from harness.errors import (
    AdbServerLost,
    DeviceError,
    DeviceHung,
    DeviceLost,
    DeviceUnauthorized,
    StorageFull,
    StorageRefused,
    SuiteError,
    UsageError,
)
from harness.virtual.adb_server import find_adb
from harness.virtual.farm import VirtualFarm
from harness.virtual.farm_config import ANDROID
from harness.virtual.faults import FARM, DeviceFaults, FaultKind, FaultPlan, load_fault_plan
from tests.virtual.wire.conftest import eventually

PLAIN = "tests.virtual.wire.plain_device:create_device"


def plan(*faults: dict[str, Any], seed: int = 0) -> FaultPlan:
    return FaultPlan.model_validate({"seed": seed, "faults": faults})


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("faults: []", "faults"),
        ("faults: [{fault: lost}]", "say when"),
        ("faults: [{fault: lots, after_s: 1}]", "did you mean `lost`"),
        ("faults: [{fault: lost, after_s: 1, every_s: 2}]", "say when"),
        ("faults: [{fault: lost, after_s: 1, nth: 2}]", "go with `during`"),
        ("faults: [{fault: lost, during: shell, nth: 2, chance: 0.5}]", "not both"),
        ("faults: [{fault: slow, after_s: 1}]", "during: shell"),
        ("faults: [{fault: reboot, after_s: 1, lasts_s: 3}]", "has no `lasts_s`"),
        ("faults: [{fault: lost, after_s: 1, lasts_s: 3, forever: true}]", "`lasts_s` or `forever`"),
        ("faults: [{fault: lost, during: shell, match: '('}]", "regular expression"),
        ("faults: [{fault: lost, during: shell, delay_s: [2, 1]}]", "smaller"),
        ("faults: [{fault: lost, after_s: 1, devices: []}]", "neither `all` nor a list of device numbers from 1"),
        ("faults: [{fault: lost, after_s: 1, devices: [0, 1]}]", "neither `all` nor a list of device numbers from 1"),
        ("faults: [{fault: lost, after_s: 1, devices: some}]", "neither `all` nor a list of device numbers from 1"),
        ("faults: [{fault: lost, after_s: 1, devices: [true]}]", "neither `all` nor a list of device numbers from 1"),
        ("faults: []", "needs at least 1 item, not 0"),
        ("faults: [{fault: lost, after_s: 1, device: 2}]", "did you mean `devices`"),
    ],
)
def test_a_wrong_file_is_refused_by_line_and_key(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(f"seed: 1\n{text}\n")
    with pytest.raises(SuiteError) as caught:
        load_fault_plan(file)
    assert says in str(caught.value)
    assert caught.value.line == 2
    assert caught.value.further == (), "one mistake is said once"


def test_a_fault_for_a_device_that_is_not_there_is_refused_by_line(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("faults:\n  - {fault: lost, after_s: 1}\n  - fault: hung\n    devices: [1, 7]\n    after_s: 2\n")
    assert load_fault_plan(file, 7).faults[1].devices == (1, 7)
    with pytest.raises(SuiteError) as caught:
        load_fault_plan(file, 1)
    assert (caught.value.line, caught.value.key) == (4, "faults[1].devices")
    assert "there is no device 7 (there is only 1 device)" in str(caught.value)
    with pytest.raises(UsageError, match="fault 2 is for device 7, and there are 3"):
        VirtualFarm(["virtual-old"] * 3, faults=load_fault_plan(file))


def test_every_example_of_the_documentation_is_a_valid_file(tmp_path: Path, repository: Path) -> None:
    text = (repository / "docs" / "faults.md").read_text()
    examples = [part.partition("```")[0] for part in text.split("```yaml\n")[1:]]
    shown = set()
    for number, example in enumerate(examples):
        file = tmp_path / f"{number}.yaml"
        file.write_text(example)
        shown |= {rule.fault for rule in load_fault_plan(file).faults}
    assert shown == set(FaultKind)


# --- decisions --------------------------------------------------------------------------------------------------------


def test_the_nth_matching_operation_is_hit_once() -> None:
    faults = DeviceFaults(plan({"fault": "lost", "during": "shell", "match": "run", "nth": 2}), 1)
    hits = [bool(faults.operation("shell", text)) for text in ("run", "other", "run", "run")]
    assert hits == [False, False, True, False]
    assert not faults.operation("push", "run")


def test_chance_is_drawn_from_the_seed_for_each_device_apart() -> None:
    def hits(device: int, seed: int = 3) -> list[bool]:
        faults = DeviceFaults(plan({"fault": "killed", "during": "shell", "chance": 0.3}, seed=seed), device)
        return [bool(faults.operation("shell", "x")) for _ in range(400)]

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert hits(1) != hits(1, seed=4)
    assert 80 < sum(hits(1)) < 160


def test_times_bounds_and_devices_choose() -> None:
    chosen = plan({"fault": "slow", "during": "shell", "chance": 1.0, "times": 2, "devices": [2]})
    assert not DeviceFaults(chosen, 1).operation("shell", "x")
    faults = DeviceFaults(chosen, 2)
    assert sum(len(faults.operation("shell", "x")) for _ in range(5)) == 2


def test_the_clock_of_the_file_orders_faults_of_all_entries() -> None:
    faults = DeviceFaults(plan({"fault": "reboot", "every_s": 10}, {"fault": "lost", "after_s": 12}), 1)
    due = list(islice(faults.scheduled(), 4))
    assert [at for at, _ in due] == sorted(at for at, _ in due)
    assert [fault.rule.fault for _, fault in due].count(FaultKind.LOST) == 1


def test_the_adb_server_is_killed_once_for_all_devices() -> None:
    killed = plan({"fault": "adb_server_killed", "after_s": 1})
    assert not list(DeviceFaults(killed, 1).scheduled())
    assert len(list(DeviceFaults(killed, FARM).scheduled())) == 1


# --- as a client meets them -------------------------------------------------------------------------------------------


@contextmanager
def suffering(tmp_path: Path, *faults: dict[str, Any], count: int = 1, plain: bool = True) -> Iterator[VirtualFarm]:
    factory = PLAIN if plain else ANDROID
    with VirtualFarm(["virtual-old"] * count, base_dir=tmp_path, faults=plan(*faults), device_factory=factory) as farm:
        yield farm


def target(farm: VirtualFarm, number: int = 0) -> AdbTarget:
    return AdbTarget(farm.serials[number], port=farm.adb_port)


def truth(farm: VirtualFarm, number: int = 0) -> list[dict[str, Any]]:
    path = farm.folder / "devices" / farm.serials[number] / "events.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def injected(farm: VirtualFarm, number: int = 0) -> list[str]:
    return [event["fault"] for event in truth(farm, number) if event["event"] == "fault"]


def answers(phone: AdbTarget) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            return phone.run("echo well", timeout_s=5).stdout == b"well\n"
        except DeviceError:
            return False

    return ask


def states(farm: VirtualFarm) -> dict[str, str]:
    listed = subprocess.run(
        [str(find_adb()), "-P", str(farm.adb_port), "devices"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    return dict(line.split("\t") for line in listed.splitlines() if "\t" in line)


@pytest.fixture(autouse=True)
def _import_path(monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(repository))


def test_lost_in_the_middle_of_a_command_and_back(tmp_path: Path) -> None:
    with suffering(
        tmp_path, {"fault": "lost", "during": "shell", "match": "sleep", "delay_s": 0.3, "lasts_s": 1}
    ) as farm:
        phone = target(farm)
        with pytest.raises(DeviceLost):
            phone.run("sleep 20", timeout_s=30)
        assert states(farm).get(farm.serials[0]) != "device"
        eventually(answers(phone))
        event = next(event for event in truth(farm) if event["event"] == "fault")
        assert (event["fault"], event["text"], event["running"]) == ("lost", "sleep 20", True)
        assert time.time() - 60 < event["t"] <= time.time()
        assert truth(farm)[-1]["event"] == "fault_over"


def test_lost_in_the_middle_of_a_push_leaves_no_whole_file(tmp_path: Path) -> None:
    lost = {"fault": "lost", "during": "push", "match": "big", "after_bytes": 300_000, "lasts_s": 0.5}
    with suffering(tmp_path, lost) as farm:
        phone = target(farm)
        (tmp_path / "big").write_bytes(bytes(4_000_000))
        with pytest.raises(DeviceLost):
            phone.push([Outgoing(local=tmp_path / "big", remote="/data/local/tmp/big")])
        eventually(answers(phone))
        assert phone.stat("/data/local/tmp/big") is None


def test_hung_stays_listed_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with suffering(tmp_path, {"fault": "hung", "during": "shell", "match": "first", "lasts_s": 3}) as farm:
        phone = target(farm)
        with pytest.raises(DeviceHung):
            phone.run("echo first; sleep 1", timeout_s=1)
        assert states(farm) == {farm.serials[0]: "device"}
        eventually(answers(phone))


@pytest.mark.parametrize(
    ("fault", "error"),
    [("storage_full", StorageFull), ("read_only", StorageRefused), ("permission_denied", StorageRefused)],
)
def test_storage_refuses_pushes_and_tools(tmp_path: Path, fault: str, error: type[DeviceError]) -> None:
    with suffering(tmp_path, {"fault": fault, "during": "shell", "match": "now", "lasts_s": 2}) as farm:
        phone = target(farm)
        refused = phone.run("mkdir /data/local/tmp/now", timeout_s=10)
        assert refused.exit_code == 1
        assert b"/data/local/tmp/now" in refused.stderr
        (tmp_path / "file").write_bytes(b"x")
        with pytest.raises(error):
            phone.push([Outgoing(local=tmp_path / "file", remote="/data/local/tmp/file")])
        eventually(lambda: truth(farm)[-1]["event"] == "fault_over")
        phone.push([Outgoing(local=tmp_path / "file", remote="/data/local/tmp/file")])


def test_unauthorized_for_a_while(tmp_path: Path) -> None:
    with suffering(tmp_path, {"fault": "unauthorized", "during": "shell", "match": "now", "lasts_s": 2}) as farm:
        phone = target(farm)
        with pytest.raises(DeviceError):
            phone.run("now; sleep 9", timeout_s=10)
        eventually(lambda: states(farm).get(farm.serials[0]) == "unauthorized")
        with pytest.raises(DeviceUnauthorized):
            phone.run("true", timeout_s=10)
        eventually(answers(phone))


def test_truncated_output_still_has_its_exit_code(tmp_path: Path) -> None:
    with suffering(tmp_path, {"fault": "truncated", "during": "shell", "match": "seq", "after_bytes": 10}) as farm:
        cut = target(farm).run("seq 1000; echo lost >&2; exit 7", timeout_s=10)
        assert len(cut.stdout + cut.stderr) == 10
        assert cut.exit_code == 7
        assert len(target(farm).run("seq 1000", timeout_s=10).stdout) > 3000


def test_a_slow_shell_takes_its_time(tmp_path: Path) -> None:
    with suffering(tmp_path, {"fault": "slow", "during": "shell", "match": "late", "pause_s": 0.4}) as farm:
        began = time.monotonic()
        assert target(farm).run("echo late", timeout_s=10).stdout == b"late\n"
        assert time.monotonic() - began >= 0.8


def test_a_clock_that_jumps(tmp_path: Path) -> None:
    with suffering(tmp_path, {"fault": "clock_jump", "during": "shell", "match": "date", "by_s": -86400}) as farm:
        seen = int(target(farm).run("date +%s", timeout_s=10).stdout)
        assert abs(time.time() - 86400 - seen) < 30


def test_a_killed_adb_server_is_told_from_a_lost_device(tmp_path: Path) -> None:
    with suffering(
        tmp_path, {"fault": "adb_server_killed", "during": "shell", "match": "sleep", "delay_s": 0.3}
    ) as farm:
        phone = target(farm)
        with pytest.raises(AdbServerLost):
            phone.run("sleep 20", timeout_s=30)
        eventually(answers(phone))


def test_a_killed_adb_server_by_the_clock_is_in_every_log(tmp_path: Path) -> None:
    with suffering(tmp_path, {"fault": "adb_server_killed", "after_s": 0.2}, count=2) as farm:
        eventually(lambda: injected(farm, 0) == injected(farm, 1) == ["adb_server_killed"])
        eventually(answers(target(farm, 1)))


def test_what_ran_when_the_clock_struck_is_in_the_log(tmp_path: Path) -> None:
    by_clock = ({"fault": "lost", "after_s": 1.5, "lasts_s": 0.5}, {"fault": "lost", "after_s": 4, "lasts_s": 0.5})
    with suffering(tmp_path, *by_clock) as farm:
        phone = target(farm)
        with pytest.raises(DeviceLost):
            phone.run("sleep 20", timeout_s=30)
        eventually(answers(phone))
        eventually(lambda: len(injected(farm)) == 2)
        events = [event for event in truth(farm) if event["event"] == "fault"]
    assert [(event["during"], event["text"], event["running"]) for event in events] == [
        ("time", "sleep 20", True),
        ("time", "", False),
    ]


def test_it_comes_back_as_another_transport_and_is_followed(tmp_path: Path) -> None:
    with suffering(tmp_path, {"fault": "moved", "during": "shell", "match": "sleep", "lasts_s": 3}) as farm:
        phone = target(farm)
        with pytest.raises(DeviceLost):
            phone.run("sleep 20", timeout_s=30)
        eventually(lambda: any(name.startswith("127.0.0.1:") for name in states(farm)))
        eventually(lambda: [other.serial[:10] for other in phone.others()] == ["127.0.0.1:"])
        phone.follow(phone.others()[0])
        assert answers(phone)()
        assert phone.serial == farm.serials[0]
        eventually(lambda: states(farm) == {farm.serials[0]: "device"})


# --- what only a whole virtual phone can suffer -----------------------------------------------------------------------


def test_reboots_asked_for_on_the_device(tmp_path: Path) -> None:
    with VirtualFarm(["virtual-old"], base_dir=tmp_path) as farm:
        phone = target(farm)
        boot_ids = [boot_id(phone)]
        for command in ("reboot; sleep 9", "svc power reboot; sleep 9"):
            with pytest.raises(DeviceLost):
                phone.run(command, timeout_s=60)
            eventually(answers(phone))
            boot_ids.append(boot_id(phone))
        assert len(set(boot_ids)) == 3


def boot_id(phone: AdbTarget) -> str:
    return phone.run("cat /proc/sys/kernel/random/boot_id", timeout_s=10).stdout.decode().strip()


def test_a_benchmark_of_the_next_command_is_not_killed_for_one_that_is_over(tmp_path: Path) -> None:
    late = {"fault": "killed", "during": "shell", "match": "first", "delay_s": 0.3}
    with suffering(tmp_path, late, plain=False) as farm:
        target(farm).run("true first", timeout_s=10)
        eventually(lambda: any(event["event"] == "fault_missed" for event in truth(farm)))
        assert [event["reason"] for event in truth(farm) if event["event"] == "fault_missed"] == ["its command is over"]
        assert injected(farm) == []


def test_reboot_battery_serial_and_the_low_memory_killer(tmp_path: Path) -> None:
    faults = (
        {"fault": "killed", "during": "shell", "match": "benchmark_model"},
        {"fault": "same_serial", "devices": [2], "after_s": 0},
        {"fault": "battery_low", "during": "shell", "match": "drain", "percent": 3},
        {"fault": "reboot", "during": "shell", "match": "again", "delay_s": 0.2},
        {"fault": "battery_dead", "during": "shell", "match": "empty", "lasts_s": 1},
    )
    with suffering(tmp_path, *faults, count=2, plain=False) as farm:
        phone = target(farm)
        (tmp_path / "benchmark_model").write_text("#!/bin/sh\nwhile :; do sleep 0.1; done\n")
        phone.push([Outgoing(local=tmp_path / "benchmark_model", remote="/data/local/tmp/benchmark_model", mode=0o755)])
        killed = phone.run("timeout 20 /data/local/tmp/benchmark_model; echo $?", timeout_s=30)
        assert killed.stdout.strip().endswith(b"137")
        assert "benchmark_model" in next(event["victim"] for event in truth(farm) if event.get("fault") == "killed")
        assert target(farm, 1).run("getprop ro.serialno", timeout_s=10).stdout.decode().strip() == farm.serials[0]
        phone.run("true drain", timeout_s=10)
        assert b"level: 3" in phone.run("dumpsys battery", timeout_s=10).stdout
        before = boot_id(phone)
        for command in ("true again; sleep 9", "true empty; sleep 9"):
            with pytest.raises(DeviceLost):
                phone.run(command, timeout_s=60)
            eventually(answers(phone))
            after = boot_id(phone)
            assert after != before
            before = after
        assert injected(farm) == ["killed", "battery_low", "reboot", "battery_dead"]
