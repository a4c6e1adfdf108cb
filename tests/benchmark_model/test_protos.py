"""Files that the tool writes: profiles, results, runtime info."""

from __future__ import annotations

from typing import Any

import pytest
from ai_edge_litert import profiling_info_pb2

from harness.benchmark_model import parse_output, to_json
from tests.benchmark_model.recorded import FILES, host_log


def read(name: str, **files: str | bytes) -> dict[str, Any]:
    data = {kind: (FILES / file).read_bytes() if isinstance(file, str) else file for kind, file in files.items()}
    return to_json(
        parse_output(
            host_log(name),
            profile=data.get("profile"),
            result=data.get("result"),
            runtime_info=data.get("runtime_info"),
        )
    )


def test_a_profile_proto() -> None:
    got = read("07_proto_file_xnnfalse", profile="prof_xnnfalse.pb")
    assert len(got["ops"]) == 65
    first = got["ops"][0]
    assert (first["node_type"], first["first_us"], first["avg_us"]) == (
        "CONV_2D",
        1631,
        1703.6,
    )  # sum / count, not its `avg`
    assert [op["node_type"] for op in got["init_ops"]] == ["AllocateTensors"]
    assert got["op_summary"][0]["node_type"] in ("CONV_2D", "DEPTHWISE_CONV_2D")
    assert sum(row["count"] for row in got["op_summary"]) == 65
    assert sum(op["percent"] for op in got["ops"]) == pytest.approx(100)
    assert got["ops"][-1]["cdf_percent"] == pytest.approx(100)
    total = sum(op["avg_us"] * op["times_called"] for op in got["ops"])
    assert total == pytest.approx(got["inference_avg_us"], rel=0.02)
    assert got["profile_runs"] is None  # the proto does not hold it
    assert got["notes"] == []


def test_the_order_of_execution_is_the_proto_s() -> None:
    message = profiling_info_pb2.BenchmarkProfilingData()
    for order, kind in ((2, "C"), (0, "A"), (1, "B")):
        op = message.runtime_profile.subgraph_profiles.add(subgraph_index=0) if order == 2 else None
        rows = (op or message.runtime_profile.subgraph_profiles[0]).per_op_profiles
        row = rows.add(node_type=kind, name="", times_called=2, run_order=order)
        row.inference_microseconds.first = 3
        row.inference_microseconds.sum = 30
        row.inference_microseconds.count = 20
    got = read("07_proto_file_xnnfalse", profile=message.SerializeToString())
    assert [(op["index"], op["node_type"]) for op in got["ops"]] == [(0, "A"), (1, "B"), (2, "C")]
    assert [(op["avg_us"], op["times_called"], op["name"]) for op in got["ops"]] == [(1.5, 2, "")] * 3
    assert [row["avg_us"] for row in got["op_summary"]] == [3, 3, 3]


def test_subgraphs_of_a_proto() -> None:
    got = read("30c_while_prof_proto", profile="while.pb")
    assert [(op["node_type"], op["subgraph"]) for op in got["ops"]][:3] == [
        ("WHILE", 0),
        ("AllocateTensors", 1),
        ("LESS", 1),
    ]
    assert [row["node_type"] for row in got["op_summary"]] == ["WHILE"]


@pytest.mark.parametrize("name", ["prof_xnntrue.csv", "prof_stdoutmode.txt", "prof_xnnfalse.csv"])
def test_a_profile_file_may_be_csv_or_text(name: str) -> None:
    got = read("05_csv_file_xnntrue", profile=name)
    assert len(got["ops"]) == (66 if "true" in name else 65)
    assert got["profile_runs"]["count"] == 10
    assert got["notes"] == []


def test_csv_and_proto_of_the_same_model_name_the_same_ops() -> None:
    csv = read("05_csv_file_xnntrue", profile="prof_xnntrue.csv")["ops"]
    proto = read("05_csv_file_xnntrue", profile="prof_xnntrue.pb")["ops"]
    assert [(op["node_type"], op["name"]) for op in csv] == [(op["node_type"], op["name"]) for op in proto]


def test_the_proto_is_preferred_and_disagreement_noted() -> None:
    got = read("03_opprof_xnnfalse_fp32", profile="prof_xnntrue.pb")
    assert len(got["ops"]) == 66
    assert any("not the same; the proto is used" in note for note in got["notes"])


@pytest.mark.parametrize("data", [b"", b"\x00" * 100, b"garbage", b"\xff" * 1000])
def test_a_file_that_is_no_proto_is_noted(data: bytes) -> None:
    got = read("07_proto_file_xnnfalse", profile=data, result=data, runtime_info=data)
    assert (got["status"], got["ops"], got["inference_avg_us"]) == ("ok", None, 36852.8)
    assert sum("cannot be read" in note for note in got["notes"]) == 3


@pytest.mark.parametrize("end", range(0, 2000, 97))
def test_a_proto_that_is_cut(end: int) -> None:
    data = (FILES / "prof_xnnfalse.pb").read_bytes()[:end]
    got = read("07_proto_file_xnnfalse", profile=data)
    whole = read("07_proto_file_xnnfalse", profile="prof_xnnfalse.pb")
    assert got["ops"] is None or got["ops"] == whole["ops"][: len(got["ops"])]


def test_a_result_file() -> None:
    got = read("10_resultfile", result="result.pb")
    assert (got["init_us"], got["first_inference_us"], got["warmup_avg_us"]) == (10836, 9691, 9691)
    assert (got["inference_avg_us"], got["runs"]["count"], got["runs"]["avg"], got["runs"]["first"]) == (
        9346.2,
        10,
        9346.2,
        9383,
    )
    assert got["memory"]["periodic_peak_mb"] == 44.3789
    assert got["notes"] == []


def test_a_result_file_says_more_digits() -> None:
    alone = to_json(parse_output("", result=(FILES / "result.pb").read_bytes(), exit_code=0))
    assert (alone["status"], alone["inference_avg_us"], alone["runs"]["median"]) == ("ok", 9346.2, 9331)
    assert (alone["model_size_mb"], alone["memory"]["init_delta_mb"]) == (13.92164, 37.48046875)


def test_a_result_file_of_no_runs() -> None:
    got = to_json(parse_output("", result=(FILES / "result_dry.pb").read_bytes()))
    assert (got["inference_avg_us"], got["first_inference_us"], got["runs"]["count"]) == (None, None, 0)
    assert got["runs"]["min"] is None


def test_a_result_file_of_another_run_is_noted() -> None:
    got = read("09_peakmem", result="result.pb")
    assert any("the result file says 9346.2 us" in note for note in got["notes"])


@pytest.mark.parametrize(
    ("name", "log", "expected"),
    [
        ("runtime_info.pb", "33_runtimeinfo", ("XNNPACK", "full", 65, 65, 1)),
        ("mixed_runtime.pb", "92_mixed_xnn_implicit", ("XNNPACK", "partial", 5, 9, 2)),
    ],
)
def test_runtime_info(name: str, log: str, expected: tuple[Any, ...]) -> None:
    (use,) = read(log, runtime_info=name)["delegates"]
    assert (
        use["name"],
        use["applied"],
        use["nodes_delegated"],
        use["nodes_total"],
        use["delegate_kernels"],
    ) == expected
