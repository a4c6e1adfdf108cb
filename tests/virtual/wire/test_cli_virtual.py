"""`harness virtual` as the user types it, with the real Android side."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.virtual import registry
from harness.virtual.farm import VirtualFarm, default_profiles, running_farms, stop_persistent
from tests import in_process
from tests.virtual.wire.conftest import eventually


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield
    for record in running_farms():
        stop_persistent(record)


def harness(*arguments: str) -> subprocess.CompletedProcess[str]:
    return in_process.harness("virtual", *arguments)


def harness_json(*arguments: str) -> Any:
    done = harness(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_devices_that_wait_say_how_long() -> None:
    started = harness_json("start", "--count", "2", "--waits", "0.25")
    for device in started["devices"]:
        shell = [*shlex.split(started["adb"]), "-s", device["serial"], "shell"]
        waits = subprocess.run([*shell, "getprop ro.harness.waits_s"], capture_output=True, text=True, check=True)
        assert waits.stdout == "0.25\n"


def test_start_list_use_stop() -> None:
    started = harness_json("start", "--count", "2")
    assert [device["profile"] for device in started["devices"]] == [profile.name for profile in default_profiles(2)]
    assert harness_json("list") == [started]

    adb = shlex.split(started["adb"])
    listed = subprocess.run([*adb, "devices", "-l"], capture_output=True, text=True, check=True).stdout
    for device in started["devices"]:
        assert f"{device['serial']} " in listed
    shell = [*adb, "-s", started["devices"][0]["serial"], "shell"]
    assert subprocess.run([*shell, "echo $((6*7))"], capture_output=True, text=True, check=True).stdout == "42\n"
    assert "beginning of main" in subprocess.run([*shell[:-1], "logcat", "-d"], capture_output=True, text=True).stdout

    shown = harness("list").stdout
    assert f"{started['adb']} devices -l" in shown
    assert harness_json("stop", str(started["adb_port"])) == [started]
    assert harness_json("list") == []


def test_another_container_sees_the_farm_and_can_stop_it() -> None:
    """Its process ids mean nothing there (`unshare --pid` is a container's view of this host)."""
    started = harness_json("start")
    inside = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode:
        inside = ["unshare", "--user", "--map-root-user", *inside[1:]]
    if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this host allows no PID namespaces")
    verb = [*inside, sys.executable, "-P", "-m", "harness", "virtual"]
    listed = subprocess.run([*verb, "list", "--json"], capture_output=True, check=True, timeout=120)
    assert json.loads(listed.stdout) == [started]
    assert harness_json("list") == [started]
    stopped = subprocess.run([*verb, "stop", "--json"], capture_output=True, check=True, timeout=120)
    assert json.loads(stopped.stdout) == [started]
    assert harness_json("list") == []
    assert not Path(started["folder"]).exists()


def test_a_farm_that_cannot_be_signalled_ends_when_asked() -> None:
    harness_json("start")
    (record,) = running_farms()
    stop_persistent(replace(record, pids="another container's"))
    assert running_farms() == []
    assert not Path(record.folder).exists()


def test_a_farm_that_cannot_be_reached_is_named_and_kept() -> None:
    harness_json("start")
    (record,) = running_farms()
    registry.write(replace(record, network="another"))
    listed = harness("list", "--json")
    assert json.loads(listed.stdout) == []
    assert f"port {record.adb_port} (process {record.pid} of {record.host})" in listed.stderr
    registry.write(record)
    assert running_farms() == [record]


def test_count_is_per_profile() -> None:
    one, two = (profile.name for profile in default_profiles(2))
    started = harness_json("start", "--profile", two, "--profile", one, "--count", "2")
    assert [device["profile"] for device in started["devices"]] == [two, two, one, one]
    assert harness("stop", "--all").returncode == 0
    assert running_farms() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["start", "--profile", "nonesuch"], "no virtual profile 'nonesuch'"),
        (["start", "--count", "0"], "ask for 1"),
        (["stop", "1"], "no virtual devices run behind port 1"),
        (["stop", "1", "--all"], "not both"),
        (["stop", "x"], "not a valid integer"),
    ],
)
def test_wrong_requests_are_one_line_and_exit_2(arguments: list[str], said: str) -> None:
    done = harness(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_with_nothing_running() -> None:
    assert harness("list").stdout == ""
    done = harness("stop", "--all")
    assert (done.returncode, done.stdout) == (0, "")


def test_help_has_examples() -> None:
    for arguments in ([], ["start"], ["list"], ["stop"]):
        assert "harness virtual stop --all" in harness(*arguments, "--help").stdout


@pytest.mark.parametrize("victims", ["guardian", "daemon", "both"])
def test_what_runs_on_a_device_dies_with_its_processes(tmp_path: Path, victims: str) -> None:
    farm = VirtualFarm(default_profiles(1), base_dir=tmp_path / "base").start()
    guardian = psutil.Process(farm.pid)
    daemon = guardian.children()[0]
    length = f"9{os.getpid()}"
    command = [farm.adb_environment["ADBUTILS_ADB_PATH"], "-P", str(farm.adb_port), "shell"]
    subprocess.run(
        [*command, f"trap '' HUP; (setsid sleep {length} </dev/null >/dev/null 2>&1 &)"],
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
        timeout=60,
    )
    if victims == "both":
        inside = subprocess.run([*command, "readlink /proc/self/ns/mnt"], capture_output=True, text=True, timeout=60)
        if inside.stdout.strip() in ("", str(Path("/proc/self/ns/mnt").readlink())):
            farm.stop()
            pytest.skip("needs user namespaces: nothing else ends processes when both of their keepers are killed")
    family = [guardian, *guardian.children(recursive=True)]

    def sleepers() -> list[int]:
        everyone = psutil.process_iter(["cmdline"])
        return [p.pid for p in everyone if (p.info["cmdline"] or [])[-2:] == ["sleep", length]]

    eventually(sleepers)
    if victims != "daemon":
        guardian.kill()
    if victims != "guardian":
        daemon.kill()
    eventually(lambda: not sleepers())
    eventually(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family))
    farm.stop()
    assert list((tmp_path / "base").iterdir()) == []
