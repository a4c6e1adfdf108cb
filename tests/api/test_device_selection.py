"""Which devices a run gets, where some of those that it names cannot be used."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.api.device_selection import selected
from harness.devices.device_config import load_device_configs
from harness.errors import SetupError
from harness.virtual.farm import VirtualFarm
from harness.virtual.faults import FaultPlan

CONFIGS = load_device_configs()


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualFarm]:
    """Two devices, the second of which does not trust this computer."""
    faults = FaultPlan.model_validate(
        {"faults": [{"fault": "unauthorized", "devices": [2], "after_s": 0, "forever": True}]}
    )
    with VirtualFarm(["virtual-old", "virtual-old"], faults=faults) as started:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(started.adb_port))
        yield started


def test_a_named_device_that_cannot_be_used_ends_it_or_is_left_out(farm: VirtualFarm) -> None:
    well, unwell = farm.serials
    said: list[str] = []
    with pytest.raises(SetupError), selected([well, "gone"], "any", CONFIGS, said.append):
        pass
    with selected([unwell, well, "gone"], "any", CONFIGS, said.append, lenient=True) as live:
        assert [one.target.serial for one in live] == [well]
    left_out = "\n".join(said)
    assert f"left out: {unwell} is " in left_out
    assert "left out: no device 'gone' is attached" in left_out
    with pytest.raises(SetupError), selected(["gone"], "any", CONFIGS, said.append, lenient=True):
        pass
