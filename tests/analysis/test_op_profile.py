from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.analysis.op_profile import OpRow, cost_per_inference, op_rows, profile_of
from harness.records import Measurement, OpTiming, Purpose, Result, RunStatistics, Status
from harness.records.measured import Tool
from harness.runs.result_lines import RESULT, ResultLines
from tests.analysis.made_up import op, result


def profiled(ops: Sequence[OpTiming], whole: float | None = 100.0, block: int = 0) -> Result:
    return result(whole, purpose=Purpose.PROFILE, block=block, ops=ops)


def timing(
    index: int, kind: str, us: float | None, calls: int | None = 1, name: str = "", subgraph: int | None = None
) -> OpTiming:
    return OpTiming(index=index, node_type=kind, name=name, avg_us=us, times_called=calls, subgraph=subgraph)


def test_cost_is_average_times_calls() -> None:
    rows = op_rows([profiled((timing(0, "CONV_2D", 30.0, 2), timing(1, "ADD", 5.0)))])
    assert [(row.cost_us, row.avg_us, row.times_called) for row in rows] == [(60.0, 30.0, 2), (5.0, 5.0, 1)]


def test_an_op_without_a_call_count_costs_its_average() -> None:
    """The tables without that column print the average of an inference, not of a call."""
    uncounted, counted = timing(0, "CONV_2D", 10.0, None), timing(0, "CONV_2D", 10.0, 3)
    assert cost_per_inference(Measurement(), uncounted) == 10.0
    assert cost_per_inference(Measurement(), counted) == 30.0
    assert cost_per_inference(Measurement(), timing(0, "ADD", None, None)) is None
    found = profile_of([profiled([uncounted])])
    assert found is not None
    assert [row.costs_us for row in found.rows] == [(10.0,)]


def test_litert_counts_the_calls_of_all_runs() -> None:
    litert = Measurement(tool="benchmark_litert_model", warmup=RunStatistics(count=5), runs=RunStatistics(count=45))
    assert cost_per_inference(litert, timing(0, "ADD", 3.0, 100)) == 6.0


def test_an_op_without_a_time_takes_no_part_where_ops_are_added_up() -> None:
    untimed, timed = op_rows([profiled((timing(0, "ADD", None), timing(1, "MUL", 4.0)))])
    assert (untimed.costs_us, untimed.seen_us, untimed.seen_in, untimed.adds_up) == ((), None, 1, False)
    assert timed.adds_up
    with pytest.raises(statistics.StatisticsError):
        _ = untimed.cost_us
    found = profile_of([profiled((timing(0, "ADD", None), timing(1, "MUL", 4.0)))])
    assert found is not None
    assert [row.node_type for row in found.rows] == ["MUL"]


def test_an_op_that_costs_nothing_takes_part() -> None:
    found = profile_of([profiled([timing(0, "RESHAPE", 0.0)])])
    assert found is not None
    assert [(row.cost_us, row.costs_us) for row in found.rows] == [(0.0, (0.0,))]


def test_rows_match_by_what_they_are_even_where_a_process_lost_some() -> None:
    whole = (timing(0, "CONV_2D", 10.0), timing(1, "ADD", 1.0), timing(2, "ADD", 2.0), timing(3, "SOFTMAX", 4.0))
    cut = (timing(0, "ADD", 3.0), timing(1, "ADD", 4.0), timing(2, "SOFTMAX", 8.0))
    rows = op_rows([profiled(whole), profiled(cut, block=1)])
    assert [(row.node_type, row.seen_us, row.seen_in, row.costs_us) for row in rows] == [
        ("CONV_2D", 10.0, 1, (10.0, 0.0)),
        ("ADD", 2.0, 2, (1.0, 3.0)),
        ("ADD", 3.0, 2, (2.0, 4.0)),
        ("SOFTMAX", 6.0, 2, (4.0, 8.0)),
    ]
    assert rows[0].cost_us == 5.0, "a process without the op spent nothing on it"


def test_the_primary_graph_is_0_or_not_said() -> None:
    said, unsaid = timing(0, "ADD", 2.0, subgraph=0), timing(0, "ADD", 4.0)
    [row] = op_rows([profiled([said]), profiled([unsaid], block=1)])
    assert row.costs_us == (2.0, 4.0)
    assert not row.nested


def test_ops_of_called_subgraphs_stand_behind_and_are_not_added_up() -> None:
    ops = (
        timing(0, "LESS", 2.0, 6, subgraph=1),
        timing(1, "WHILE", 159.0, 1, subgraph=0),
        timing(0, "ADD", 3.0, 5, subgraph=2),
    )
    rows = op_rows([profiled(ops)])
    assert [(row.node_type, row.nested, row.adds_up) for row in rows] == [
        ("WHILE", False, True),
        ("LESS", True, False),
        ("ADD", True, False),
    ]
    found = profile_of([profiled(ops)])
    assert found is not None
    assert [row.node_type for row in found.rows] == ["WHILE"]


def test_profiles_take_the_centre_of_the_processes() -> None:
    results = [
        profiled([op(0, "A", "[a]", cost, 3), op(1, "B", "[b]", 1.0)], whole, block)
        for block, (whole, cost) in enumerate([(40.0, 10.0), (44.0, 12.0), (99.0, 30.0), (50.0, 14.0)])
    ]
    found = profile_of([*results, result(1.0)])
    assert found is not None
    assert (found.processes, found.whole_us) == (4, 47.0)
    assert [row.cost_us for row in found.rows] == [39.0, 1.0]


def test_only_profiled_processes_that_count_and_have_ops_make_a_profile() -> None:
    ops = [op(0, "A", "[a]", 1.0)]
    assert profile_of([]) is None
    assert profile_of([result(10.0, ops=ops)]) is None, "run for its latency"
    assert profile_of([profiled(ops, None)]) is None, "no average to hold the ops against"
    assert profile_of([profiled([])]) is None
    assert profile_of([replace(profiled(ops), status=Status.INVALID)]) is None
    assert profile_of([replace(profiled(ops), measurement=None)]) is None
    found = profile_of([profiled(ops), replace(profiled(ops, block=1), status=Status.FAILED)])
    assert found is not None
    assert found.processes == 1


def test_a_process_that_said_nothing_saw_no_op() -> None:
    silent = replace(profiled(()), measurement=None)
    assert op_rows([]) == op_rows([silent]) == ()
    assert op_rows([silent, profiled([timing(0, "ADD", 2.0)])]) == (
        OpRow(
            index=0,
            node_type="ADD",
            name="",
            costs_us=(0.0, 2.0),
            avg_us=2.0,
            times_called=1,
            seen_us=2.0,
            seen_in=1,
        ),
    )


_TABLE = (
    timing(0, "CONV_2D", 30.25, name="a"),
    timing(1, "ADD", 5.5, name="b"),
    timing(2, "ADD", 4.5, name="b"),
    timing(0, "MUL", 1.5, name="c", subgraph=1),
)


def _changed(place: int, **values: object) -> tuple[OpTiming, ...]:
    return tuple(replace(one, **values) if at == place else one for at, one in enumerate(_TABLE))  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(
    "tables",
    [
        [_TABLE],
        [_TABLE, _changed(0, avg_us=31.0)],
        [_TABLE, _changed(0, avg_us=31.0), _changed(1, avg_us=0.0)],
        [_TABLE, _changed(1, times_called=3), _changed(1, times_called=4)],
        [_TABLE, _changed(1, times_called=3)],
        [_changed(1, times_called=3), _changed(1, times_called=3)],
        [_changed(2, times_called=None), _TABLE],
        [_changed(2, times_called=None), _changed(2, times_called=None, avg_us=9.0)],
        [_changed(2, times_called=0), _TABLE],
        [_TABLE, _changed(1, avg_us=None)],
        [_TABLE, _changed(1, avg_us=float("nan"))],
        [_TABLE, _changed(1, name="other")],
        [_TABLE, _TABLE[1:]],
        [_TABLE, ()],
        [(), ()],
        [tuple(replace(one, avg_us=None) for one in _TABLE)] * 2,
    ],
)
@pytest.mark.parametrize("tool", ["benchmark_model", "benchmark_litert_model"])
def test_stored_tables_give_the_same_rows_as_rows_do(tables: list[tuple[OpTiming, ...]], tool: Tool) -> None:
    made = [profiled(table, whole=100.0 + block, block=block) for block, table in enumerate(tables)]
    made = [replace(one, measurement=replace(one.measurement, tool=tool)) for one in made if one.measurement]
    lines = ResultLines()
    stored = [lines.read(RESULT.dump_json(one)) for one in made]
    assert repr(op_rows(stored)) == repr(op_rows(made))
