"""Records of what a run found: devices, binaries, conditions, results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from harness.records.accuracy import AccuracyFigures
from harness.records.asked import Trial
from harness.records.causes import Cause
from harness.records.measured import Measurement, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuCluster:
    """Cores that share a clock domain."""

    name: str
    cpus: tuple[int, ...]
    capacity: int | None = None
    max_frequency_khz: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """A device as it described itself when the run began. All texts are the device's own: escape them."""

    serial: str
    model: str | None = None
    manufacturer: str | None = None
    soc: str | None = None
    android: str | None = None
    api_level: int | None = None
    fingerprint: str | None = None
    abis: tuple[str, ...] = ()
    ram_mb: int | None = None
    cpu_clusters: tuple[CpuCluster, ...] = ()
    config: str | None = None
    virtual: bool = False
    """True for a virtual device: a program on this host. Its inference is real, its temperature and clocks come from a model."""
    cpu_map: Mapping[int, int] | None = None
    """The host's core for each core of a virtual device's profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One reading of the on-device sampler during a run. `t_s` counts from the start of the process."""

    t_s: float
    frequency_khz: Mapping[int, int] = field(default_factory=dict)
    temperature_c: float | None = None
    affinity: tuple[str, ...] = ()
    cpu_s: float | None = None
    """CPU time of all threads of the process until then (10 ms resolution)."""
    waited_s: float | None = None
    """Time that all its threads had waited for a core, ready to run, until then; None if the kernel does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Conditions asked and observed. Temperatures are those of the zone that matters for the CPU, if one is known."""

    cpus_asked: str | None = None
    """Mask in bare hex."""
    affinity_expected: str | None = None
    """Core list that the kernel shows if it honoured the mask (on a virtual device: mapped to host cores)."""
    affinity_observed: str | None = None
    """Union of `Cpus_allowed_list` over the threads of the process, in list syntax."""
    temperature_before_c: float | None = None
    temperature_after_c: float | None = None
    thermal_status_before: int | None = None
    thermal_status_after: int | None = None
    frequency_khz: int | None = None
    """Median over the samples of the highest clock among the clusters asked for."""
    battery_percent: int | None = None
    process_s: float | None = None
    """Run time of the process by the device's own clock (uptime, 10 ms resolution)."""
    settings_asked: Mapping[str, str] = field(default_factory=dict)
    """Device settings that the suite asked for: `governor:policy4` to `performance`."""
    settings_observed: Mapping[str, str] = field(default_factory=dict)
    """Values of these settings after the run."""
    waited_s: float | None = None
    """Time that this trial, with all its repetitions, waited until the device was cool, charged and idle enough."""
    canary_us: float | None = None
    """Fastest run of the fixed workload before this trial's block."""
    canary_ratio: float | None = None
    """`canary_us` as a multiple of the session's first."""
    canary_after_us: float | None = None
    """Fastest run of the fixed workload after the block; only in the trial that ended it."""
    canary_after_ratio: float | None = None
    """`canary_after_us` as a multiple of the session's first."""
    repeats: int = 0
    """Number of earlier runs of the trial that were thrown away because heat spoiled them."""
    evidence: tuple[str, ...] = ()
    """Evidence for the causes of an invalid result, one sentence each; for any result, why a requested canary was not timed."""
    pushed_beside: tuple[str, ...] = ()
    """Names of the files that were pushed to the device while the trial ran (`push: eager`)."""
    samples: tuple[Sample, ...] = ()
    simulated: tuple[str, ...] = ()
    """Names of the fields above that come from a virtual device's model and not from a sensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """The benchmark binary that ran."""

    name: str
    sha256: str
    abi: str
    size_bytes: int
    origin: str
    """`host` (the harness's own program on LiteRT), `import` (a path given by the user), `build`, `prebuilt`, `recorded`."""
    binary: str | None = None
    """Its name in the suite, if the suite compares several."""
    tool: str | None = None
    """`tflite` or `litert`, the two tools of this name; None if unknown."""
    flex: bool | None = None
    source: str | None = None
    """`tensorflow` or `litert` for builds; the address of a download; the path of an import."""
    revision: str | None = None
    """Git commit, or the version of a download."""
    dirty: bool | None = None
    """Whether the source held uncommitted changes."""
    target: str | None = None
    """Bazel's label."""
    flags: tuple[str, ...] = ()
    """Flags of `bazel build`."""
    bazel: str | None = None
    ndk: str | None = None
    """`Pkg.Revision` of the NDK that built it, or the NDK's mark in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setback:
    """A failed attempt at a trial, noticed `at`."""

    cause: Cause
    message: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a trial, one line of `trials.jsonl`."""

    # JSON has no word for them, and null would say that nothing was printed: as strings they stay what they were.
    __pydantic_config__: ClassVar[Mapping[str, str]] = {"ser_json_inf_nan": "strings"}

    trial: Trial
    status: Status
    causes: tuple[Cause, ...] = ()
    message: str | None = None
    measurement: Measurement | None = None
    conditions: Conditions = field(default_factory=Conditions)
    artifact_sha256: str | None = None
    command: tuple[str, ...] = ()
    exit_code: int | None = None
    started_at: datetime
    duration_s: float
    """Wall time of the last attempt; if the device failed, of all attempts and the waits between them."""
    device_s: float | None = None
    """Time that it kept the device: all attempts and repetitions, pauses, waits for heat, charge and load, and the canary before and after
    it. It excludes the time to begin the session or to get the device back, and the turns of other virtual devices. None: not recorded."""
    accuracy: AccuracyFigures | None = None
    """What an accuracy trial found; None for other purposes, and where it gave no outputs."""
    attempt: int = 0
    setbacks: tuple[Setback, ...] = ()
    """Attempts that the device or somebody on it spoiled, in order; includes the last one if none succeeded."""
    synthetic: bool = False
    """True if the numbers were replayed or modelled, not measured. Every table shows it."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """Kind (`stdout`, `stderr`, `profile`, `runtime_info`; after a failure also `logcat`, `tombstone`) to path relative to the run's
    folder. If an attempt failed and a later one did not, the last two kinds are from the one that failed."""
