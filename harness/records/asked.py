"""What a suite asks for, down to a single process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from harness.records.causes import Cause

Scalar = str | int | float | bool

StartState = Literal["warm", "cold", "cached"]
"""What a process finds when it starts. `warm`: what is there by default; `cold`: an empty cache; `cached`: one that an earlier
process has filled (XNNPACK's packed weights, a delegate's compiled program)."""


class Purpose(StrEnum):
    """What a process is run for. Never mixed: profiling changes the latency, watching memory may too."""

    LATENCY = "latency"
    PROFILE = "profile"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """What to feed an input of a model with, if the tool's own choice does not suit it."""

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
        """Signature and inputs in a few words; empty if the suite does not name them."""
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
    """One of several benchmark binaries that a suite compares: from the local store, or by path."""

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


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class CellKey:
    """What the processes of a cell have in common: the one identity of a cell, from the plan to the report."""

    model: str
    """Its name in the suite; in a report, with the beginning of its hash where two files share a name."""
    device: str
    delegate: str
    threads: int
    cpus: str
    """The suite's word for the cores."""
    binary: str = ""
    """Name of the benchmark binary; empty where the run compares none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impossible:
    """A cell that cannot run on a device, and why. Becomes a `skipped` result, never silence; with a cause, a `failed` one."""

    trial: Trial
    reason: str
    cause: Cause | None = None
    """What is wrong with what was asked, if that is why: the same on every device."""
