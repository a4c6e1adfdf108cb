"""`harness devices`: what it tells of a device, and how it follows devices that come and go."""

from __future__ import annotations

import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness.devices.adb_target import AdbTarget
from harness.devices.config_draft import config_text
from harness.devices.device_config import DeviceConfig
from harness.devices.inventory import read_inventory
from harness.errors import UsageError
from harness.files.strict_yaml import load_yaml_model
from harness.virtual.farm import VirtualFarm, start_persistent, stop_persistent
from tests import in_process

PROFILES = ("virtual-flagship", "virtual-midrange", "virtual-old")


@pytest.fixture(scope="module")
def farm() -> Iterator[VirtualFarm]:
    with VirtualFarm(PROFILES) as started:
        yield started


def harness(farm: VirtualFarm, *arguments: str) -> subprocess.CompletedProcess[str]:
    return in_process.harness("devices", *arguments, env={"ANDROID_ADB_SERVER_PORT": str(farm.adb_port)})


def test_each_device_tells_what_it_is_and_which_conditions_it_has(farm: VirtualFarm) -> None:
    before = screens(farm)
    done = harness(farm, "--json")
    assert done.returncode == 0, done.stderr
    flagship, midrange, old = json.loads(done.stdout)["devices"]
    assert (flagship["root"], midrange["root"], old["root"]) == (False, True, False)
    assert flagship["config"] == "virtual-flagship"
    assert flagship["gpu"] is None, "there is none"
    assert lacking(flagship) == {"frequency": "needs root", "governor": "needs root"}
    assert lacking(midrange) == {"fixed_performance": "the device refuses it"}
    assert lacking(old) == {
        "airplane_mode": "needs Android 11",
        "fixed_performance": "needs Android 11",
        "frequency": "needs root",
        "governor": "needs root",
        "task_profile": "the device refuses it",
        "thermal_status": "the device refuses it",
    }
    assert flagship["cpuset"]["cores"]
    assert screens(farm) == before, "asking changes nothing"
    text = harness(farm).stdout
    for device in (flagship, midrange, old):
        assert f"build {device['fingerprint']}" in text
    assert [(cluster["name"], cluster["cpus"]) for cluster in flagship["cpu_clusters"]][1:] == [
        ("big", [4, 5, 6]),
        ("prime", [7]),
    ]
    assert ", no root, config virtual-flagship" in text
    assert ", root, config virtual-midrange" in text
    assert "conditions: airplane_mode, battery, fixed_performance" in text
    assert "lacks: frequency (needs root), governor (needs root)" in text


def lacking(device: dict[str, Any]) -> dict[str, str]:
    return {name: found["reason"] for name, found in device["conditions"].items() if not found["supported"]}


def screens(farm: VirtualFarm) -> list[bytes]:
    command = "settings list global; dumpsys power; cat /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"
    return [AdbTarget(serial, port=farm.adb_port).run(command, timeout_s=20).stdout for serial in farm.serials]


@pytest.mark.parametrize("profile", PROFILES)
def test_init_writes_a_config_that_fits_the_device(
    farm: VirtualFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    serial = farm.serials[PROFILES.index(profile)]
    file = tmp_path / "device.yaml"
    done = harness(farm, "--init", serial, "-o", str(file))
    assert done.returncode == 0, done.stderr
    config = load_yaml_model(file, DeviceConfig)
    assert [cluster.cpus for cluster in config.clusters] == {
        "virtual-flagship": [(0, 1, 2, 3), (4, 5, 6), (7,)],
        "virtual-midrange": [(0, 1, 2, 3, 4, 5), (6, 7)],
        "virtual-old": [(0, 1), (2, 3)],
    }[profile]
    assert config.match.manufacturer == ("Harness",)
    assert ("no_thermalservice" in config.quirks) == (profile == "virtual-old")
    assert ("fixed_performance_unsupported" in config.quirks) == (profile != "virtual-flagship")
    if profile == "virtual-flagship":
        assert [cluster.name for cluster in config.clusters] == ["little", "big", "prime"]
    again = harness(farm, "--init", serial, "-o", str(file))
    assert again.returncode == 2
    assert "exists" in again.stderr
    # What it wrote is good as it is: with the file in a folder of one's own the phone gets it.
    monkeypatch.setenv("HARNESS_DEVICE_CONFIGS", str(tmp_path))
    told = {one["serial"]: one for one in json.loads(harness(farm, "--json").stdout)["devices"]}
    assert told[serial]["config"] == config.name


SEE = "see [http://developer.android.com/tools/device.html]"
UNUSABLE = (
    "R5CT30ABCDE            unauthorized usb:3-2 transport_id:1\n"
    f"HT85G1A05551           no permissions (missing udev rules? user is in the plugdev group); {SEE} usb:1-2 transport_id:3\n"
    "192.168.1.7:5555       offline transport_id:4\n"
    "0123456789ABCDEF       device product:x model:y device:z transport_id:5\n"
)


@pytest.fixture
def shelf() -> Iterator[int]:
    """An ADB server with phones that cannot be used, the last of which is listed as well and never answers."""

    class Request(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while size := self.request.recv(4):
                asked = self.request.recv(int(size, 16))
                if asked.startswith(b"host:devices"):
                    self.request.sendall(b"OKAY" + f"{len(UNUSABLE):04x}{UNUSABLE}".encode())
                else:
                    self.request.sendall(b"FAIL" + b"000fdevice offline!")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Server(("127.0.0.1", 0), Request) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_each_phone_that_cannot_be_used_has_its_remedy(shelf: int) -> None:
    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return in_process.harness("devices", *arguments, env={"ANDROID_ADB_SERVER_PORT": str(shelf)})

    mine = {"R5CT30ABCDE", "HT85G1A05551", "192.168.1.7:5555", "0123456789ABCDEF"}
    told = {one["serial"]: one for one in json.loads(ask("--json").stdout)["devices"] if one["serial"] in mine}
    assert {serial: one["state"] for serial, one in told.items()} == {
        "R5CT30ABCDE": "unauthorized",
        "HT85G1A05551": "no permissions",
        "192.168.1.7:5555": "offline",
        "0123456789ABCDEF": "device",
    }
    words = {"R5CT30ABCDE": "accept this computer's key", "HT85G1A05551": "udev rule", "192.168.1.7:5555": "plug it in"}
    for serial, remedy in {**words, "0123456789ABCDEF": "does not answer: reboot it"}.items():
        assert remedy in told[serial]["remedy"]
        assert remedy in ask().stdout
    assert told["0123456789ABCDEF"]["error"] == "device offline!"


def test_init_of_nobody_names_the_remedy(farm: VirtualFarm) -> None:
    done = harness(farm, "--init", "nobody")
    assert done.returncode == 3
    assert "no device 'nobody' is attached" in done.stderr


@pytest.mark.parametrize("arguments", [["--init", "x", "--json"], ["-o", "x"]])
def test_options_that_do_not_go_together_are_refused(farm: VirtualFarm, arguments: list[str]) -> None:
    assert harness(farm, *arguments).returncode == 2


def test_watch_follows_devices_that_come_and_go(farm: VirtualFarm) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "devices", "--watch", "--json"],
        env={**os.environ, "ANDROID_ADB_SERVER_PORT": str(farm.adb_port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        own = set(farm.serials)
        assert serials(process.stdout.readline()) == own
        other = start_persistent(["virtual-old"])
        try:
            assert until(process, own | set(other.serials))
        finally:
            stop_persistent(other)
        assert until(process, own)
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors


def serials(line: str) -> set[str]:
    return {device["serial"] for device in json.loads(line)["devices"]}


def until(process: subprocess.Popen[str], expected: set[str]) -> bool:
    assert process.stdout is not None
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if serials(process.stdout.readline()) == expected:
            return True
    return False


def test_a_config_is_not_made_of_what_a_device_does_not_say() -> None:
    silent = read_inventory("s", {"present": "0-3", "online": "0-3"}, {})
    with pytest.raises(UsageError, match="does not tell the highest clock"):
        config_text(silent, {}, today=date(2026, 1, 1))
