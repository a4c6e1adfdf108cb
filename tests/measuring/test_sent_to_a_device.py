"""What the harness sends to a device, in one list, run under Android's own shell and commands with nothing silenced.

In use, much of it is followed by `2>/dev/null`, because devices lack this or that file. Here the silencers are taken off, so that a
command or an option that a phone's toybox lacks shows up instead of passing for a missing file.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.conditions.device_gate import DeviceGate
from harness.devices import lease
from harness.devices.adb_target import AdbTarget
from harness.devices.device_folder import BASE_DIR
from harness.devices.inventory import PROBE_SCRIPT
from harness.devices.thermal_zones import ThermalZone
from harness.measuring import failure_logs
from harness.measuring.trial_script import BlockScript, TrialScript, kill_script
from harness.virtual.farm import VirtualFarm

SHA = "0" * 64
BLOCK = BlockScript(
    trials=[
        TrialScript(
            folder=f"{BASE_DIR}/run/{name}",
            program="/system/bin/sh",
            flags=["-c", "sleep 1; echo x >out.bin"],
            mask=0xF0,
            other_mask=0x0F,
            timeout_s=20,
            frequency_paths={4: "/sys/devices/system/cpu/cpu4/cpufreq/scaling_cur_freq"},
            files=["out.bin"],
        )
        for name in ("t", "u")
    ],
    nonce="abc",
    zone_path="/sys/class/thermal/thermal_zone0/temp",
    renew_lease=lease.renew_script("run-1", 60),
    gate=DeviceGate(max_status=0, below_c=90.0, min_percent=10, idle_s=0.1),
)
SENT = {
    "inventory": PROBE_SCRIPT,
    "open folder": lease._open_script("run-1"),
    "open folder by force": lease._open_script("run-1", dead="me@host:1"),
    "renew lease": lease.renew_script("run-1", 60),
    "block": BLOCK.text(),
    "block that reads the HAL": replace(
        BLOCK, zone_path=None, hal_line=ThermalZone(number=None, type="cpu", temperature_c=None).line
    ).text(),
    "failure logs": failure_logs._script(f"{BASE_DIR}/run/t", "abc", 3.0, True, None),
    "kill": kill_script(BLOCK),
    "health": "true",
}
# What toybox and mksh say of something that they lack or do not take.
COMPLAINT = re.compile(
    r"not found|nknown option|Needs \d|bad mask|bad number|Usage:|syntax error|unexpected|invalid option", re.I
)


@pytest.fixture(scope="module")
def target() -> Iterator[AdbTarget]:
    for package in ("mksh", "toybox"):
        if shutil.which(package) is None:
            pytest.skip(f"needs the system package {package}")
    with VirtualFarm(["virtual-flagship"]) as farm:
        yield AdbTarget(farm.serials[0], port=farm.adb_port)


@pytest.mark.parametrize("name", SENT)
def test_nothing_that_is_sent_needs_more_than_a_phone_has(target: AdbTarget, name: str) -> None:
    loud = re.sub(r"\s[12]?>(/dev/null|&1)|&>/dev/null", " ", SENT[name]).replace("2>/dev/null", "")
    output = target.run(loud, timeout_s=60)
    said = (output.stderr + output.stdout).decode(errors="replace")
    assert not COMPLAINT.search(said), said


def test_a_complaint_would_be_seen(target: AdbTarget) -> None:
    for wrong in ("taskset 0xf0 true", "nonesuch", "stat --nonesuch /"):
        output = target.run(wrong, timeout_s=60)
        assert COMPLAINT.search((output.stderr + output.stdout).decode(errors="replace")), wrong
