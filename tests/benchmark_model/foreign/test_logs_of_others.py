"""Logs that strangers published, against what a person read in them."""

from __future__ import annotations

from typing import Any

import pytest

from harness.benchmark_model import to_json
from harness.benchmark_model.delegates import tool_name
from harness.benchmark_model.foreign import read_foreign_log
from tests.benchmark_model.recorded import other_log, other_names

CAUSES = {"delegate_apply_failed": "delegate_not_applied", "delegate_invoke_failed": "invoke_failed"}
STATISTICS = ("count", "first", "curr", "min", "max", "avg", "std", "p5", "median", "p95")


@pytest.mark.parametrize("name", other_names())
def test_says_what_a_person_reads(name: str) -> None:
    data, expected = other_log(name)
    got = to_json(read_foreign_log(data).parsed)
    for key in ("init_us", "first_inference_us", "warmup_avg_us", "inference_avg_us", "model_size_mb"):
        assert got[key] == expected[key], key
    assert got["warmup"] == expected["warmup_run"]
    assert got["runs"] == expected["timed_run"]
    _check_memory(got["memory"], expected)
    _check_profile(got["init_ops"], got["init_op_summary"], expected["init_profile"])
    _check_profile(got["ops"], got["op_summary"], expected["run_profile"])
    if expected["run_profile"]:
        assert got["profile_runs"] == expected["run_profile"]["timings_us"]
    _check_delegates(got["delegates"], expected["delegates"])
    _check_verdict(got, expected)


def _check_memory(got: dict[str, Any], expected: dict[str, Any]) -> None:
    kind = expected["memory"]["kind"]
    for known in ("peak", "delta"):
        wanted = expected["memory"] if known == kind else {"init_mb": None, "overall_mb": None}
        assert (got[f"init_{known}_mb"], got[f"overall_{known}_mb"]) == (wanted["init_mb"], wanted["overall_mb"])


def _check_profile(ops: Any, summary: Any, expected: dict[str, Any] | None) -> None:
    if expected is None:
        assert ops is None
        assert summary is None
        return
    assert len(ops) == expected["run_order_rows"] == expected["nodes_observed"]
    assert [op["index"] for op in ops] == list(range(len(ops)))
    for op, row in ((ops[0], expected["first_row"]), (ops[-1], expected["last_row"])):
        assert (op["node_type"], op["name"], op["times_called"]) == (row["node_type"], row["name"], row["times_called"])
        assert (op["percent"], op["cdf_percent"], op["mem_kb"]) == (row["pct"], row["cdf_pct"], row["mem_kb"])
        for key in ("start", "first", "avg"):
            assert op[f"{key}_us"] == round(row[f"{key}_ms"] * 1000), key
    assert len(summary) == len(expected["node_type_summary"])
    for got, row in zip(summary, expected["node_type_summary"], strict=True):
        assert got["avg_us"] == round(row["avg_ms"] * 1000)
        assert [got[key] for key in ("node_type", "count", "percent", "cdf_percent", "mem_kb", "times_called")] == [
            row[key] for key in ("node_type", "count", "avg_pct", "cdf_pct", "mem_kb", "times_called")
        ]


def _check_delegates(got: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [use["name"] for use in got] == [tool_name(use["name"]) for use in expected]
    for use, wanted in zip(got, expected, strict=True):
        for key in ("nodes_delegated", "nodes_total", "partitions", "delegate_kernels"):
            assert use[key] == wanted[key], key
        implicit = "implicit" in (wanted["note"] or "")
        assert use["applied"] == ("implicit" if implicit else wanted["applied"])


def _check_verdict(got: dict[str, Any], expected: dict[str, Any]) -> None:
    if expected["error_kind"]:
        assert got["status"] == "failed"
        assert got["causes"][0] == CAUSES[expected["error_kind"]]
        assert any(got["message"] in line for line in expected["error_lines"])
    elif got["unconsumed_flags"]:
        assert (got["status"], got["causes"]) == ("invalid", ["unconsumed_flags"])
    else:
        assert (got["status"], got["causes"], got["message"]) == ("ok", [], None)
