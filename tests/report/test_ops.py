from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.records import OpTiming, Purpose, Result, Status
from harness.report.cell_summaries import cells_of
from harness.report.op_tables import op_data
from harness.report.ops import profile_of
from tests.report.runs import PHONE, demo_results, demo_run, measurement_of, model_ref


def _profiled(ops: tuple[OpTiming, ...]) -> Result:
    template = demo_results((model_ref("m"),), (PHONE,))[5]
    assert template.trial.purpose is Purpose.PROFILE
    assert template.status is Status.OK
    return replace(template, measurement=measurement_of(100.0, ops=ops))


def _op(
    index: int, kind: str, us: float | None, calls: int | None = 1, name: str = "", subgraph: int | None = None
) -> OpTiming:
    return OpTiming(index=index, node_type=kind, name=name, avg_us=us, times_called=calls, subgraph=subgraph)


def test_cost_is_average_times_calls() -> None:
    profile = profile_of((_profiled((_op(0, "CONV_2D", 30.0, 2), _op(1, "ADD", 5.0))),))
    assert profile is not None
    assert [op.cost_us for op in profile.ops] == [60.0, 5.0]
    assert profile.total_us == 65.0
    assert profile.run_avg_us == 100.0


def test_the_median_is_taken_row_by_row_even_where_a_process_lost_rows() -> None:
    whole = (_op(0, "CONV_2D", 10.0), _op(1, "ADD", 1.0), _op(2, "ADD", 2.0), _op(3, "SOFTMAX", 4.0))
    cut = (_op(0, "ADD", 3.0), _op(1, "ADD", 4.0), _op(2, "SOFTMAX", 8.0))
    profile = profile_of((_profiled(whole), _profiled(cut)))
    assert profile is not None
    assert [(op.node_type, op.cost_us, op.processes) for op in profile.ops] == [
        ("CONV_2D", 10.0, 1),
        ("ADD", 2.0, 2),
        ("ADD", 3.0, 2),
        ("SOFTMAX", 6.0, 2),
    ]


def test_what_is_not_said_is_not_guessed() -> None:
    profile = profile_of((_profiled((_op(0, "CONV_2D", 10.0, None), _op(1, "ADD", None))),))
    assert profile is not None
    assert [op.cost_us for op in profile.ops] == [None, None]
    assert profile.total_us == 0


def test_ops_of_inner_subgraphs_are_not_counted_twice() -> None:
    ops = (_op(0, "WHILE", 159.0, 1, subgraph=0), _op(0, "LESS", 2.0, 6, subgraph=1), _op(0, "ADD", 3.0, 5, subgraph=2))
    profile = profile_of((_profiled(ops),))
    assert profile is not None
    assert profile.total_us == 159.0
    assert [op.nested for op in profile.ops] == [False, True, True]


def test_no_ops_no_profile() -> None:
    assert profile_of(()) is None
    assert profile_of((_profiled(()),)) is None


def test_cells_share_their_lists_of_ops(tmp_path: Path) -> None:
    data = op_data(cells_of(demo_run(tmp_path / "run")))
    # Three of the 33 profiled cells fell back to the CPU: their ops are not the delegate's.
    assert len(data["profiles"]) == len(data["cells"]) == 30
    assert len(data["lists"]) == 2
