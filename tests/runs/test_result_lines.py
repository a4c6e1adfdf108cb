"""msgspec and pydantic read the same: every line that the first accepts, the second reads as an equal result."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.records import Measurement, OpTiming, Result
from harness.records.op_table import NUMBERS, OpNames, OpTable
from harness.runs.result_lines import RESULT, ResultLines
from tests.runs.test_run_store import result

OPS = (
    OpTiming(index=0, node_type="CONV_2D", name='a, "b"', start_us=0.5, avg_us=12.25, times_called=1, percent=60.0),
    OpTiming(index=1, node_type="ADD", name="模型", avg_us=None, times_called=None, subgraph=0),
    OpTiming(index=1, node_type="ADD", name="模型", avg_us=3.0, times_called=4, subgraph=1),
)


def profiled(ops: tuple[OpTiming, ...] | None = OPS) -> Result:
    one = result()
    assert one.measurement is not None
    return replace(one, measurement=replace(one.measurement, ops=ops))


def ops_of(line: bytes, lines: ResultLines) -> Any:
    measurement = lines.read(line).measurement
    assert measurement is not None
    return measurement.ops


def as_pydantic_reads(line: bytes) -> Result | None:
    try:
        return RESULT.validate_json(line)
    except ValidationError:
        return None


def as_read(line: bytes) -> Result | None:
    try:
        return ResultLines().read(line)
    except ValidationError:
        return None


@pytest.mark.parametrize("ops", [None, (), OPS, OPS[1:2]])
def test_a_stored_result_is_read_back_equal(ops: tuple[OpTiming, ...] | None) -> None:
    line = RESULT.dump_json(profiled(ops))
    found = ResultLines().read(line)
    assert found == profiled(ops) == RESULT.validate_json(line)
    assert RESULT.dump_json(found) == line


def test_a_result_without_a_measurement_is_read() -> None:
    one = replace(result(), measurement=None)
    assert ResultLines().read(RESULT.dump_json(one)) == one


def test_profiles_of_one_model_share_the_names_of_their_ops() -> None:
    lines = ResultLines()
    line = RESULT.dump_json(profiled())
    first, second = ops_of(line, lines), ops_of(line, lines)
    assert isinstance(first, OpTable)
    assert first.names is second.names
    assert first.times_called is second.times_called


def test_a_trial_is_the_one_of_the_plan_only_if_they_are_equal() -> None:
    one = profiled()
    line = RESULT.dump_json(one)
    assert ResultLines([one.trial]).read(line).trial is one.trial
    assert ResultLines([replace(one.trial, threads=8)]).read(line) == one


def test_numbers_that_json_lacks_are_read_as_before() -> None:
    ops = (replace(OPS[0], avg_us=float("inf")),)
    line = RESULT.dump_json(profiled(ops))
    assert b'"Infinity"' in line
    assert ops_of(line, ResultLines()) == ops


def test_every_field_of_a_row_is_in_the_table() -> None:
    columns = {*(one.name for one in fields(OpNames)), "times_called", *NUMBERS}
    assert columns == {one.name for one in fields(OpTiming)}


def test_a_table_is_equal_to_its_rows() -> None:
    table = ops_of(RESULT.dump_json(profiled()), ResultLines())
    assert table == OPS
    assert OPS == table  # noqa: SIM300  # the tuple is asked first
    assert table != OPS[:2]
    assert table != list(OPS)
    assert hash(table) == hash(OPS)
    assert repr(table) == repr(OPS)
    assert (len(table), table[-1], table[:2]) == (3, OPS[2], OPS[:2])
    with pytest.raises(IndexError):
        table[3]
    assert Measurement(ops=table) == Measurement(ops=OPS)


def test_a_line_without_the_newer_fields_is_read() -> None:
    data = json.loads(RESULT.dump_json(profiled()))
    del data["measurement"]["ops"], data["conditions"]["samples"], data["setbacks"], data["trial"]["start"]
    line = json.dumps(data).encode()
    assert as_read(line) == as_pydantic_reads(line) is not None


_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(
        ["", "1", "x", "NaN", "Infinity", "2026-11-22", "2026-11-22T12:00:00+05:30", "ok", 1.0, 2.5, [], {}]
    ),
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in _places(one, (*path, key)))]


_DATA = json.loads(RESULT.dump_json(profiled()))
_PLACES = _places(_DATA)[1:]


@given(st.lists(st.tuples(st.sampled_from(_PLACES), _VALUES), min_size=1, max_size=3), st.booleans())
def test_what_is_valid_and_what_it_means_does_not_depend_on_the_reader(
    changes: list[tuple[tuple[Any, ...], Any]], drop: bool
) -> None:
    data = json.loads(json.dumps(_DATA))
    for (*path, last), value in changes:
        inside = data
        try:
            for key in path:
                inside = inside[key]
            if drop and isinstance(inside, dict):
                inside.pop(last, None)
            else:
                inside[last] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    line = json.dumps(data).encode()
    found, expected = as_read(line), as_pydantic_reads(line)
    # By their texts, since NaN is not equal to itself.
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert RESULT.dump_json(found) == RESULT.dump_json(expected)


@given(st.data())
def test_spoiled_bytes_are_judged_alike(data: st.DataObject) -> None:
    line = bytearray(RESULT.dump_json(profiled()))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(line) - 1))
        line[place] = data.draw(st.sampled_from(b'"{}[],:0919eE-.\\ ntx\xff\x00'))
    found, expected = as_read(bytes(line)), as_pydantic_reads(bytes(line))
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert RESULT.dump_json(found) == RESULT.dump_json(expected)


def test_bytes_that_are_no_text_are_no_result_wherever_they_stand() -> None:
    """Also in a field of a newer harness, which msgspec passes over unread."""
    line = RESULT.dump_json(result())
    later = line[:-1] + b', "later": "%s"}'
    assert as_read(later % "模型".encode()) == result()
    assert as_read(later % b"\xff") is as_pydantic_reads(later % b"\xff") is None
