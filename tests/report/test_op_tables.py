from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.analysis.op_profile import op_rows
from harness.records import OpTiming, Purpose, Result, Status
from harness.report.cell_summaries import report_cells
from harness.report.op_tables import OpTables, op_data
from tests.report.runs import PHONE, demo_results, demo_run, measurement_of, model_ref


def _profiled(*ops: OpTiming) -> Result:
    template = demo_results((model_ref("m"),), (PHONE,))[5]
    assert template.trial.purpose is Purpose.PROFILE
    assert template.status is Status.OK
    return replace(template, measurement=measurement_of(100.0, ops=ops))


def _op(index: int, us: float | None, calls: int | None = 1, name: str = "", subgraph: int | None = None) -> OpTiming:
    return OpTiming(index=index, node_type="ADD", name=name, avg_us=us, times_called=calls, subgraph=subgraph)


def test_cells_share_their_lists_of_ops(tmp_path: Path) -> None:
    data = op_data(report_cells(demo_run(tmp_path / "run")))
    # Three of the 33 profiled cells fell back to the CPU: their ops are not the delegate's.
    assert len(data["profiles"]) == len(data["cells"]) == 30
    assert len(data["lists"]) == 2


def test_a_profile_keeps_what_differs_from_the_usual() -> None:
    tables = OpTables()
    usual = [_profiled(_op(0, 30.0), _op(1, 5.0))]
    tables.add(op_rows(usual), usual)
    calls = [_profiled(_op(0, 30.0, 2), _op(1, 5.0), _op(0, 9.0, 4, subgraph=1))]
    tables.add(op_rows(calls), calls)
    uneven = [replace(_profiled(_op(0, 30.0), _op(1, 5.0)), synthetic=True), _profiled(_op(0, 10.0))]
    tables.add(op_rows(uneven), uneven)
    first, second, third = tables.profiles
    assert [first[name] for name in ("avg", "calls", "part", "seen")] == [None] * 4
    assert (first["cost"], first["total"], first["run"], first["processes"]) == ([30, 5], 35, 100, 1)
    assert (second["avg"], second["calls"], second["cost"]) == ([30, 5, 9], [2, 1, 4], [60, 5, 36])
    assert second["total"] == 65, "ops of called subgraphs are in their callers already"
    assert (third["cost"], third["part"], third["seen"]) == ([20, 5], [20, 2.5], [2, 1])
    assert [one["synthetic"] for one in tables.profiles] == [False, False, True]
    assert [one["invalid"] for one in tables.profiles] == [False, False, False]
