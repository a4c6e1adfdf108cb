"""Farms as the rest of the harness starts them: whole processes, and what is left when some of them die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import adbutils
import psutil
import pytest

from harness.devices.device_config import load_device_configs, virtual_profiles
from harness.errors import SetupError, UsageError
from harness.virtual import farm as farm_module
from harness.virtual import farm_folder
from harness.virtual.farm import (
    VirtualFarm,
    default_profiles,
    running_farms,
    start_persistent,
    stop_persistent,
)
from tests.virtual.wire.conftest import eventually

PLAIN = "tests.virtual.wire.plain_device:create_device"
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    return tmp_path / "base"


def first() -> str:
    return default_profiles(1)[0].name


def client(farm: VirtualFarm) -> adbutils.AdbClient:
    return adbutils.AdbClient(host="127.0.0.1", port=farm.adb_port, socket_timeout=60)


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def test_a_farm_is_ready_when_it_says_so_and_gone_when_it_is_left(base: Path) -> None:
    with VirtualFarm([first()] * 3, base_dir=base, device_factory=PLAIN) as farm:
        assert [(d.serial, d.state) for d in client(farm).list()] == [(s, "device") for s in sorted(farm.serials)]
        assert farm.profiles == (first(),) * 3
        assert client(farm).device(farm.serials[1]).shell2("echo $((6*7))", v2=True).stdout == "42\n"
        assert farm.adb_environment["ANDROID_ADB_SERVER_PORT"] == str(farm.adb_port)
        processes = family(farm.pid)
        assert len(processes) >= 3
        assert "ready" in (farm.folder / "daemon.log").read_text()
    assert gone(processes)
    assert list(base.iterdir()) == []
    farm.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = farm.adb_port


def test_sixty_four_devices_start_together(base: Path) -> None:
    with VirtualFarm([first()] * 64, base_dir=base, device_factory=PLAIN) as farm:
        assert len({device.serial for device in client(farm).list() if device.state == "device"}) == 64


def test_two_farms_do_not_see_each_other(base: Path) -> None:
    with (
        VirtualFarm([first()], base_dir=base, device_factory=PLAIN) as one,
        VirtualFarm([first()] * 2, base_dir=base, device_factory=PLAIN) as two,
    ):
        assert one.adb_port != two.adb_port
        assert not set(one.serials) & set(two.serials)
        assert {d.serial for d in client(one).list()} == set(one.serials)
        assert {d.serial for d in client(two).list()} == set(two.serials)


def test_what_runs_on_the_devices_ends_with_the_farm(base: Path) -> None:
    with VirtualFarm([first()], base_dir=base, device_factory=PLAIN) as farm:
        command = "trap '' HUP TERM; setsid sleep 301 >/dev/null 2>&1 </dev/null & echo $!"
        pid = int(client(farm).device(farm.serials[0]).shell2(command, v2=True).stdout)
        assert psutil.pid_exists(pid)
    eventually(lambda: not psutil.pid_exists(pid))


STARTER = """
import os, sys, time
from pathlib import Path
from harness.virtual.farm import VirtualFarm
farm = VirtualFarm([sys.argv[1]], base_dir=Path(sys.argv[2]), device_factory=sys.argv[3]).start()
print(farm.pid, farm.adb_port, farm.serials[0], flush=True)
time.sleep(600)
"""


def test_a_starter_that_is_killed_takes_its_farm_with_it(base: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, first(), str(base), PLAIN], stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        pid, port, serial = starter.stdout.readline().split()
        device = adbutils.AdbClient(host="127.0.0.1", port=int(port)).device(serial)
        orphan = psutil.Process(int(device.shell2("setsid sleep 302 >/dev/null 2>&1 & echo $!", v2=True).stdout))
        processes = [*family(int(pid)), orphan]
        starter.kill()
    eventually(lambda: gone(processes))
    eventually(lambda: list(base.iterdir()) == [])


@pytest.mark.parametrize("victims", ["daemon", "guardian", "both"])
def test_processes_that_are_killed_leave_nothing_behind(base: Path, victims: str) -> None:
    farm = VirtualFarm([first()], base_dir=base, device_factory=PLAIN).start()
    daemon = psutil.Process(farm.pid).children()[0]
    folder = farm.folder
    device = client(farm).device(farm.serials[0])
    orphan = psutil.Process(int(device.shell2("setsid sleep 303 >/dev/null 2>&1 & echo $!", v2=True).stdout))
    processes = family(farm.pid)
    if victims in ("guardian", "both"):
        os.kill(farm.pid, signal.SIGKILL)
    if victims in ("daemon", "both"):
        daemon.kill()
    if victims != "daemon":
        # The guardian would have found it. The plain device cannot; the real one has namespaces.
        orphan.kill()
    eventually(lambda: gone([*processes, orphan]))
    # A process of several threads is a zombie once the first of them has ended; the others may still hold its lock.
    eventually(lambda: not folder.exists() or farm_folder.is_dead(folder))
    with VirtualFarm([first()], base_dir=base, device_factory=PLAIN) as next_one:
        assert not folder.exists()
        assert client(next_one).list()[0].state == "device"
    farm.stop()
    assert list(base.iterdir()) == []


def test_a_farm_that_cannot_start_says_why(base: Path) -> None:
    with pytest.raises(SetupError, match="has no attribute 'nothing'"):
        VirtualFarm([first()], base_dir=base, device_factory="tests.virtual.wire.plain_device:nothing").start()
    with pytest.raises(SetupError, match="no board"):
        VirtualFarm([first()], base_dir=base, device_factory="tests.virtual.wire.broken_device:create_device").start()
    assert [path.name for path in base.iterdir()] == ["last-failure.log"]


def test_profiles_are_checked_before_anything_starts() -> None:
    with pytest.raises(UsageError, match=f"did you mean {first()}"):
        VirtualFarm([first() + "x"])
    with pytest.raises(UsageError, match="0 virtual devices"):
        VirtualFarm([])
    with pytest.raises(UsageError, match="0 virtual devices"):
        default_profiles(0)
    with pytest.raises(UsageError, match="virtual devices"):
        default_profiles(farm_module.MAX_DEVICES + 1)
    bare = default_profiles(1)[0].model_copy(update={"virtual": None})
    with pytest.raises(UsageError, match="cannot be played"):
        VirtualFarm([bare])


def test_default_profiles_take_turns() -> None:
    order = [config.name for config in virtual_profiles(load_device_configs())]
    assert [profile.name for profile in default_profiles(len(order) + 1)] == [*order, order[0]]


@pytest.fixture
def _all_stopped() -> Iterator[None]:
    yield
    for record in running_farms():
        stop_persistent(record)


@pytest.mark.usefixtures("_all_stopped")
def test_persistent_farms_are_recorded_until_they_are_stopped(tmp_path: Path) -> None:
    one = start_persistent([first()] * 2, device_factory=PLAIN)
    two = start_persistent([first()], device_factory=PLAIN)
    assert running_farms() == [one, two]
    assert (len(one.serials), one.profiles) == (2, (first(), first()))
    processes = family(one.pid)
    stop_persistent(one)
    assert gone(processes)
    assert running_farms() == [two]
    assert not Path(one.folder).exists()
    stop_persistent(two)
    assert not list((tmp_path / "state").iterdir())


@pytest.mark.usefixtures("_all_stopped")
def test_a_persistent_farm_that_was_killed_is_forgotten(tmp_path: Path) -> None:
    record = start_persistent([first()], device_factory=PLAIN)
    processes = family(record.pid)
    for process in processes[:2]:
        process.kill()
    eventually(lambda: gone(processes))
    # A process that they had just started may hold the record's lock a moment longer.
    eventually(lambda: running_farms() == [])

    def swept() -> bool:
        # A folder that a dying process still wrote into while it was removed is finished by the start after.
        with VirtualFarm([first()], device_factory=PLAIN):
            return not Path(record.folder).exists()

    eventually(swept)
