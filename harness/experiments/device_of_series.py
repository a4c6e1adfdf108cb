"""Finds the device of a series again: an attached one, or a virtual device with the same profile, started for the experiment."""

from __future__ import annotations

from harness.api.attached_devices import attached_serials
from harness.api.run_suite import ready_devices
from harness.api.run_watcher import RunWatcher
from harness.devices.device_config import load_device_configs
from harness.errors import SetupError
from harness.records import DeviceInfo


def selector_of(device: DeviceInfo, watcher: RunWatcher) -> str:
    """Return the `--device` selector of the device today.

    Args:
        device: as the night's run saw it.
        watcher: is notified of the questions to the device.

    Raises:
        SetupError: it is not attached, or another one has its serial; a virtual one's profile is gone.
    """
    attached = device.serial in attached_serials()
    if not device.virtual:
        if not attached:
            raise SetupError(
                f"{device.serial} ({device.model or 'unknown model'}) is not attached",
                remedy="attach it, or try another phone of that model: --device SEL",
            )
        return device.serial
    configs = load_device_configs()
    if attached and _config_of(device.serial, watcher) == device.config:
        return device.serial
    # Virtual devices with one profile are alike, and their serials depend on the order of starting.
    config = configs.get(device.config or "")
    if config is None or config.virtual is None:
        raise SetupError(
            f"{device.serial} was a virtual device of the profile {device.config}, which no longer exists",
            remedy="put its config back (HARNESS_DEVICE_CONFIGS), or name another device: --device SEL",
        )
    return f"virtual:{config.name}"


def _config_of(serial: str, watcher: RunWatcher) -> str | None:
    with ready_devices([serial], "any", load_device_configs(), watcher) as ready:
        return ready[0].inventory.info.config
