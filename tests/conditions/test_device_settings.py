"""Settings of devices: taken on where a device has them, given back, and mended after a session that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.conditions.device_settings import DeviceSettings
from harness.conditions.request import ConditionsRequest
from harness.devices.adb_target import AdbTarget
from harness.devices.device_config import load_device_configs
from harness.devices.device_folder import BASE_DIR, JOURNAL
from harness.devices.inventory import Inventory, take_inventory
from harness.devices.lease import open_folder
from harness.devices.target import CommandOutput, Outgoing
from harness.errors import DeviceLost
from harness.virtual.farm import VirtualFarm

PROFILES = ("virtual-flagship", "virtual-midrange", "virtual-old")
EVERYTHING = ConditionsRequest.model_validate(
    {
        "fixed_performance": True,
        "governor": {"big": "performance"},
        "frequency": {"little": "70%"},
        "stay_awake": True,
        "screen": "off",
        "airplane_mode": True,
    }
)
HELD = {
    "virtual-flagship": {"airplane_mode", "fixed_performance", "screen", "stay_awake"},
    "virtual-midrange": {"airplane_mode", "frequency:policy0", "governor:policy6", "screen", "stay_awake"},
    "virtual-old": {"screen", "stay_awake"},
}
STATE = f"""
cat /sys/devices/system/cpu/cpufreq/policy*/scaling_governor
cat /sys/devices/system/cpu/cpufreq/policy*/scaling_m??_freq
settings get global stay_on_while_plugged_in
dumpsys power | grep mWakefulness=
cmd connectivity airplane-mode
cat {BASE_DIR}/fixed_performance {BASE_DIR}/{JOURNAL} 2>/dev/null
true
"""


@pytest.fixture(scope="module")
def farm() -> Iterator[VirtualFarm]:
    with VirtualFarm(PROFILES) as started:
        yield started


def device(farm: VirtualFarm, profile: str) -> tuple[AdbTarget, Inventory]:
    target = AdbTarget(farm.serials[PROFILES.index(profile)], port=farm.adb_port)
    target.run(f"mkdir -p {BASE_DIR}", timeout_s=60)
    return target, take_inventory(target, load_device_configs())


def state(target: AdbTarget) -> str:
    return target.run(STATE, timeout_s=60).stdout.decode()


@pytest.mark.parametrize("profile", PROFILES)
def test_what_a_device_has_is_set_read_back_and_given_back(farm: VirtualFarm, profile: str) -> None:
    target, inventory = device(farm, profile)
    before = state(target)
    settings = DeviceSettings(target, inventory)
    assert settings.mend("") == []
    applied = settings.apply(EVERYTHING)
    assert set(applied.held) == HELD[profile]
    assert applied.held.items() <= applied.asked.items()
    asked = {"fixed_performance", "governor", "frequency", "stay_awake", "screen", "airplane_mode"}
    assert set(applied.refused) == asked - {key.partition(":")[0] for key in HELD[profile]}
    changed = state(target)
    assert "Asleep" in changed
    assert changed != before
    assert settings.restore() == []
    assert state(target) == before
    assert settings.restore() == [], "a second time there is nothing to do"


class BreaksOff(AdbTarget):
    """Loses its device in the middle of the next command, which the device has begun."""

    broken = False

    def run(self, command: str, *, timeout_s: float, cancel: threading.Event | None = None) -> CommandOutput:
        if self.broken and "left=" in command:
            self.broken = False
            super().run(command.partition("if [ -z")[0].replace("left=\n", "left=\nexit\n"), timeout_s=timeout_s)
            raise DeviceLost("the connection closed in the middle of a command", serial=self.serial)
        return super().run(command, timeout_s=timeout_s, cancel=cancel)


def test_what_could_not_be_given_back_at_first_is_tried_again(farm: VirtualFarm) -> None:
    plain, inventory = device(farm, "virtual-midrange")
    before = state(plain)
    target = BreaksOff(plain.serial, port=farm.adb_port)
    settings = DeviceSettings(target, inventory)
    settings.apply(EVERYTHING)
    target.broken = True
    with pytest.raises(DeviceLost):
        settings.restore()
    assert state(plain) != before
    assert settings.restore() == []
    assert state(plain) == before


def test_a_clock_is_fixed_between_both_limits(farm: VirtualFarm) -> None:
    target, inventory = device(farm, "virtual-midrange")
    settings = DeviceSettings(target, inventory)
    request = ConditionsRequest.model_validate({"frequency": {"big": "70%", "little": "min"}})
    applied = settings.apply(request)
    # The highest clock that is not above 70 % of 2208000 kHz.
    assert applied.held == {"frequency:policy0": "300000 300000", "frequency:policy6": "1344000 1344000"}
    settings.restore()


def test_what_the_device_refuses_is_told_with_the_reason(farm: VirtualFarm) -> None:
    target, inventory = device(farm, "virtual-midrange")
    settings = DeviceSettings(target, inventory)
    request = ConditionsRequest.model_validate(
        {"governor": {"big": "turbo", "prime": "performance"}, "frequency": {"big": 1000}, "fixed_performance": True}
    )
    applied = settings.apply(request)
    assert applied.held == {}
    assert applied.refused == {
        "governor": "governor:policy6 was set to turbo and reads schedutil",
        "frequency": "big: 1000: the lowest clock is 691200 kHz",
        "fixed_performance": "fixed_performance was set to true and reads false",
    }
    assert settings.restore() == []


def test_nothing_is_asked_nothing_is_touched(farm: VirtualFarm) -> None:
    target, inventory = device(farm, "virtual-flagship")
    before = state(target)
    applied = DeviceSettings(target, inventory).apply(ConditionsRequest())
    assert (applied.held, applied.refused, applied.read_back) == ({}, {}, "")
    assert state(target) == before


KILLED = """
import os, signal, sys
from harness.conditions.request import ConditionsRequest
from harness.conditions.device_settings import DeviceSettings
from harness.devices.device_config import load_device_configs
from harness.devices.inventory import take_inventory
from harness.devices.adb_target import AdbTarget
from harness.devices.target import CommandOutput
target = AdbTarget(sys.argv[1], port=int(sys.argv[2]))
settings = DeviceSettings(target, take_inventory(target, load_device_configs()))
settings.apply(ConditionsRequest.model_validate_json(sys.argv[3]))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("profile", PROFILES)
def test_the_next_session_mends_what_a_killed_one_left(farm: VirtualFarm, profile: str) -> None:
    target, inventory = device(farm, profile)
    before = state(target)
    command = [sys.executable, "-c", KILLED, target.serial, str(farm.adb_port), EVERYTHING.model_dump_json()]
    killed = subprocess.run(command, timeout=60, env=dict(os.environ), check=False)
    assert killed.returncode == -signal.SIGKILL
    assert state(target) != before
    found = open_folder(target, owner="the-next-run")
    told = DeviceSettings(target, inventory).mend(found.journal)
    assert told == ["gave back what an earlier session left changed"]
    assert state(target) == before
    assert open_folder(target, owner="the-next-run").journal == ""


def test_a_journal_that_is_not_ours_alone_is_kept(farm: VirtualFarm, tmp_path: Path) -> None:
    """A later version may have changed what this one does not know: it is left for that version."""
    target, inventory = device(farm, "virtual-flagship")
    local = tmp_path / "journal"
    local.write_text("vibration on\nstay_awake 0\ngovernor:policy4 schedutil\n$(reboot) now\n")
    target.push([Outgoing(local=local, remote=f"{BASE_DIR}/{JOURNAL}")])
    told = DeviceSettings(target, inventory).mend(open_folder(target, owner="the-next-run").journal)
    assert "vibration was on and cannot be given back by this session" in told
    assert "governor:policy4 was schedutil and cannot be given back by this session" in told, "no root here"
    assert target.stat(f"{BASE_DIR}/{JOURNAL}") is not None
    target.run(f"rm {BASE_DIR}/{JOURNAL}; settings delete global stay_on_while_plugged_in", timeout_s=60)
