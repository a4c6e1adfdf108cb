"""The values that flow through the harness: what was asked (Trial), what was seen (Measurement, Conditions), what came of it (Result).

All of them are frozen. Units are in the names: `_us` microseconds, `_s` seconds, `_c` degrees Celsius, `_mb` 10^6 or 2^20 bytes
as the tool itself reports them. `None` means "not said"; zero always means zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from harness.errors import Cause

Scalar = str | int | float | bool


class Status(StrEnum):
    """What a trial came to. `invalid`: it ran, but not as asked, so its numbers answer another question."""

    OK = "ok"
    FAILED = "failed"
    INVALID = "invalid"
    SKIPPED = "skipped"


class Purpose(StrEnum):
    """What a process is run for. Never mixed: profiling changes the latency, watching memory may too."""

    LATENCY = "latency"
    PROFILE = "profile"
    MEMORY = "memory"


# --- what an output of benchmark_model says ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatistics:
    """One `count=...` line; microseconds. `count=1 curr=N` says nothing of first, min, max, avg and std: they stay None."""

    count: int
    first: float | None = None
    curr: float | None = None
    min: float | None = None
    max: float | None = None
    avg: float | None = None
    std: float | None = None
    p5: float | None = None
    median: float | None = None
    p95: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Memory of the process, in the megabytes that the tool prints. `init_peak_mb` and `overall_peak_mb` are the older tools' line."""

    init_delta_mb: float | None = None
    overall_delta_mb: float | None = None
    init_peak_mb: float | None = None
    overall_peak_mb: float | None = None
    periodic_peak_mb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpTiming:
    """One row of a per-op table, as printed. `avg_us` is per call; `Measurement.op_cost_us` is what the op costs in one inference."""

    index: int
    node_type: str
    name: str
    start_us: float | None = None
    first_us: float | None = None
    avg_us: float | None = None
    percent: float | None = None
    cdf_percent: float | None = None
    mem_kb: float | None = None
    times_called: int | None = None
    subgraph: int | None = None
    """Index of the subgraph; 0 is the primary one; None where the output does not divide by subgraph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpTypeSummary:
    """One row of `Summary by node type`. Here `avg_us` is per run."""

    node_type: str
    count: int | None = None
    avg_us: float | None = None
    percent: float | None = None
    cdf_percent: float | None = None
    mem_kb: float | None = None
    times_called: int | None = None


StartState = Literal["warm", "cold", "cached"]
"""What a process finds when it starts. `warm`: what is there by default; `cold`: an empty cache; `cached`: one that an earlier
process has filled (XNNPACK's packed weights, a delegate's compiled program)."""

DelegateApplied = Literal["full", "partial", "none", "failed", "implicit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegateUse:
    """What became of one delegate. `implicit` is the XNNPACK that the CPU path applies by itself."""

    name: str
    applied: DelegateApplied | None
    """None where a trace of the delegate was seen, but nothing that says how much of the graph it took."""
    nodes_delegated: int | None = None
    nodes_total: int | None = None
    partitions: int | None = None
    delegate_kernels: int | None = None
    """Parts of the graph that the delegate took; `partitions`, as the tool prints it, counts those left to the CPU too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Everything that one output says, in the contract's words. None where it does not say."""

    tool: Literal["benchmark_model", "benchmark_litert_model"] = "benchmark_model"
    init_us: float | None = None
    first_inference_us: float | None = None
    warmup_avg_us: float | None = None
    inference_avg_us: float | None = None
    warmup: RunStatistics | None = None
    runs: RunStatistics | None = None
    model_size_mb: float | None = None
    memory: Memory = field(default_factory=Memory)
    delegates: tuple[DelegateUse, ...] = ()
    unconsumed_flags: tuple[str, ...] = ()
    ops: tuple[OpTiming, ...] | None = None
    init_ops: tuple[OpTiming, ...] | None = None
    op_summary: tuple[OpTypeSummary, ...] | None = None
    init_op_summary: tuple[OpTypeSummary, ...] | None = None
    profile_runs: RunStatistics | None = None
    notes: tuple[str, ...] = ()
    """What a reader should know: where two sources disagree, what could not be read."""

    def op_cost_us(self, op: OpTiming) -> float | None:
        """What an op of this output costs in one inference: its average per call, times its calls in one inference.

        Tables of TensorFlow 1.x to 2.2 print 0 calls for one. LiteRT's own tool counts the calls of all runs and warm-ups.
        """
        if op.avg_us is None or op.times_called is None:
            return None
        calls = op.times_called or 1
        if self.tool == "benchmark_litert_model":
            inferences = sum(phase.count for phase in (self.warmup, self.runs) if phase is not None)
            calls = max(1, round(calls / inferences)) if inferences else 1
        return op.avg_us * calls


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedOutput:
    """A Measurement and the verdict that the output itself supports (the runner adds what it knows of the device)."""

    status: Status
    causes: tuple[Cause, ...]
    message: str | None
    measurement: Measurement


# --- what is asked ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """What an input of a model is fed with, where the tool's own choice does not do."""

    name: str
    shape: tuple[int, ...]
    range: tuple[int, int] | None = None
    """Random values lie in it, both ends included; None leaves them to the tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """A model file by name and content. `name` is the user's and may hold any character; it is never part of a path."""

    name: str
    path: str
    sha256: str
    size_bytes: int
    signature: str | None = None
    """Which of its signatures runs; None where it has but one."""
    inputs: tuple[ModelInput, ...] = ()
    """All of its inputs, in their order, or none: the tool then feeds them by their types and the file's own shapes."""

    @property
    def asked(self) -> str:
        """Signature and inputs in a few words; empty where the suite says nothing of them."""
        words = [f"signature {self.signature}"] if self.signature is not None else []
        for one in self.inputs:
            within = f" in {one.range[0]}..{one.range[1]}" if one.range else ""
            words.append(f"{one.name} {'x'.join(map(str, one.shape))}{within}")
        return ", ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegateRequest:
    """A delegate as the suite asks for it. `require` is how much of the graph it must take for the trial to count."""

    name: str
    options: Mapping[str, Scalar] = field(default_factory=dict)
    require: Literal["full", "partial", "any"] = "partial"

    @property
    def label(self) -> str:
        """How it is shown and exported: `gpu`, or `gpu(precision=fp16)` where options distinguish it.

        With `require: any` a number counts though the delegate took nothing, so that name never stands for the delegate alone.
        """
        words = [f"{k}={v}" for k, v in sorted(self.options.items())]
        words += ["require=any"] if self.require == "any" else []
        return f"{self.name}({','.join(words)})" if words else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuRequest:
    """Cores asked for: the suite's word (`big`, `f0`, `0-3`) and the mask that it means on this device."""

    label: str
    mask: int

    @property
    def hex(self) -> str:
        """Bare hex, as Android's taskset wants it."""
        return f"{self.mask:x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLengths:
    """How long a process measures. All of them are always passed: the tool's defaults make the number of runs depend on speed."""

    min_runs: int = 50
    min_s: float = 1.0
    max_s: float = 30.0
    warmup_runs: int = 1
    warmup_s: float = 0.5
    timeout_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryRequest:
    """A benchmark binary as the suite asks for it, where a run compares several: out of the local store, or by path."""

    name: str
    use: str | None = None
    """A name, a revision, a version or the beginning of a hash, as `harness build --list` shows them; or `host`."""
    paths: tuple[str, ...] = ()
    """Files, one for each ABI; the files themselves say which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One process of benchmark_model on one device, as asked."""

    trial_id: str
    device: str
    model: ModelRef
    delegate: DelegateRequest
    threads: int
    cpus: CpuRequest
    purpose: Purpose
    process: int
    block: int
    run: RunLengths
    binary: str | None = None
    """Name of the benchmark binary, where the suite compares several."""
    start: StartState = "warm"
    forbid_synthetic: bool = False
    """The suite takes no numbers that were replayed or modelled."""

    @property
    def delegate_label(self) -> str:
        """The delegate as tables show it: with the start state where it is not the default."""
        return trial_label(self.delegate, self.start)


def trial_label(delegate: DelegateRequest, start: StartState) -> str:
    """A delegate as tables show it: with the start state where it is not the default."""
    return delegate.label if start == "warm" else f"{delegate.label}, {start} start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Impossible:
    """A cell that cannot run on a device, and why. Becomes a `skipped` result, never silence."""

    trial: Trial
    reason: str


# --- what is seen -----------------------------------------------------------------------------------------------------


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
    """Asked and observed, side by side. Temperatures are of the zone that matters for the CPU, where one is known."""

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
    """What shows the causes of an invalid result: one sentence each."""
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
    """An attempt at a trial that came to nothing, and was followed by another or is the last.

    Args:
        cause: what was wrong with the device, or what befell the process.
        message: in one sentence.
        at: when that was found.
    """

    cause: Cause
    message: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a trial. One line of `trials.jsonl`."""

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
    attempt: int = 0
    setbacks: tuple[Setback, ...] = ()
    """What befell the attempts that the device or somebody on it spoiled, in order; the last of them too, where none succeeded."""
    synthetic: bool = False
    """True where the numbers were replayed or modelled, not measured. Carried to the last table of the report."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """Kind (`stdout`, `stderr`, `profile`, `runtime_info`) to path relative to the run's folder."""
