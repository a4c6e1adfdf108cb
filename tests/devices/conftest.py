from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.devices.adb_target import AdbTarget
from harness.virtual.farm import VirtualFarm


@pytest.fixture(scope="module")
def farm() -> Iterator[VirtualFarm]:
    """One device; each file of tests has its own."""
    with VirtualFarm(["virtual-flagship"]) as started:
        yield started


@pytest.fixture
def target(farm: VirtualFarm) -> AdbTarget:
    """The device."""
    return AdbTarget(farm.serials[0], port=farm.adb_port)
