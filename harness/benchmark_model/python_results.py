"""Reads the results of LiteRT's tool in Python (`benchmark_litert_model.py`, 2026), as `--result_json` writes them.

Source: litert/python/tools/benchmark_litert_model.py of LiteRT of 2026. Milliseconds with two decimals; the model's size in MiB.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from harness.benchmark_model.numbers import scaled
from harness.records import DelegateUse, Measurement, RunStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonResults:
    """The content of the file. None for what it does not say."""

    measurement: Measurement
    model: str | None
    threads: int | None


def read_python_results(text: str) -> PythonResults | None:
    """Read a result file; None if the text is not one."""
    if text.lstrip()[:1] != "{":
        return None
    try:
        document = json.loads(text)
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
    )


def _delegates(document: dict[str, Any]) -> tuple[DelegateUse, ...]:
    names = document.get("accelerators")
    asked = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    accelerators = [name.upper() for name in asked if name.upper() != "CPU"]
    full = document.get("fully_accelerated") is True and len(accelerators) == 1
    return tuple(DelegateUse(name=name, applied="full" if full else None) for name in accelerators)
