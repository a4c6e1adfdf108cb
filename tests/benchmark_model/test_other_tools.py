"""Delegates of other names, tables of other ports, and other tools of the same name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmark_model.foreign.logs import prefixed
from tests.benchmark_model.outputs import LITERT, RUN, START, TIMINGS, named, read


def test_delegates_of_other_names() -> None:
    line = "INFO: Explicitly applied STABLE_DELEGATE delegate, and the model graph will be completely executed by the delegate.\n"
    assert named(read(START + line + RUN + TIMINGS)) == [("STABLE_DELEGATE", "full", None, None, None)]
    metal = (
        "Replacing 9 node(s) with delegate (TfLiteMetalDelegate) node, yielding 1 partitions.\n"
        "Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.\n"
    )
    assert named(read(START + metal + RUN + TIMINGS)) == [("GPU", "full", 9, None, 1)]


@pytest.mark.parametrize(
    ("line", "use"),
    [
        ("INFO: Hexagon delegate: 62 nodes delegated out of 62 nodes.", ("HEXAGON", "full", 62, 62, None)),
        (
            "Replacing 366 out of 366 node(s) with delegate (LITERT_CL) node, yielding 1 partitions for subgraph 0 (main).",
            ("GPU", "full", 366, 366, 1),
        ),
        (
            "VERBOSE: Replacing 31 out of 31 node(s) with delegate (TfLiteXNNPackDelegate) node, "
            "yielding 1 partitions for the whole graph.",
            ("XNNPACK", "full", 31, 31, 1),
        ),
        (
            "INFO: EthosuDelegate: 64 nodes delegated out of 66 nodes with 1 partitions.",
            ("ETHOSU", "partial", 64, 66, 1),
        ),
    ],
)
def test_counts_of_other_forms(line: str, use: tuple[Any, ...]) -> None:
    assert named(read(f"{START}{line}\n{RUN}{TIMINGS}")) == [use]


def test_tables_without_banners() -> None:
    heading = "   [node type]   [start]   [first]   [avg ms]   [%]   [cdf%]   [mem KB]   [times called]   [Name]\n"
    rows = (
        "   Misc Runtime Ops   0.000   0.104   0.104   55.467%   55.467%   0.000   0   AllocateTensors/0\n"
        "   FULLY_CONNECTED   0.000   0.088   0.083   44.533%   100.000%   0.000   0   [dense/BiasAdd]:0\n"
    )
    text = (
        f"{TIMINGS}{heading}{rows}\n{heading}{rows}\nNumber of nodes executed: 2\n"
        "   [Node type]   [count]   [avg ms]   [avg %]   [cdf %]   [mem KB]   [times called]\n"
        "   FULLY_CONNECTED   1   0.083   100.000%   100.000%   0.000   0\n\n"
        "Timings (microseconds): count=3 first=104 curr=167 min=104 max=167 avg=125 std=29\nMemory (bytes): count=0\n2 nodes observed\n"
    )
    got = read(text)
    assert [(op["node_type"], op["avg_us"], op["times_called"]) for op in got["ops"]] == [
        ("Misc Runtime Ops", 104, 0),
        ("FULLY_CONNECTED", 83, 0),
    ]
    assert (got["op_summary"][0]["avg_us"], got["profile_runs"]["count"], got["init_ops"]) == (83, 3, None)


def test_the_tool_of_2017() -> None:
    at = "2017-11-27 08:56:25.158104: I tensorflow/tools/benchmark/benchmark_model.cc:291] "
    lines = (
        "Running benchmark for max 2 iterations, max -1 seconds without detailed stat logging, with -1s sleep between inferences\n"
        "count=2 first=130 curr=82 min=82 max=130 avg=106 std=24\n\n"
        "Running benchmark for max 1000 iterations, max 10 seconds without detailed stat logging, with -1s sleep between inferences\n"
        "count=65 first=102 curr=99 min=98 max=104 avg=101.5 std=2\n\n"
        "Running benchmark for max 1000 iterations, max 10 seconds with detailed stat logging, with -1s sleep between inferences\n"
        "count=61 first=143 curr=150 min=89 max=256 avg=165.5 std=28\n\n"
        "Average inference timings in us: Warmup: 106, no stats: 101, with stats: 165\n"
    )
    got = read(prefixed(lines, at))
    assert (got["inference_avg_us"], got["warmup_avg_us"], got["init_us"]) == (101, 106, None)
    assert (got["warmup"]["count"], got["runs"]["count"], got["status"]) == (2, 65, "ok")


LITERT_ROW = "{:>60} {:10.3f} {:10.3f} {:10.3f} {:9.3f}% {:9.3f}% {:10.3f} {:14d}   {}\n"
LITERT_HEADING = (
    "{:>60} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>14}   {}\n".format(
        "[node type]", "[start]", "[first]", "[avg ms]", "[%]", "[cdf%]", "[mem KB]", "[times called]", "[Name]"
    )
)  # fmt: skip


def test_litert_s_profile() -> None:
    rows = LITERT_ROW.format("CONV_2D/Relu, x", 0, 1.5, 1.25, 80, 80, 0, 100, "[Builtin]:0")
    rows += LITERT_ROW.format(
        "Delegate/Fully Connected (NC, F32) GEMM", 1.5, 0.5, 0.25, 20, 100, 0, 100, "[Delegate]:1"
    )
    summary = "{:>60} {:10d} {:10.3f} {:9.3f}% {:9.3f}% {:10.3f} {:14d}\n".format(
        "CONV_2D/Relu, x", 1, 1.25, 80, 80, 0, 100
    )
    profile = (
        f"INFO: [benchmark_litert_model.h:154] \n{'=' * 69} Run Order {'=' * 70}\n{LITERT_HEADING}{rows}\n"
        f"{'=' * 63} Top by Computation Time {'=' * 62}\n{LITERT_HEADING}{rows}\nNumber of nodes executed: 2\n\n"
        f"{'=' * 54} Summary by node type {'=' * 54}\n"
        f"{'[Node type]':>60} {'[count]':>10} {'[avg ms]':>10} {'[avg %]':>10} {'[cdf %]':>10} {'[mem KB]':>10} {'[times called]':>14}\n"
        f"{summary}\n{'=' * 57} Delegate Statistics {'=' * 57}\nOp Name   Count   Avg(us)   Min(us)   Max(us)   Total(us)\n"
        f"Delegate/x   100   250.00   1   900   25000\n\n"
        "Timings (microseconds): count=2 curr=150000\nMemory (bytes): count=0\n2 nodes observed\n"
    )
    got = read(LITERT.replace("{at}", "[") + profile)
    assert [(op["node_type"], op["start_us"], op["avg_us"], op["times_called"], op["name"]) for op in got["ops"]] == [
        ("CONV_2D/Relu, x", 0, 1250, 100, "[Builtin]:0"),
        ("Delegate/Fully Connected (NC, F32) GEMM", 1500, 250, 100, "[Delegate]:1"),
    ]
    assert [(row["node_type"], row["count"], row["times_called"]) for row in got["op_summary"]] == [
        ("CONV_2D/Relu, x", 1, 100)
    ]
    assert (got["init_ops"], got["profile_runs"]["count"], got["profile_runs"]["curr"]) == (None, 2, 150000)


def test_litert_s_results_as_its_documentation_has_them() -> None:
    got = read(
        "========== BENCHMARK RESULTS ==========\nModel initialization: 45.32 ms              # One-time cost\n"
        "First inference:      120.45 ms             # Often slower\nWarmup (avg):         98.76 ms (1 runs)     # x\n"
        "Inference (avg):      85.23 ms (50 runs)    # Main result\nInference (std):      3.21 ms               # x\n"
    )
    assert (got["status"], got["init_us"], got["first_inference_us"]) == ("ok", 45320, 120450)
    assert (got["warmup_avg_us"], got["inference_avg_us"], got["runs"]["std"]) == (98760, 85230, 3210)


def test_litert_s_tool_in_python() -> None:
    line = "=" * 40
    got = read(
        f"\n{line}\n BENCHMARK RESULTS\n{line}\nModel initialization:  12.34 ms\nWarmup (first):        9.00 ms\n"
        "Warmup (avg):          5.00 ms (3 runs)\nInference (avg):       4.50 ms (20 runs)\nInference (min):       4.00 ms\n"
        "Inference (max):       5.00 ms\nInference (median):    4.40 ms\nInference (std):       0.20 ms\n"
        f"Inference (p5):        4.10 ms\nInference (p95):       4.90 ms\nFully accelerated:     True\n{line}\n"
    )
    assert (got["tool"], got["status"], got["inference_avg_us"]) == ("litert_benchmark", "ok", 4500)
    assert (got["init_us"], got["first_inference_us"], got["warmup_avg_us"]) == (12340, 9000, 5000)
    assert got["runs"] == {
        "count": 20, "first": None, "curr": None, "min": 4000, "max": 5000, "avg": 4500, "std": 200,
        "p5": 4100, "median": 4400, "p95": 4900,
    }  # fmt: skip
