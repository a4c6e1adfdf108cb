"""Records of what an output of `benchmark_model` says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from harness.records.causes import Cause


class Status(StrEnum):
    """The outcome of a trial. `invalid`: it ran, but not as asked, so its numbers answer another question."""

    OK = "ok"
    FAILED = "failed"
    INVALID = "invalid"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatistics:
    """One `count=...` line; microseconds. `count=1 curr=N` gives no first, min, max, avg and std: they stay None."""

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
    """Memory of the process, in the tool's megabytes. Only older tools print `init_peak_mb` and `overall_peak_mb`."""

    init_delta_mb: float | None = None
    overall_delta_mb: float | None = None
    init_peak_mb: float | None = None
    overall_peak_mb: float | None = None
    periodic_peak_mb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpTiming:
    """One row of a per-op table, as printed. `avg_us` is per call; `Measurement.op_cost_us` gives the cost per inference."""

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
    """Index of the subgraph, 0 for the primary one; None if the output does not divide by subgraph."""


class _WrittenAsTuple:
    """Tells pydantic to read rows as a tuple, and to write rows in any form as the list that a tuple gives."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema  # the records themselves need no library

        rows = handler(tuple[OpTiming, ...])
        written = core_schema.plain_serializer_function_ser_schema(lambda ops: tuple(ops), return_schema=rows)
        return {**rows, "serialization": written}


OpTimings = Annotated[Sequence[OpTiming], _WrittenAsTuple]
"""Rows of a per-op table: a tuple, or an `OpTable`, which is equal to one."""


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


DelegateApplied = Literal["full", "partial", "none", "failed", "implicit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegateUse:
    """The use of one delegate. `implicit` is the XNNPACK that the CPU path applies by itself."""

    name: str
    applied: DelegateApplied | None
    """None if the output mentions the delegate, but not how much of the graph it took."""
    nodes_delegated: int | None = None
    nodes_total: int | None = None
    partitions: int | None = None
    delegate_kernels: int | None = None
    """Number of parts that the delegate took; `partitions`, as the tool prints it, also counts those left to the CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmFigures:
    """LiteRT-LM's figures of a language model; `_tps` is tokens a second. None if unknown, or if no token was processed."""

    init_us: float | None = None
    ttft_ms: float | None = None
    """Time to first token."""
    ttft: Literal["computed", "measured"] | None = None
    """Origin of the time to first token."""
    prefill_tokens: int | None = None
    prefill_tps: float | None = None
    decode_tokens: int | None = None
    decode_tps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRun:
    """One line of the summary of `benchmark_model_performance_options`."""

    option: str
    """The option as printed: `cpu w/ 4 threads (xnnpack)`."""
    delegate: str | None
    """None for the built-in kernels."""
    threads: int | None
    completed: bool
    runs: RunStatistics | None = None


Tool = Literal[
    "benchmark_model",
    "benchmark_litert_model",
    "benchmark_model_performance_options",
    "litert_benchmark",
    "litert_lm",
]
"""The program that printed an output: TensorFlow Lite's, LiteRT's C++, TensorFlow Lite's with options, LiteRT's Python, LiteRT-LM's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Everything that one output says, in the contract's words. None: it does not say."""

    tool: Tool = "benchmark_model"
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
    ops: OpTimings | None = None
    init_ops: tuple[OpTiming, ...] | None = None
    op_summary: tuple[OpTypeSummary, ...] | None = None
    init_op_summary: tuple[OpTypeSummary, ...] | None = None
    profile_runs: RunStatistics | None = None
    llm: LlmFigures | None = None
    cells: tuple[OptionRun, ...] | None = None
    """One for each option, if the tool ran several in one process."""
    notes: tuple[str, ...] = ()
    """Remarks for the reader: disagreeing sources, unreadable parts."""

    def op_cost_us(self, op: OpTiming) -> float | None:
        """Return the cost of an op per inference: its average per call times its calls per inference.

        Tables of TensorFlow 1.x to 2.2 print 0 for one call. LiteRT's own tool counts the calls of all runs and warm-ups.
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
    """A Measurement and the status that the output itself supports. The runner adds facts about the device."""

    status: Status
    causes: tuple[Cause, ...]
    message: str | None
    measurement: Measurement
