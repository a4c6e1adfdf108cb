"""The profile as a protocol buffer: how its numbers become the contract's."""

from __future__ import annotations

from typing import Any

import pytest
from ai_edge_litert import profiling_info_pb2
from google.protobuf import text_format

from harness.benchmark_model import parse_output
from harness.benchmark_model.profile_proto import read_profile, read_profile_text
from harness.records import OpTiming, OpTypeSummary
from tests.benchmark_model.outputs import GOOD, read


def op(kind: str, order: int, total: int, *, count: int = 10, times: int = 1, memory: int = 0) -> dict[str, Any]:
    """An op of which `count` runs took `total` microseconds."""
    time = {
        "first": total // count,
        "last": 1,
        "avg": total // count,
        "min": 1,
        "max": total,
        "sum": total,
        "count": count,
    }
    made: dict[str, Any] = {
        "node_type": kind, "name": f"[{kind}]:{order}", "run_order": order, "times_called": times,
        "inference_microseconds": time,
    }  # fmt: skip
    if memory:
        made["mem_kb"] = {"sum": memory, "count": count}
    return made


def message(
    *ops: dict[str, Any], subgraphs: tuple[list[dict[str, Any]], ...] = (), delegate: list[dict[str, Any]] | None = None
) -> Any:
    profile: dict[str, Any] = {
        "subgraph_profiles": [
            {"subgraph_index": index, "per_op_profiles": list(rows)} for index, rows in enumerate((ops, *subgraphs))
        ]
    }
    if delegate is not None:
        profile["delegate_profiles"] = [{"per_op_profiles": delegate}]
    return profiling_info_pb2.BenchmarkProfilingData(runtime_profile=profile)


def test_shares_are_of_the_time_of_one_inference() -> None:
    made = read_profile(
        message(op("A", 0, 100), op("B", 1, 205, times=2, memory=40), op("A", 2, 490)).SerializeToString()
    )
    assert made is not None
    assert made.init_ops is None
    assert made.ops == (
        OpTiming(index=0, node_type="A", name="[A]:0", first_us=10, avg_us=10, percent=10, cdf_percent=10, times_called=1, subgraph=0),
        OpTiming(index=1, node_type="B", name="[B]:1", first_us=20, avg_us=20.5, percent=41, cdf_percent=51, mem_kb=4, times_called=2,
                 subgraph=0),
        OpTiming(index=2, node_type="A", name="[A]:2", first_us=49, avg_us=49, percent=49, cdf_percent=100, times_called=1, subgraph=0),
    )  # fmt: skip
    # By type, per inference, the longest first; memory over all calls.
    assert made.op_summary == (
        OpTypeSummary(node_type="A", count=2, avg_us=59, percent=59, cdf_percent=59, mem_kb=0, times_called=2),
        OpTypeSummary(node_type="B", count=1, avg_us=41, percent=41, cdf_percent=100, mem_kb=8, times_called=2),
    )


def test_an_op_without_a_count_of_calls_costs_one_call() -> None:
    made = read_profile(message(op("A", 0, 100, times=0), op("B", 1, 300)).SerializeToString())
    assert made is not None
    assert made.ops is not None
    assert [(row.avg_us, row.percent, row.times_called) for row in made.ops] == [(10, 25, 0), (30, 75, 1)]


def test_ops_of_no_runs_have_no_time_and_no_share() -> None:
    made = read_profile(message({"node_type": "A", "run_order": 0}, op("B", 1, 300)).SerializeToString())
    assert made is not None
    assert made.ops is not None
    first = OpTiming(index=0, node_type="A", name="", first_us=None, avg_us=None, cdf_percent=0, subgraph=0)
    assert (made.ops[0], made.ops[1].percent) == (first, 100)
    empty = read_profile(message({"node_type": "A", "run_order": 0}).SerializeToString())
    assert empty is not None
    assert empty.ops is not None
    assert (empty.ops[0].percent, empty.ops[0].cdf_percent) == (None, None)
    assert empty.op_summary == (
        OpTypeSummary(node_type="A", count=1, avg_us=0, percent=None, cdf_percent=None, mem_kb=0, times_called=0),
    )


def test_rows_of_subgraphs_and_delegates_are_numbered_through_and_not_summed_up() -> None:
    made = read_profile(
        message(
            op("WHILE", 0, 500), subgraphs=([op("LESS", 0, 30), op("ADD", 1, 90)],), delegate=[op("GEMM", 0, 70)]
        ).SerializeToString()
    )
    assert made is not None
    assert made.ops is not None
    assert made.op_summary is not None
    assert [(row.index, row.node_type, row.subgraph, row.percent) for row in made.ops] == [
        (0, "WHILE", 0, 100), (1, "LESS", 1, 25), (2, "ADD", 1, 75), (3, "GEMM", None, 100),
    ]  # fmt: skip
    assert [row.node_type for row in made.op_summary] == ["WHILE"]


def test_of_an_empty_primary_graph_the_one_that_ran_is_summed_up() -> None:
    made = read_profile(message(subgraphs=([op("ADD", 0, 90)],)).SerializeToString())
    assert made is not None
    assert made.op_summary is not None
    assert [row.node_type for row in made.op_summary] == ["ADD"]


def test_initialization_is_told_apart() -> None:
    init = profiling_info_pb2.BenchmarkProfilingData(
        init_profile={"subgraph_profiles": [{"per_op_profiles": [op("AllocateTensors", 0, 100)]}]}
    )
    made = read_profile(init.SerializeToString())
    assert made is not None
    assert made.init_ops is not None
    assert (made.ops, made.op_summary, len(made.init_ops)) == (None, None, 1)
    assert made.init_op_summary is not None
    assert [row.node_type for row in made.init_op_summary] == ["AllocateTensors"]


@pytest.mark.parametrize("data", [b"", b"\xff" * 10])
def test_no_profile(data: bytes) -> None:
    assert read_profile(data) is None


WHOLE = message(op("A", 0, 95), op("B", 1, 200), subgraphs=([op("C", 0, 10)],), delegate=[op("D", 0, 70)])


def printed(changed: Any = WHOLE) -> list[str]:
    return text_format.MessageToString(changed).rstrip("\n").split("\n")


def test_a_printed_profile_says_what_the_file_says() -> None:
    assert read_profile_text(printed()) == read_profile(WHOLE.SerializeToString())


def test_orders_may_run_through_all_subgraphs() -> None:
    assert read_profile_text(printed(message(op("A", 0, 95), subgraphs=([op("B", 1, 200)],)))) is not None
    assert read_profile_text(printed(message(op("A", 0, 95), subgraphs=([op("B", 2, 200)],)))) is None
    assert read_profile_text(printed(message(op("A", 1, 95), subgraphs=([op("B", 1, 200)],)))) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("avg", 8), ("avg", 10), ("min", 10), ("max", 6), ("count", 0), ("sum", 1000)],
)
def test_numbers_that_do_not_fit_together_are_of_two_ops(field: str, value: int) -> None:
    for where in (WHOLE.runtime_profile.subgraph_profiles[0], WHOLE.runtime_profile.delegate_profiles[0]):
        time = where.per_op_profiles[0].inference_microseconds
        known = getattr(time, field)
        setattr(time, field, value)
        try:
            assert read_profile_text(printed()) is None
        finally:
            setattr(time, field, known)


@pytest.mark.parametrize(
    "field", ["node_type", "name", "run_order", "times_called", "first", "last", "avg", "min", "max", "sum", "count"]
)
def test_a_line_that_was_lost_is_missed(field: str) -> None:
    lines = printed()
    number = next(n for n, line in enumerate(lines) if line.strip().startswith(f"{field}:"))
    assert read_profile_text([*lines[:number], *lines[number + 1 :]]) is None
    assert read_profile_text(lines[:-1]) is None
    assert read_profile_text(["a: {"]) is None


def test_a_printed_profile_is_read_from_the_output() -> None:
    text = GOOD + "".join(f"INFO: {line}\n" if n == 0 else f"{line}\n" for n, line in enumerate(printed()))
    got = read(text)
    assert [row["node_type"] for row in got["ops"]] == ["A", "B", "C", "D"]
    assert (got["notes"], got["init_ops"], got["status"]) == ([], None, "ok")
    cut = read(text[: text.index('node_type: "C"')])
    assert cut["ops"] is None
    assert cut["notes"] == ["the profile that was printed as a proto is cut short, and not used"]


def test_a_profile_of_the_proto_that_agrees_with_the_text_needs_no_note() -> None:
    heading = "\t[node type]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]\n"
    rows = "\tB\t0.020\t0.020\t67%\t67%\t0\t1\t[B]:1\n\tA\t0.010\t0.010\t33%\t100%\t0\t1\t[A]:0\n"
    text = f"{GOOD}Operator-wise Profiling Info for Regular Benchmark Runs:\n==== Run Order ====\n{heading}{rows}2 nodes observed\n"
    file = message(op("A", 0, 95), op("B", 1, 200)).SerializeToString()
    got = parse_output(text, profile=file).measurement
    assert got.ops is not None
    assert ([row.node_type for row in got.ops], got.notes) == (["A", "B"], ())
    other = parse_output(text, profile=message(op("A", 0, 95)).SerializeToString()).measurement
    assert other.notes == ("the text lists 2 ops and the proto 1, not the same; the proto is used",)
