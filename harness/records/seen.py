"""What a run found and what came of it: devices, binaries, conditions, results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

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
    """A device as it described itself when the run began. Everything here is the device's own word: escape it."""

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
    """True for a virtual device: a program on this host. Its inference is real, its temperature and clocks are a model's."""
    cpu_map: Mapping[int, int] | None = None
    """On a virtual device: which core of the host stands for each core of the profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One reading of the on-device sampler during a run. `t_s` counts from the start of the process."""

    t_s: float
    frequency_khz: Mapping[int, int] = field(default_factory=dict)
    temperature_c: float | None = None
    affinity: tuple[str, ...] = ()
    cpu_s: float | None = None
    """CPU time that the process had used by then, all threads together (10 ms resolution)."""
    waited_s: float | None = None
    """How long its threads, all together, had been ready to run and had to wait for a core by then; None where the kernel does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Asked and observed, side by side. Temperatures are those of the zone that matters for the CPU, if one is known."""

    cpus_asked: str | None = None
    """Mask in bare hex."""
    affinity_expected: str | None = None
    """Core list that the kernel must show if the mask was honoured (on a virtual device: after its mapping to host cores)."""
    affinity_observed: str | None = None
    """Union of `Cpus_allowed_list` over the threads of the process, in list syntax."""
    temperature_before_c: float | None = None
    temperature_after_c: float | None = None
    thermal_status_before: int | None = None
    thermal_status_after: int | None = None
    frequency_khz: int | None = None
    """Median of the samples; of each the highest clock of the clusters asked for."""
    battery_percent: int | None = None
    process_s: float | None = None
    """How long the process itself ran, by the device's own clock (uptime, 10 ms resolution)."""
    settings_asked: Mapping[str, str] = field(default_factory=dict)
    """What the suite asked to be set on the device: `governor:policy4` to `performance`."""
    settings_observed: Mapping[str, str] = field(default_factory=dict)
    """What the same settings read after the run."""
    waited_s: float | None = None
    """How long this trial waited until the device was cool, charged and idle enough; all its repetitions together."""
    canary_us: float | None = None
    """The fixed workload before this trial's block: its fastest run."""
    canary_ratio: float | None = None
    """The same as a multiple of the session's first canary."""
    canary_after_us: float | None = None
    """Its fastest run after the block; only in the trial that ended it."""
    canary_after_ratio: float | None = None
    """The same as a multiple of the session's first."""
    repeats: int = 0
    """How often it had run before and was thrown away because heat spoiled it."""
    evidence: tuple[str, ...] = ()
    """What shows the causes of an invalid result: one sentence each. Of any result, why a canary that was asked for was not timed."""
    samples: tuple[Sample, ...] = ()
    simulated: tuple[str, ...] = ()
    """Names of the fields above that a virtual device's model produced rather than a sensor."""


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
    """What the suite calls it, where it compares several."""
    tool: str | None = None
    """`tflite` or `litert`: which of the two tools of this name, where that is known."""
    flex: bool | None = None
    source: str | None = None
    """`tensorflow` or `litert` for builds; the address of a download; the path of an import."""
    revision: str | None = None
    """Git commit, or the version of a download."""
    dirty: bool | None = None
    """Whether the source held changes that no commit holds."""
    target: str | None = None
    """Bazel's label."""
    flags: tuple[str, ...] = ()
    """Of `bazel build`."""
    bazel: str | None = None
    ndk: str | None = None
    """`Pkg.Revision` of the NDK that built it, or what the NDK left in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setback:
    """A failed attempt at a trial; another attempt followed, or it was the last.

    Args:
        cause: what was wrong with the device, or what happened to the process.
        message: in one sentence.
        at: when that was found.
    """

    cause: Cause
    message: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a trial. One line of `trials.jsonl`."""

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
    """Wall time of the last attempt; where the device failed, of all of them and of the waits between them."""
    device_s: float | None = None
    """How long it kept the device: all attempts and repetitions, pauses, waits for heat, charge and load, and the canary before and after
    it. Not what the session needed to begin or to get the device back, nor the turns of other virtual devices. None where that was not
    counted."""
    attempt: int = 0
    setbacks: tuple[Setback, ...] = ()
    """What broke the attempts that the device or somebody on it spoiled, in order; includes the last one if none succeeded."""
    synthetic: bool = False
    """True where the numbers were replayed or modelled, not measured. Carried to the last table of the report."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """Kind (`stdout`, `stderr`, `profile`, `runtime_info`; after a failure also `logcat`, `tombstone`) to path relative to the run's
    folder. Where an attempt failed and a later one did not, the latter two are of the one that failed."""
