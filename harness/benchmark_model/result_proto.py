"""Reads the result file of `--result_file_path`: `tflite.tools.benchmark.BenchmarkResult`, since LiteRT 2.1.

No wheel ships the message, so it is described here. Times are floats in milliseconds, exact to 7 digits.
Source: tflite/tools/benchmark/proto/benchmark_result.proto.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from harness.records import RunStatistics

_LATENCY = ("avg", "min", "max", "stddev", "median", "p5", "p95", "init", "first_inference", "average_warm_up")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultProto:
    """The content of a result file in the contract's units. None for what it does not say, and for phases without a run."""

    init_us: float | None
    first_inference_us: float | None
    warmup_avg_us: float | None
    inference_avg_us: float | None
    runs: RunStatistics | None
    warmup_runs: int | None
    model_size_mb: float | None
    init_delta_mb: float | None
    overall_delta_mb: float | None
    periodic_peak_mb: float | None


def read_result(data: bytes) -> ResultProto | None:
    """Read a result file; None if the bytes are not this message or are empty."""
    message = _message_class()()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return None
    if not message.HasField("latency_metrics"):
        return None
    latency, memory, misc = message.latency_metrics, message.memory_metrics, message.misc_metrics
    runs = _number(misc, "num_runs")
    warmups = _number(misc, "num_warmup_runs")
    measured = runs is None or runs > 0
    warmed = warmups is None or warmups > 0
    statistics = {key: _us(latency, key) if measured else None for key in _LATENCY}
    init_kb, overall_kb = _number(memory, "init_footprint_kb"), _number(memory, "overall_footprint_kb")
    return ResultProto(
        init_us=_us(latency, "init"),
        first_inference_us=_us(latency, "first_inference") if warmed else None,
        warmup_avg_us=_us(latency, "average_warm_up") if warmed else None,
        inference_avg_us=statistics["avg"],
        runs=None
        if runs is None
        else RunStatistics(
            count=int(runs),
            min=statistics["min"],
            max=statistics["max"],
            avg=statistics["avg"],
            std=statistics["stddev"],
            p5=statistics["p5"],
            median=statistics["median"],
            p95=statistics["p95"],
        ),
        warmup_runs=None if warmups is None else int(warmups),
        model_size_mb=_number(misc, "model_size_mb"),
        init_delta_mb=None if init_kb is None else init_kb / 1024,
        overall_delta_mb=None if overall_kb is None else overall_kb / 1024,
        periodic_peak_mb=_number(memory, "peak_mem_mb"),
    )


def _us(latency: Any, key: str) -> float | None:
    value = _number(latency, f"{key}_ms")
    # A float holds seven digits; the rest is conversion noise.
    return (
        None
        if value is None or abs(value) > 1e12
        else float(f"{value:.7g}e3")
        if "e" not in f"{value:.7g}"
        else value * 1e3
    )


def _number(message: Any, field: str) -> float | None:
    if not message.HasField(field):
        return None
    value = float(getattr(message, field))
    return float(f"{value:.7g}") if math.isfinite(value) else None


@cache
def _message_class() -> Any:
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="harness/benchmark_result.proto", package="harness.benchmark_result", syntax="proto2"
    )
    groups = {
        "LatencyMetrics": [(f"{key}_ms", kinds.TYPE_FLOAT) for key in _LATENCY],
        "MemoryMetrics": [
            ("init_footprint_kb", kinds.TYPE_INT64),
            ("overall_footprint_kb", kinds.TYPE_INT64),
            ("peak_mem_mb", kinds.TYPE_FLOAT),
        ],
        "MiscMetrics": [
            ("model_size_mb", kinds.TYPE_FLOAT),
            ("num_runs", kinds.TYPE_INT64),
            ("num_warmup_runs", kinds.TYPE_INT64),
            ("model_throughput_in_mb_per_sec", kinds.TYPE_FLOAT),
        ],
    }
    for name, fields in groups.items():
        message = file.message_type.add(name=name)
        for position, (field, kind) in enumerate(fields, 1):
            message.field.add(name=field, number=position, type=kind, label=kinds.LABEL_OPTIONAL)
    result = file.message_type.add(name="BenchmarkResult")
    result.field.add(name="name", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    for position, (field, kind_name) in enumerate(
        (("latency_metrics", "LatencyMetrics"), ("memory_metrics", "MemoryMetrics"), ("misc_metrics", "MiscMetrics")), 2
    ):
        result.field.add(
            name=field,
            number=position,
            type=kinds.TYPE_MESSAGE,
            type_name=f".{file.package}.{kind_name}",
            label=kinds.LABEL_OPTIONAL,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.BenchmarkResult"))
