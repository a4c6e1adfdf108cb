"""Records of what a suite asks for, down to a single process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from harness.records.causes import Cause

Scalar = str | int | float | bool

StartState = Literal["warm", "cold", "cached"]
"""The cache that a process finds when it starts. `warm`: the default; `cold`: an empty one; `cached`: one that an earlier process has
filled (XNNPACK's packed weights, a delegate's compiled program)."""


class Purpose(StrEnum):
    """The purpose of a process. Never mixed: profiling changes the latency, and watching memory may."""

    LATENCY = "latency"
    PROFILE = "profile"
    MEMORY = "memory"
    ACCURACY = "accuracy"
    """Feeds given inputs and takes the outputs back. Its times count nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """Shape and values for an input of a model, instead of the tool's own choice."""

    name: str
    shape: tuple[int, ...]
    range: tuple[int, int] | None = None
    """Range of the random values, both ends included; None leaves it to the tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """A model file by name and content. `name` is the user's and may hold any character; it is never part of a path."""

    name: str
    path: str
    sha256: str
    size_bytes: int
    signature: str | None = None
    """The signature to run; None if it has only one."""
    inputs: tuple[ModelInput, ...] = ()
    """All of its inputs in order. If empty, the tool feeds them by their types and the shapes in the file."""
    variant: str | None = None
    """Its variant, if it was converted from a source (`harness.records.variants`)."""
    source: str | None = None
    """The source as the suite names it."""
    source_sha256: str | None = None

    @property
    def label(self) -> str:
        """Its name in tables: `digits, int8`; without a variant its plain name."""
        return model_label(self.name, self.variant)

    @property
    def asked(self) -> str:
        """Signature and inputs in a few words; empty if the suite does not name them."""
        words = [f"signature {self.signature}"] if self.signature is not None else []
        for one in self.inputs:
            within = f" in {one.range[0]}..{one.range[1]}" if one.range else ""
            words.append(f"{one.name} {'x'.join(map(str, one.shape))}{within}")
        return ", ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegateRequest:
    """A delegate as the suite asks for it. `require` says how much of the graph it must take for the trial to count."""

    name: str
    options: Mapping[str, Scalar] = field(default_factory=dict)
    require: Literal["full", "partial", "any"] = "partial"

    @property
    def label(self) -> str:
        """Name in tables and exports: `gpu`, or `gpu(precision=fp16)` with options.

        `require: any` shows too, because its numbers count even if the delegate took nothing.
        """
        if not self.options and self.require != "any":
            return self.name
        words = [f"{k}={v}" for k, v in sorted(self.options.items())]
        words += ["require=any"] if self.require == "any" else []
        return f"{self.name}({','.join(words)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuRequest:
    """Cores asked for: the suite's word (`big`, `f0`, `0-3`) and the mask that it means on this device."""

    label: str
    mask: int

    @property
    def hex(self) -> str:
        """Bare hex for Android's taskset."""
        return f"{self.mask:x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLengths:
    """The length of a measurement. The tool always gets all values: its defaults make the number of runs depend on speed."""

    min_runs: int = 50
    min_s: float = 1.0
    max_s: float = 30.0
    warmup_runs: int = 1
    warmup_s: float = 0.5
    timeout_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryRequest:
    """One of several benchmark binaries that a suite compares: from the local store, or by path."""

    name: str
    use: str | None = None
    """A name, a revision, a version or the beginning of a hash, as `harness build --list` shows them; or `host`."""
    paths: tuple[str, ...] = ()
    """Files, one for each ABI, which the files themselves tell."""


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
    """Name of the benchmark binary, if the suite compares several."""
    start: StartState = "warm"
    forbid_synthetic: bool = False
    """Whether the suite refuses numbers that were replayed or modelled."""

    @property
    def delegate_label(self) -> str:
        """See `trial_label`."""
        return trial_label(self.delegate, self.start)


def model_label(name: str, variant: str | None) -> str:
    """Return a model's name in tables, with its variant if it has one: `digits, int8`."""
    return f"{name}, {variant}" if variant else name


def trial_label(delegate: DelegateRequest, start: StartState) -> str:
    """Return a delegate's name in tables, with the start state unless it is the default."""
    return delegate.label if start == "warm" else f"{delegate.label}, {start} start"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class CellKey:
    """The identity of a cell, from the plan to the report: all that its processes have in common."""

    model: str
    """Its name in the suite; in a report, with the beginning of its hash if two files share a name."""
    device: str
    delegate: str
    threads: int
    cpus: str
    """The suite's word for the cores."""
    binary: str = ""
    """Name of the benchmark binary; empty if the run compares none."""
    variant: str = ""
    """Variant of the model; empty for a model without a source."""

    @property
    def model_label(self) -> str:
        """See `model_label`."""
        return model_label(self.model, self.variant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Impossible:
    """A trial that cannot run on a device, and why."""

    trial: Trial
    reason: str
    cause: Cause | None = None
    """The mistake in the request, if that is the reason: then it is the same on every device. Or `op_unsupported`: the device's binary
    lacks an op of the model."""

    @property
    def skipped(self) -> bool:
        """Whether the result is `skipped`, not `failed`: another device or binary could run the trial."""
        return self.cause in (None, Cause.OP_UNSUPPORTED)
