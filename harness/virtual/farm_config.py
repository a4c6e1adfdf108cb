"""The config that the starter of a farm hands to its daemon."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from harness.devices.device_config import DeviceConfig
from harness.virtual.faults import FaultPlan

ANDROID = "harness.virtual.android:create_device"


class FarmConfig(BaseModel):
    """The config of a farm, written to `config.json` in its folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profiles: tuple[DeviceConfig, ...]
    clock_scale: float = 1.0
    seed: int = 0
    accept_keys: bool = True
    persistent: bool = False
    """The farm outlives its starter and is recorded in the registry."""
    faults: FaultPlan | None = None
    """Faults of the devices, from when they are up."""
    ready_within_s: float = 60.0
    device_factory: str = ANDROID
    """`module:function` that makes the Android side of a device; tests of the ADB side use a simpler one."""
