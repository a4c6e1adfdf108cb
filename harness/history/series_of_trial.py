"""Which series a trial belongs to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.records import DeviceInfo, ModelRef, Trial
from harness.records.history import SeriesKey


def series_devices(devices: Iterable[DeviceInfo]) -> dict[str, str]:
    """Return the name of each device of a run in its series, by serial. It is what `--device` takes.

    A phone is its serial. A virtual device's serial is only its port, where another profile may sit the next time: it is its profile,
    `virtual:PROFILE`. Of several with one profile, the second is `virtual:PROFILE#2`.
    """
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for device in sorted({one.serial: one for one in devices}.values(), key=lambda one: (len(one.serial), one.serial)):
        name = f"virtual:{device.config}" if device.virtual and device.config else device.serial
        counts[name] = number = counts.get(name, 0) + 1
        names[device.serial] = name if number == 1 else f"{name}#{number}"
    return names


def name_with_hash(model: ModelRef) -> str:
    """Return the name of a model that shares its name with another file of its run."""
    return f"{model.name} [{model.sha256[:8]}]"


def belongs(trial: Trial, key: SeriesKey, devices: Mapping[str, str]) -> bool:
    """Return whether a trial gives a series its numbers.

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
