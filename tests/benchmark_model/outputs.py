"""Outputs in small, as the tool writes them; and how the tests read one."""

from __future__ import annotations

from typing import Any

from harness.benchmark_model import parse_output, to_json
from harness.benchmark_model.foreign import read_foreign_log

START = "STARTING!\nLog parameter values verbosely: [0]\n"
RUN = (
    "Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.\n"
    "count=5 first=130 curr=100 min=100 max=130 avg=106 std=12\n"
    "\n"
    "Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.\n"
    "count=50 first=102 curr=99 min=98 max=104 avg=101.5 std=2\n"
    "\n"
)
TIMINGS = "Inference timings in us: Init: 2000, First inference: 130, Warmup (avg): 106, Inference (avg): 101.5\n"
GOOD = START + RUN + TIMINGS
MEMORY = "Memory footprint delta from the start of the tool (MB): init=37.3633 overall=38.8008\n"
THOUGH = "Though NNAPI delegate is explicitly applied, the model graph will not be executed by the delegate.\n"
GPU = (
    "Replacing 54 out of 559 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 3 partitions for subgraph 0.\n"
)
CPU = "Replacing 510 out of 559 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 11 partitions for subgraph 0.\n"
LITERT = """INFO: STARTING!
INFO: Log parameter values verbosely: [0]
WARNING: {at}auto_registration.cc:67] NPU accelerator could not be loaded and registered: kLiteRtStatusErrorInvalidArgument.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=1010 first=900 curr=490 min=480 max=900 avg=494.321 std=20 p5=482 median=490 p95=520

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=2112 first=470 curr=455 min=440 max=700 avg=463.318 std=12 p5=450 median=460 p95=480

INFO: {at}benchmark_litert_model.h:78]
========== BENCHMARK RESULTS ==========
INFO: {at}benchmark_litert_model.h:82] Model initialization: 12.34 ms
INFO: {at}benchmark_litert_model.h:84] Warmup (first):       0.90 ms
INFO: {at}benchmark_litert_model.h:86] Warmup (avg):         0.49 ms (1010 runs)
INFO: {at}benchmark_litert_model.h:88] Inference (avg):      0.46 ms (2112 runs)
INFO: {at}benchmark_litert_model.h:92] Inference (min):      0.44 ms
INFO: {at}benchmark_litert_model.h:94] Inference (max):      0.70 ms
INFO: {at}benchmark_litert_model.h:96] Inference (std):      0.01
INFO: {at}benchmark_litert_model.h:103] Throughput:           1234.56 MB/s
INFO: {at}benchmark_litert_model.h:110]
Memory Usage:
INFO: {at}benchmark_litert_model.h:112] Init footprint:       10.50 MB
INFO: {at}benchmark_litert_model.h:114] Overall footprint:    12.25 MB
INFO: {at}benchmark_litert_model.h:118] Peak memory:          44.75 MB
INFO: {at}benchmark_litert_model.h:124] ======================================
"""


def read(text: str | bytes, **keywords: Any) -> dict[str, Any]:
    """Read an output in the form in which the tool wrote it: as one of ours, and as a foreign log, which must say the same."""
    ours = to_json(parse_output(text, **keywords))
    assert to_json(read_foreign_log(text, **keywords).parsed) == ours
    return ours


def named(got: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (use["name"], use["applied"], use["nodes_delegated"], use["nodes_total"], use["partitions"])
        for use in got["delegates"]
    ]
