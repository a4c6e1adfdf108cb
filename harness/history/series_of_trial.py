"""Which series a trial belongs to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.records import DeviceInfo, ModelRef, Trial
from harness.records.history import SeriesKey


def series_devices(devices: Iterable[DeviceInfo]) -> dict[str, str]:
    """Return the name of each device of a run in its series, by serial. `--device` takes this name.

    A phone is named by its serial. A virtual device is named by its profile, `virtual:PROFILE`, because its serial is only a port, which
    another profile may have the next time. The second device with the same profile is `virtual:PROFILE#2`.
    """
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for device in sorted({one.serial: one for one in devices}.values(), key=lambda one: (len(one.serial), one.serial)):
        name = f"virtual:{device.config}" if device.virtual and device.config else device.serial
        counts[name] = number = counts.get(name, 0) + 1
        names[device.serial] = name if number == 1 else f"{name}#{number}"
    return names


def name_with_hash(model: ModelRef) -> str:
    """Return the series name of a model whose name another file of its run has, too."""
    return f"{model.name} [{model.sha256[:8]}]"


def belongs(trial: Trial, key: SeriesKey, devices: Mapping[str, str]) -> bool:
    """Return whether a trial belongs to a series.

    Args:
        trial: a trial of a run.
        key: the series.
        devices: the run's devices by serial, from `series_devices`.
    """
    return (
        devices.get(trial.device, trial.device) == key.device
        and key.model in (trial.model.name, name_with_hash(trial.model))
        and (trial.model.variant or "") == key.variant
        and (trial.delegate.label, trial.threads, trial.cpus.label) == (key.delegate, key.threads, key.cpus)
        and (trial.start, trial.binary or "") == (key.start, key.binary)
    )
