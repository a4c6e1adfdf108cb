from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, event

from harness.errors import UsageError
from harness.history.database import open_history
from harness.history.series_reader import read_series
from harness.records.history import SeriesKey
from tests.history.made_up_history import GROUND, key, night, run_name, series, store


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with open_history(database_url) as db, db.begin() as opened:
        yield opened


def keys(found: object) -> list[SeriesKey]:
    assert isinstance(found, tuple)
    return [one.key for one in found]


def test_a_series_comes_back_as_it_was_stored(connection: Connection) -> None:
    other = key(
        "R5CT2", "digits", "peak_memory", delegate="gpu(precision=fp16)", start="cold", binary="pr", variant="int8"
    )
    stored = [
        series([10.0, None, 11.0], labels={0: {"commit": "abc", "branch": "main"}, 2: {"commit": "def"}}),
        series([5.0, 6.0], other, binaries={1: "c" * 64}, synthetic=True),
    ]
    # Both have a run of night 0, whose labels the first one names.
    first, second = stored[1].estimates
    stored[1] = replace(stored[1], estimates=(replace(first, labels=stored[0].estimates[0].labels), second))
    store(connection, stored)
    assert read_series(connection) == tuple(sorted(stored, key=lambda one: one.key))


def test_nights_are_in_the_order_of_their_runs_not_of_their_adding(connection: Connection) -> None:
    late = series([None, None, 3.0])
    store(connection, [late, series([1.0, 2.0, 4.0], key("other"))])
    [found] = read_series(connection, device="other")
    assert [one.value for one in found.estimates] == [1.0, 2.0, 4.0]
    assert [one.at for one in found.estimates] == [night(0), night(1), night(2)]


def test_a_time_range_holds_both_its_ends(connection: Connection) -> None:
    store(connection, [series([1.0, 2.0, 3.0, 4.0]), series([9.0], key("old"))])
    [found] = read_series(connection, since=night(1), until=night(2))
    assert [one.run_id for one in found.estimates] == [run_name(1), run_name(2)], "`old` has none in it"


def test_selections_are_those_of_compare(connection: Connection) -> None:
    stored = [
        key("R5CT1", delegate="gpu"),
        key("R5CT1", delegate="gpu(precision=fp16)"),
        key("R5CT1", delegate="xnnpack", start="cold"),
        key("8A2X", "digits", variant="int8"),
        key("8A2X", "digits", "init"),
    ]
    store(connection, [series([1.0], one) for one in stored])
    assert keys(read_series(connection, delegate="gpu")) == [stored[0]], "an exact name wins"
    assert len(keys(read_series(connection, delegate="gpu*"))) == 2
    assert keys(read_series(connection, delegate="xnnpack")) == [stored[2]]
    assert keys(read_series(connection, delegate="xnnpack, cold start")) == [stored[2]]
    assert keys(read_series(connection, device="8?2X", metrics=["inference_avg"])) == [stored[3]]
    assert keys(read_series(connection, model="digits, int8")) == [stored[3]]
    assert keys(read_series(connection, metrics=["init", "memory"])) == [stored[4]]
    assert keys(read_series(connection, metrics=[])) == []


def test_a_name_that_is_not_there_is_refused_with_the_nearest(connection: Connection) -> None:
    store(connection, [series([1.0], key("R5CT1")), series([1.0], key("8A2X"))])
    with pytest.raises(UsageError, match=r"no series of the history has device=R5CT7 \(did you mean R5CT1\?\)"):
        read_series(connection, device="R5CT7")
    with pytest.raises(UsageError, match=r"delegate=zzz \(there is cpu\)"):
        read_series(connection, delegate="zzz")


def test_where_only_the_metric_is_missing_the_message_says_so(connection: Connection) -> None:
    store(connection, [series([1.0], key("R5CT1")), series([1.0], key("8A2X", metric="peak_memory"))])
    with pytest.raises(
        UsageError, match=r"no series of device=R5CT1 has the metric peak_memory \(there is inference_avg\)"
    ):
        read_series(connection, device="R5CT1", metrics=["peak_memory"])
    with pytest.raises(UsageError, match=r"device=R5CT7 \(did you mean R5CT1\?\)"):
        read_series(connection, device="R5CT7", metrics=["init"])


def test_hostile_names_are_only_names(connection: Connection) -> None:
    names = ["a'; DROP TABLE series; --", "[x]*?", "\x1b[31m", "%_", '"']
    store(connection, [series([1.0], key("d", name)) for name in names])
    for name in names:
        assert keys(read_series(connection, model=name)) == [key("d", name)]


def test_an_empty_history_has_no_series(connection: Connection) -> None:
    assert read_series(connection) == ()


def test_many_series_are_read_in_a_few_queries(connection: Connection) -> None:
    store(connection, [series([1.0] * 30, key(f"device {number}")) for number in range(40)])
    statements: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    found = read_series(connection)
    assert sum(len(one.estimates) for one in found) == 1200
    assert len(statements) <= 5
    assert len({id(one.ground) for each in found for one in each.estimates}) == 1, "a ground is kept once"
    assert found[0].estimates[0].ground == GROUND
