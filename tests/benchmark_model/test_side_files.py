"""The result file and the runtime info: what is in them, and what stands where the text says the same or otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from ai_edge_litert import model_runtime_info_pb2
from google.protobuf import text_format

from harness.benchmark_model import parse_output
from harness.benchmark_model.result_proto import ResultProto, _message_class, read_result
from harness.benchmark_model.runtime_info import Delegated, RuntimeInfo, read_runtime_info, read_runtime_info_text
from harness.records import RunStatistics
from tests.benchmark_model.outputs import GOOD, MEMORY, RUN, START, TIMINGS, read
from tests.benchmark_model.recorded import FILES

LATENCY = {
    "avg_ms": 0.1015234, "min_ms": 0.09, "max_ms": 0.2, "stddev_ms": 0.002, "median_ms": 0.101, "p5_ms": 0.0925,
    "p95_ms": 0.1625, "init_ms": 2.001, "first_inference_ms": 0.1301, "average_warm_up_ms": 0.1061,
}  # fmt: skip
MEMORY_METRICS = {"init_footprint_kb": 1024, "overall_footprint_kb": 1536, "peak_mem_mb": 44.5}
MISC = {"model_size_mb": 13.5, "num_runs": 50, "num_warmup_runs": 5}


def result(
    latency: dict[str, float] = LATENCY, memory: dict[str, float] = MEMORY_METRICS, misc: dict[str, float] = MISC
) -> bytes:
    made: bytes = _message_class()(
        latency_metrics=latency, memory_metrics=memory, misc_metrics=misc
    ).SerializeToString()
    return made


FULL = ResultProto(
    init_us=2001, first_inference_us=130.1, warmup_avg_us=106.1, inference_avg_us=101.5234,
    runs=RunStatistics(count=50, min=90, max=200, avg=101.5234, std=2, p5=92.5, median=101, p95=162.5),
    warmup_runs=5, model_size_mb=13.5, init_delta_mb=1, overall_delta_mb=1.5, periodic_peak_mb=44.5,
)  # fmt: skip


def test_a_result_file_in_the_contract_s_units() -> None:
    assert read_result(result()) == FULL


def test_what_a_result_file_does_not_say_is_none() -> None:
    assert read_result(result(latency={"init_ms": 1.5}, memory={}, misc={})) == ResultProto(
        init_us=1500, first_inference_us=None, warmup_avg_us=None, inference_avg_us=None, runs=None, warmup_runs=None,
        model_size_mb=None, init_delta_mb=None, overall_delta_mb=None, periodic_peak_mb=None,
    )  # fmt: skip
    assert read_result(b"") is None
    assert read_result(b"\xff" * 9) is None


def test_of_runs_that_were_not_made_nothing_is_taken() -> None:
    none = read_result(result(misc={"num_runs": 0, "num_warmup_runs": 5}))
    assert none is not None
    assert (none.inference_avg_us, none.runs, none.warmup_avg_us) == (None, RunStatistics(count=0), 106.1)
    cold = read_result(result(misc={"num_runs": 1, "num_warmup_runs": 0}))
    assert cold is not None
    assert (cold.inference_avg_us, cold.first_inference_us, cold.warmup_avg_us, cold.warmup_runs) == (
        101.5234,
        None,
        None,
        0,
    )


@pytest.mark.parametrize(
    ("milliseconds", "microseconds"),
    [
        (9.2e15, None),
        (2e12, None),
        (9e11, 9e14),
        (1e-7, 1e-4),
        (float("nan"), None),
        (float("inf"), None),
        (3191.67, 3191670),
    ],
)
def test_times_that_are_none(milliseconds: float, microseconds: float | None) -> None:
    made = read_result(result(latency={"avg_ms": milliseconds}))
    assert made is not None
    assert made.inference_avg_us == (None if microseconds is None else pytest.approx(microseconds, rel=1e-7))


def test_the_result_file_stands_over_the_text_where_both_say_the_same() -> None:
    got = parse_output(GOOD + MEMORY, result=result()).measurement
    assert (got.init_us, got.first_inference_us, got.warmup_avg_us, got.inference_avg_us) == (
        2001,
        130.1,
        106.1,
        101.5234,
    )
    # The text's line is kept, with the percentiles and the digits that only the file has.
    assert got.runs == RunStatistics(
        count=50, first=102, curr=99, min=98, max=104, avg=101.5234, std=2, p5=92.5, median=101, p95=162.5
    )
    assert (got.model_size_mb, got.memory.init_delta_mb, got.memory.periodic_peak_mb) == (13.5, 37.3633, 44.5)
    assert got.notes == ("the result file says 101.523 us on average and the text 101.5 us; the file's is used",)
    agreeing = parse_output(GOOD, result=result(latency={**LATENCY, "avg_ms": 0.1015004})).measurement
    assert (agreeing.inference_avg_us, agreeing.notes) == (101.5004, ())


def test_a_result_file_of_another_number_of_runs_leaves_the_text_s_line() -> None:
    got = parse_output(GOOD, result=result(misc={"num_runs": 7})).measurement
    assert got.runs is not None
    assert (got.runs.count, got.runs.avg, got.runs.median) == (50, 101.5, None)
    alone = parse_output("", result=result()).measurement
    assert alone.runs == FULL.runs
    without = parse_output(GOOD, result=result(misc={})).measurement
    assert without.runs is not None
    assert (without.runs.avg, without.runs.median) == (101.5, None)


# --- runtime info -----------------------------------------------------------------------------------------------------


def node(
    number: int, *, delegate: str = "", replaces: tuple[int, ...] = (), to: int | None = None, kind: str = ""
) -> dict[str, Any]:
    made: dict[str, Any] = {"id": number, "name": f"n{number}", "type": kind}
    if delegate or replaces:
        made["delegate_node_details"] = {"delegate_name": delegate, "tflite_node_ids_replaced": replaces}
    if to is not None:
        made["delegated_to_node_id"] = to
    return made


def info(*graphs: list[dict[str, Any]], first: int = 0) -> Any:
    return model_runtime_info_pb2.ModelRuntimeDetails(
        subgraphs=[{"subgraph_id": first + number, "nodes": nodes} for number, nodes in enumerate(graphs)]
    )


GRAPH = [
    node(0, to=4), node(1, to=4), node(2), node(3, to=5),
    node(4, delegate="TfLiteGpuDelegateV2", replaces=(0, 1)), node(5, delegate="TfLiteGpuDelegateV2", replaces=(3,)),
]  # fmt: skip
GPU = RuntimeInfo(delegated=(Delegated(name="GPU", nodes=3, total=4, kernels=2),), total=4)


def test_what_each_delegate_took_of_the_primary_graph() -> None:
    assert read_runtime_info(info(GRAPH).SerializeToString()) == GPU
    assert read_runtime_info(info([node(0, delegate="x", replaces=(0,))], GRAPH).SerializeToString()) != GPU
    swapped = info(GRAPH, [node(0)])
    swapped.subgraphs[0].subgraph_id, swapped.subgraphs[1].subgraph_id = 1, 0
    assert read_runtime_info(swapped.SerializeToString()) == RuntimeInfo(delegated=(), total=1)


def test_a_delegate_without_a_name_goes_by_its_node() -> None:
    made = info([node(0, to=1), node(1, replaces=(0,), kind="TfLiteNnapiDelegate")])
    read = read_runtime_info(made.SerializeToString())
    assert read is not None
    assert read.delegated == (Delegated(name="NNAPI", nodes=1, total=1, kernels=1),)


@pytest.mark.parametrize("data", [b"", b"\xff" * 9])
def test_no_runtime_info(data: bytes) -> None:
    assert read_runtime_info(data) is None


def lines(made: Any) -> list[str]:
    return text_format.MessageToString(made).rstrip("\n").split("\n")


def test_printed_runtime_info_is_used_where_nothing_of_it_was_lost() -> None:
    assert read_runtime_info_text(lines(info(GRAPH))) == GPU
    assert read_runtime_info_text(lines(info([one for one in GRAPH if one["id"] != 2]))) is None  # a node is missing
    assert (
        read_runtime_info_text(lines(info([*GRAPH[:2], node(2, to=4), *GRAPH[3:]]))) is None
    )  # node 4 does not say so
    assert read_runtime_info_text(lines(info(GRAPH, [node(1)]))) is None
    assert read_runtime_info_text(["subgraphs {"]) is None
    assert read_runtime_info_text([]) is None


def test_the_runtime_info_is_used_where_a_message_says_otherwise() -> None:
    message = "Replacing {} out of 4 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 3 partitions for subgraph 0.\n"
    file = info(GRAPH).SerializeToString()
    for said, notes in ((3, ()), (2, ("GPU: a message says 2 nodes and the runtime info 3; the info is used",))):
        got = parse_output(message.format(said) + GOOD, runtime_info=file).measurement
        assert got.notes == notes
        assert [(use.nodes_delegated, use.delegate_kernels, use.applied) for use in got.delegates] == [
            (3, 2, "partial")
        ]
    printed = read(GOOD + "\n".join(lines(info(GRAPH))) + "\n")
    assert [(use["name"], use["nodes_delegated"], use["nodes_total"]) for use in printed["delegates"]] == [
        ("GPU", 3, 4)
    ]
    assert printed["ops"] is None
    assert printed["notes"] == []


def test_the_file_stands_over_what_was_printed() -> None:
    file = (FILES / "runtime_info.pb").read_bytes()
    got = parse_output(GOOD + "\n".join(lines(info(GRAPH))) + "\n", runtime_info=file).measurement
    assert [(use.name, use.nodes_delegated) for use in got.delegates] == [("XNNPACK", 65)]


@pytest.mark.parametrize("asked", ["Use gpu: [1]\n", "External delegate path: [/x/libx.so]\n"])
def test_a_delegate_that_the_runtime_info_does_not_list_took_none_of_its_nodes(asked: str) -> None:
    nothing = info([node(number) for number in range(12)]).SerializeToString()
    got = read(START + asked + RUN + TIMINGS, runtime_info=nothing, exit_code=0)
    assert [(use["applied"], use["nodes_delegated"], use["nodes_total"]) for use in got["delegates"]] == [
        ("none", 0, 12)
    ]
    assert (got["status"], got["causes"]) == ("invalid", ["delegate_not_applied"])


def test_a_vendor_s_name_in_the_runtime_info_is_the_external_delegate_s_too() -> None:
    some = info([node(0, to=2), node(1), node(2, delegate="Vx Delegate", replaces=(0,))]).SerializeToString()
    got = read(START + "External delegate path: [/x/libvx.so]\n" + RUN + TIMINGS, runtime_info=some, exit_code=0)
    uses = {use["name"]: (use["applied"], use["nodes_delegated"], use["nodes_total"]) for use in got["delegates"]}
    assert uses == {"VX": ("partial", 1, 2), "EXTERNAL": ("partial", 1, 2)}
