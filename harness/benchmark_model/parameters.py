"""Reads the parameters that an output echoes first: `Num threads: [4]`, with a blank before the colon up to TensorFlow 2.3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.benchmark_model.numbers import number
from harness.records import RunLengths

TOOL_DEFAULTS = RunLengths(min_runs=50, min_s=1.0, max_s=150.0, warmup_runs=1, warmup_s=0.5, timeout_s=0.0)
"""The tool's defaults; a `timeout_s` of 0 means no limit."""


def echoed_threads(parameters: Mapping[str, str]) -> int | None:
    """Return the CPU threads, if the output says; -1 is the tool's default."""
    for label in ("#threads used for CPU inference", "Num threads"):
        value = number(parameters.get(label, ""))
        if value is not None and value.is_integer():
            return int(value)
    return None


def echoed_model(parameters: Mapping[str, str]) -> str | None:
    """Return the model file, if the output says."""
    return parameters.get("Graph") or None


def echoed_lengths(parameters: Mapping[str, str]) -> RunLengths:
    """Return the intended run lengths, as echoed, else the tool's defaults."""

    def of(*labels: str) -> float | None:
        return next((value for label in labels if (value := number(parameters.get(label, ""))) is not None), None)

    lengths = TOOL_DEFAULTS
    if (runs := of("Min num runs", "Num runs")) is not None:
        lengths = replace(lengths, min_runs=int(runs))
    if (warmups := of("Min warmup runs", "Warmup runs")) is not None:
        lengths = replace(lengths, warmup_runs=int(warmups))
    if (min_s := of("Min runs duration (seconds)")) is not None:
        lengths = replace(lengths, min_s=min_s)
    if (max_s := of("Max runs duration (seconds)")) is not None:
        lengths = replace(lengths, max_s=max_s)
    if (warmup_s := of("Min warmup runs duration (seconds)")) is not None:
        lengths = replace(lengths, warmup_s=warmup_s)
    return lengths
