"""The estimate of each series in one run, with its ground. Pure.

Only processes that count give an estimate (`harness.analysis.metrics`). If two files of a run share a name, each series gets the beginning
of its file's hash in its name, as in the report: two files are not one series.
"""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from harness.analysis.cells import group_by_cell, output_differs
from harness.analysis.centre import MAD_TO_SD, centre
from harness.analysis.metrics import Metric, is_good, purpose_for, reported
from harness.analysis.samples import paired_many
from harness.history.series_of_trial import name_with_hash, series_devices
from harness.records import DeviceInfo, Purpose, Result
from harness.records.history import Ground, SeriesKey
from harness.runs.run_store import Manifest

FEWEST_FOR_INTERVAL = 3
"""Processes. Two give an interval that spans a factor of ten or more, which is useless."""

_AT_ONCE = 200_000
"""Largest number of pairwise averages in one call: many more exceed a processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """An estimate of a series in one run; fields as in `harness.records.history.NightEstimate`."""

    key: SeriesKey
    value: float
    processes: int
    spread: float | None
    ci_low: float | None
    ci_high: float | None
    model_sha256: str
    binary_sha256: str
    ground: Ground
    synthetic: bool
    output_differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NightEstimates:
    """The estimates of one run, and notes on measured cells without one."""

    estimates: tuple[Estimated, ...]
    notes: tuple[str, ...]


def estimates_of(manifest: Manifest, results: Sequence[Result]) -> NightEstimates:
    """Return an estimate for each cell and metric with at least one value."""
    devices = {device.serial: device for device in manifest.devices}
    names = series_devices(manifest.devices)
    found: list[Estimated] = []
    samples: list[list[float]] = []
    notes: list[str] = []
    for cell in group_by_cell(_told_apart(results)):
        binaries = {result.artifact_sha256 or "" for result in cell.results if is_good(result, result.trial.purpose)}
        if len(binaries) > 1:
            notes.append(
                f"{cell.key.model_label} on {cell.key.device}: left out, its processes ran with several binaries"
            )
            continue
        differs = output_differs(cell.results)
        grounds: dict[Purpose, Ground] = {}
        for metric in Metric:
            purpose = purpose_for(cell.results, metric)
            used = [
                (result, value)
                for result in cell.results
                if (value := reported(result, metric, purpose)) is not None
                and math.isfinite(value)
                and (value > 0 or metric.may_be_zero)
            ]
            values = [value for _, value in used]
            # Series are compared by ratios, and a level of zero has none.
            if not values or centre(values) <= 0:
                continue
            if purpose not in grounds:
                counted = [result for result in cell.results if is_good(result, purpose)]
                grounds[purpose] = _ground(manifest, devices.get(cell.key.device), counted)
            trial = used[0][0].trial
            found.append(
                Estimated(
                    key=SeriesKey(
                        device=names.get(trial.device, trial.device),
                        model=trial.model.name,
                        delegate=trial.delegate.label,
                        threads=trial.threads,
                        cpus=trial.cpus.label,
                        metric=str(metric),
                        binary=trial.binary or "",
                        variant=trial.model.variant or "",
                        start=trial.start,
                    ),
                    value=centre(values),
                    processes=len(values),
                    spread=_spread(values),
                    ci_low=None,
                    ci_high=None,
                    model_sha256=trial.model.sha256,
                    binary_sha256=used[0][0].artifact_sha256 or "",
                    ground=grounds[purpose],
                    synthetic=any(result.synthetic for result, _ in used),
                    output_differs=differs,
                )
            )
            samples.append(values)
    return NightEstimates(estimates=tuple(_with_intervals(found, samples)), notes=tuple(notes))


def _told_apart(results: Iterable[Result]) -> list[Result]:
    """Return the results. If two files of the run share a model name, the beginning of the hash is added to it."""
    every = list(results)
    hashes: dict[tuple[str, str | None], set[str]] = {}
    for result in every:
        model = result.trial.model
        hashes.setdefault((model.name, model.variant), set()).add(model.sha256)
    if all(len(group) == 1 for group in hashes.values()):
        return every
    return [_with_hash(one) if len(hashes[one.trial.model.name, one.trial.model.variant]) > 1 else one for one in every]


def _with_hash(result: Result) -> Result:
    named = replace(result.trial.model, name=name_with_hash(result.trial.model))
    return replace(result, trial=replace(result.trial, model=named))


def _spread(values: Sequence[float]) -> float | None:
    """The robust standard deviation of the logarithms; None for fewer than two values, or where one has no logarithm."""
    if len(values) < 2 or min(values) <= 0:
        return None
    logs = [math.log(value) for value in values]
    middle = statistics.median(logs)
    return MAD_TO_SD * statistics.median(abs(value - middle) for value in logs)


def _with_intervals(found: Sequence[Estimated], samples: Sequence[Sequence[float]]) -> Iterable[Estimated]:
    """Add the intervals to the estimates, computed together for samples of equal size."""
    sizes: dict[int, list[int]] = {}
    for place, values in enumerate(samples):
        if len(values) >= FEWEST_FOR_INTERVAL and min(values) > 0:
            sizes.setdefault(len(values), []).append(place)
    ends: dict[int, tuple[float, float]] = {}
    for size, places in sizes.items():
        step = max(1, _AT_ONCE // (size * size))
        for begin in range(0, len(places), step):
            part = places[begin : begin + step]
            intervals = paired_many(np.log(np.array([samples[place] for place in part])))
            lows, highs = np.exp(intervals.low).tolist(), np.exp(intervals.high).tolist()
            ends.update(zip(part, zip(lows, highs, strict=True), strict=True))
    for place, one in enumerate(found):
        if place in ends:
            # The interval belongs to the rank-based centre, which may differ a little from the median.
            low, high = ends[place]
            yield replace(one, ci_low=min(low, one.value), ci_high=max(high, one.value))
        else:
            yield one


def _ground(manifest: Manifest, device: DeviceInfo | None, results: Sequence[Result]) -> Ground:
    """Return the ground of the processes that give an estimate. Others do not matter: a failed profile changes no latency."""
    return Ground(
        fingerprint=device.fingerprint if device is not None else None,
        governor=_governor(device, (result.conditions.settings_observed for result in results)),
        config=_config(device),
        harness_version=manifest.harness_version,
        asked=_asked(results),
    )


def _governor(device: DeviceInfo | None, seen: Iterable[Mapping[str, str]]) -> str | None:
    """Return the governors of each frequency domain; `a|b` if a domain had several. What trials saw overrides what the run found first."""
    observed: dict[str, set[str]] = {}
    for settings in seen:
        for key, value in settings.items():
            what, _, domain = key.partition(":")
            if what == "governor":
                observed.setdefault(domain, set()).add(value)
    domains = {name: {value} for name, value in (device.governors if device is not None else {}).items()} | observed
    return ", ".join(f"{name}={'|'.join(sorted(domains[name]))}" for name in sorted(domains)) or None


def _config(device: DeviceInfo | None) -> str | None:
    if device is None or device.config is None:
        return None
    return f"{device.config} {device.config_digest}" if device.config_digest else device.config


def _asked(results: Sequence[Result]) -> str:
    """Hash what the suite asked of the processes, apart from the series key and the files."""
    asked = {
        json.dumps(
            {
                "purpose": str(
                    result.trial.purpose
                ),  # processes for memory print other numbers of it than those for latency
                "run": asdict(result.trial.run),
                "inputs": result.trial.model.asked,
                "delegate": [result.trial.delegate.name, sorted(result.trial.delegate.options.items())],
                "require": result.trial.delegate.require,
                "mask": result.trial.cpus.hex,
                "settings": sorted(result.conditions.settings_asked.items()),
            },
            sort_keys=True,
        )
        for result in results
    }
    return hashlib.sha256("\n".join(sorted(asked)).encode()).hexdigest()[:16]
