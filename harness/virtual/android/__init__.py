"""The Android side of a virtual device: files, shell, commands and a changing state. Start with `create_device`.

Temperature, clocks, thermal status and battery are simulated (`physics`). Processes, their files and their CPU time are real.
"""

from __future__ import annotations

from pathlib import Path

from harness.devices.device_config import DeviceConfig
from harness.virtual.android.device import VirtualAndroid

__all__ = ["VirtualAndroid", "create_device"]


def create_device(
    *, serial: str, profile: DeviceConfig, root: Path, clock_scale: float = 1.0, seed: int = 0
) -> VirtualAndroid:
    """Make a virtual device, not yet booted (`start` does that).

    Args:
        serial: its ADB serial.
        profile: a config with a `virtual:` part.
        root: folder for everything the device may write; made if missing, never deleted.
        clock_scale: seconds of heat and battery that pass in one real second.
        seed: seed of the boot ids.

    Raises:
        UsageError: the profile has no `virtual:` part.
    """
    root.mkdir(parents=True, exist_ok=True)
    return VirtualAndroid(serial=serial, profile=profile, root=root, clock_scale=clock_scale, seed=seed)
