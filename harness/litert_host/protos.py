"""Makes the protocol buffers that the real tool writes: profile, runtime information, result.

Imported only after the measurement, because importing the wheel's classes takes longer than running most models.
"""

from __future__ import annotations

import math
from typing import Any

from harness.litert_host.profile import ModelProfile
from harness.litert_host.statistics import Statistics

_MICROSECONDS_EXTREME = 9223372036854775807


def profiling_data(init: ModelProfile, runs: ModelProfile) -> Any:
    """Make a `tflite.profiling.BenchmarkProfilingData`."""
    from ai_edge_litert import profiling_info_pb2

    message = profiling_info_pb2.BenchmarkProfilingData()
    _fill_profile(message.init_profile, init)
    _fill_profile(message.runtime_profile, runs)
    return message


def _fill_profile(message: Any, profile: ModelProfile) -> None:
    for index in sorted(profile.subgraphs):
        subgraph = profile.subgraphs[index]
        entry = message.subgraph_profiles.add(subgraph_name=subgraph.name, subgraph_index=index)
        for row in subgraph.in_run_order():
            op = entry.per_op_profiles.add(
                node_type=row.node_type, times_called=subgraph.calls_per_run(row), name=row.name, run_order=row.order
            )
            _fill_statistics(op.inference_microseconds, row.times)
            _fill_statistics(op.mem_kb, Statistics([row.memory_kb] * row.times.count))


def _fill_statistics(message: Any, statistics: Statistics) -> None:
    values = statistics.values
    message.first, message.last = statistics.first, values[-1]
    message.avg, message.stddev, message.variance = (
        int(statistics.average),
        statistics.deviation,
        int(statistics.variance),
    )
    message.min, message.max = min(values), max(values)
    message.sum, message.count = statistics.total, statistics.count


# Field numbers and types of `tflite.tools.benchmark.BenchmarkResult`, whose classes no wheel ships.
_RESULT_FIELDS: dict[str, list[tuple[str, int, str]]] = {
    "LatencyMetrics": [
        ("avg_ms", 1, "FLOAT"),
        ("min_ms", 2, "FLOAT"),
        ("max_ms", 3, "FLOAT"),
        ("stddev_ms", 4, "FLOAT"),
        ("median_ms", 5, "FLOAT"),
        ("p5_ms", 6, "FLOAT"),
        ("p95_ms", 7, "FLOAT"),
        ("init_ms", 8, "FLOAT"),
        ("first_inference_ms", 9, "FLOAT"),
        ("average_warm_up_ms", 10, "FLOAT"),
    ],
    "MemoryMetrics": [
        ("init_footprint_kb", 1, "INT64"),
        ("overall_footprint_kb", 2, "INT64"),
        ("peak_mem_mb", 3, "FLOAT"),
    ],
    "MiscMetrics": [
        ("model_size_mb", 1, "FLOAT"),
        ("num_runs", 2, "INT32"),
        ("num_warmup_runs", 3, "INT32"),
        ("model_throughput_in_mb_per_sec", 4, "FLOAT"),
    ],
}


def _result_class() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    package = "tflite.tools.benchmark"
    file = descriptor_pb2.FileDescriptorProto(name="benchmark_result.proto", package=package, syntax="proto2")
    for name, fields in _RESULT_FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            message.field.add(
                name=field, number=number, type=kinds.Type.Value(f"TYPE_{kind}"), label=kinds.LABEL_OPTIONAL
            )
    result = file.message_type.add(name="BenchmarkResult")
    result.field.add(name="name", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    for number, field, name in (
        (2, "latency_metrics", "LatencyMetrics"),
        (3, "memory_metrics", "MemoryMetrics"),
        (4, "misc_metrics", "MiscMetrics"),
    ):
        result.field.add(
            name=field,
            number=number,
            type=kinds.TYPE_MESSAGE,
            type_name=f".{package}.{name}",
            label=kinds.LABEL_OPTIONAL,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.BenchmarkResult"))


def benchmark_result(
    *,
    runs: Statistics,
    warmup: Statistics,
    init_us: int,
    init_kb: int,
    overall_kb: int,
    peak_kb: int | None,
    model_bytes: int,
    input_bytes: int,
) -> Any:
    """Make a `tflite.tools.benchmark.BenchmarkResult`. Without runs the extremes are the counter's, as the real tool writes them."""
    message = _result_class()()
    latency = message.latency_metrics
    latency.avg_ms = runs.average / 1000
    latency.min_ms = (min(runs.values) if runs.values else _MICROSECONDS_EXTREME) / 1000
    latency.max_ms = (max(runs.values) if runs.values else -_MICROSECONDS_EXTREME) / 1000
    latency.stddev_ms = runs.deviation / 1000
    latency.median_ms, latency.p5_ms, latency.p95_ms = (runs.percentile(p) / 1000 for p in (50, 5, 95))
    latency.init_ms, latency.first_inference_ms, latency.average_warm_up_ms = (
        init_us / 1000,
        warmup.first / 1000,
        warmup.average / 1000,
    )
    message.memory_metrics.init_footprint_kb, message.memory_metrics.overall_footprint_kb = init_kb, overall_kb
    if peak_kb is not None:
        message.memory_metrics.peak_mem_mb = peak_kb / 1024
    misc = message.misc_metrics
    misc.model_size_mb, misc.num_runs, misc.num_warmup_runs = model_bytes / 1e6, runs.count, warmup.count
    # The size of the inputs, not of the model, in units of 1024 * 1024 bytes, as in recorded results.
    misc.model_throughput_in_mb_per_sec = (
        input_bytes * runs.count / 2**20 / (runs.total / 1e6) if runs.total else math.nan
    )
    return message
