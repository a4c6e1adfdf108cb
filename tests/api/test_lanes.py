"""Which devices wait for this machine's cores."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.api.device_selection import ReadyDevice
from harness.api.lanes import Effort, lanes_of
from harness.binaries.choice import Program
from harness.devices.adb_target import AdbTarget
from harness.devices.inventory import read_inventory
from harness.devices.push import Blob
from harness.records import Artifact
from harness.suite.expand import Expansion

SECTIONS = {"present": "0", "online": "0", "cores": "0 1024 1000000", "boot": "b"}
NOTHING = Expansion(trials=(), impossible=(), warnings=(), seed=1)
VIRTUAL = "[ro.harness.virtual]: [1]\n"
WAITS = VIRTUAL + "[ro.harness.waits_s]: [1]\n"


def device(serial: str, properties: str) -> ReadyDevice:
    return ReadyDevice(target=AdbTarget(serial), inventory=read_inventory(serial, SECTIONS | {"props": properties}, {}))


def program(origin: str) -> Program:
    artifact = Artifact(name="b", sha256="0" * 64, abi="x86_64", size_bytes=1, origin=origin)
    return Program(blob=Blob(path=Path("b"), sha256="0" * 64, size=1), artifact=artifact)


@pytest.mark.parametrize(
    ("properties", "origin", "takes_turns"),
    [
        (VIRTUAL, "host", True),
        (WAITS, "host", False),
        (WAITS, "import", True),  # the user's own program may compute
        ("", "import", False),  # a phone has cores of its own
    ],
)
def test_only_what_computes_here_takes_turns(properties: str, origin: str, takes_turns: bool) -> None:
    devices = {"a": device("a", properties), "b": device("b", properties)}
    programs: dict[str, dict[str | None, Program]] = {serial: {None: program(origin)} for serial in devices}
    first, second = lanes_of(devices, programs, NOTHING, Effort())
    assert (first.slot is not None) is takes_turns
    assert first.slot is second.slot
