"""Reads the results of LiteRT's tool in Python (`benchmark_litert_model.py`, 2026), as `--result_json` writes them.

Source: litert/python/tools/benchmark_litert_model.py of LiteRT of 2026. Milliseconds with two decimals; the model's size in MiB.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from harness.benchmark_model.numbers import scaled
from harness.records import DelegateRequest, DelegateUse, Measurement, RunStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonResults:
    """The content of the file. None for what it does not say."""

    measurement: Measurement
    model: str | None
    threads: int | None
    accelerators: tuple[str, ...] | None
    """The accelerators that the tool was given, in upper case: CPU, GPU, NPU."""

    def refusal(self, requested: DelegateRequest | None) -> str | None:
        """Return why the results are not of the delegate that was requested; None if they may be.

        The tool's CPU is XNNPACK or the built-in kernels, which the file does not tell apart. A vendor's delegate is its NPU.
        """
        if requested is None or self.accelerators is None:
            return None
        others = [name for name in self.accelerators if name != "CPU"]
        name = re.split(r"[-_.]", requested.name)[0].upper()
        if name == "CPU":
            return None  # what took part instead is among the delegates
        if name == "XNNPACK":
            return f"XNNPACK was asked for, and {', '.join(others)} took part of the graph" if others else None
        fits = name if name in _NAMES else "NPU"
        if requested.require == "any" or fits in others:
            return None
        return f"{name} was asked for, and the accelerators are {', '.join(self.accelerators) or 'none'}"


_NAMES = frozenset({"GPU", "NPU", "NNAPI", "HEXAGON", "COREML"})
"""Delegates whose names never mean a vendor's library behind the tool's NPU."""


def read_python_results(text: str) -> PythonResults | None:
    """Read a result file, or what the tool printed around it; None if the text is neither."""
    if '"avg_ms"' not in text:
        return None
    start = 0 if text.lstrip()[:1] == "{" else text.find("\n{") + 1
    if start == 0 and text.lstrip()[:1] != "{":
        return None
    try:
        document = json.JSONDecoder().raw_decode(text[start:].lstrip())[0]
    except (ValueError, RecursionError):
        return None
    latency = document.get("latency") if isinstance(document, dict) else None
    if not isinstance(latency, dict) or "avg_ms" not in latency:
        return None

    def us(key: str) -> float | None:
        value = latency.get(key)
        return scaled(f"{value}", 3) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def count(key: str) -> int | None:
        value = latency.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

    runs, warmups = count("num_runs"), count("num_warmup_runs")
    statistics = {key: us(f"{key}_ms") for key in ("min", "max", "avg", "std", "p5", "median", "p95")}
    size = document.get("model_size_mb")
    threads = document.get("num_threads")
    model = document.get("model")
    runs_of = RunStatistics(count=runs, **statistics) if runs else None
    return PythonResults(
        measurement=Measurement(
            tool="litert_benchmark",
            init_us=us("init_ms"),
            first_inference_us=us("warmup_first_ms") if warmups else None,
            warmup_avg_us=us("warmup_avg_ms") if warmups else None,
            inference_avg_us=None if runs_of is None else runs_of.avg,
            warmup=RunStatistics(count=warmups) if warmups else None,
            runs=runs_of,
            model_size_mb=round(size * 1.048576, 3)
            if isinstance(size, int | float) and not isinstance(size, bool)
            else None,
            delegates=_delegates(document),
        ),
        model=model if isinstance(model, str) else None,
        threads=threads if isinstance(threads, int) and not isinstance(threads, bool) else None,
        accelerators=_accelerators(document),
    )


def _delegates(document: dict[str, Any]) -> tuple[DelegateUse, ...]:
    accelerators = [name for name in _accelerators(document) or () if name != "CPU"]
    full = document.get("fully_accelerated") is True and len(accelerators) == 1
    return tuple(DelegateUse(name=name, applied="full" if full else None) for name in accelerators)


def _accelerators(document: dict[str, Any]) -> tuple[str, ...] | None:
    names = document.get("accelerators")
    if not isinstance(names, list):
        return None
    return tuple(name.upper() for name in names if isinstance(name, str))
