"""What `harness run --resume` must find unchanged: the models, and the devices that the run began on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.api.device_selection import ReadyDevice
from harness.errors import SetupError, UsageError
from harness.records import DeviceInfo, ModelRef
from harness.runs.run_store import Manifest
from harness.suite.suite_file import model_ref


def check_models(models: Sequence[ModelRef]) -> None:
    """See that the files are those that the run began with.

    Raises:
        UsageError: one is gone or has changed.
    """
    for model in models:
        try:
            now = model_ref(Path(model.path), model.name)
        except OSError as error:
            raise UsageError(f"model {model.path} cannot be read: {error.strerror}") from None
        if now.sha256 != model.sha256:
            raise UsageError(f"model {model.path} has changed since the run began", remedy="start a new run")


def selectors_of(manifest: Manifest) -> tuple[str, ...]:
    """The devices of a run as selectors: virtual ones by profile, phones by serial."""
    return tuple(f"virtual:{device.config}" if device.virtual else device.serial for device in manifest.devices)


def match_devices(manifest: Manifest, live: Sequence[ReadyDevice]) -> dict[str, ReadyDevice]:
    """Serial in the manifest -> device now. The same serial is the same device.

    Virtual ones may have been started anew: one whose serial is not here is the same as one of its profile that stands for no other.

    Raises:
        UsageError: a serial belongs to another phone or another system by now.
        SetupError: none of the run's devices is here.
    """
    by_serial = {one.target.serial: one for one in live}
    matched: dict[str, ReadyDevice] = {}
    for device in manifest.devices:
        one = by_serial.get(device.serial)
        if one is None or one.inventory.info.virtual != device.virtual:
            continue
        if not device.virtual or one.inventory.info.config == device.config:
            matched[device.serial] = one
    free = [one for one in live if one.inventory.info.virtual and not any(one is other for other in matched.values())]
    for device in manifest.devices:
        if device.virtual and device.serial not in matched:
            same = next((one for one in free if one.inventory.info.config == device.config), None)
            if same is not None:
                matched[device.serial] = same
                free.remove(same)
    for device in manifest.devices:
        if device.serial in matched:
            _refuse_changed(device, matched[device.serial].inventory.info)
    if not matched:
        raise SetupError(
            "none of the run's devices is here", remedy=f"it began on {', '.join(d.serial for d in manifest.devices)}"
        )
    return matched


def _refuse_changed(then: DeviceInfo, now: DeviceInfo) -> None:
    """A serial is not a phone: cheap ones share theirs, and an update over night makes another system of the same one."""
    for what in ("model", "soc", "fingerprint"):
        before, after = getattr(then, what), getattr(now, what)
        if before != after:
            raise UsageError(
                f"{then.serial} is not the device that the run began on: {what} was {before}, is {after}",
                remedy="start a new run: its numbers must not be pooled with the old ones",
            )
