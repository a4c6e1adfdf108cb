"""The Android side of a virtual device: files, shell, commands and a state that changes. Start with `create_device`.

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
        root: folder that holds everything the device may write; made when missing, never deleted.
        clock_scale: how many seconds of heat and battery pass in one real second.
        seed: from which the boot ids are drawn.

    Raises:
        UsageError: the profile has no `virtual:` part.
    """
    root.mkdir(parents=True, exist_ok=True)
    return VirtualAndroid(serial=serial, profile=profile, root=root, clock_scale=clock_scale, seed=seed)
