from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.history.database import open_history
from harness.history.run_list import ListedRun, listed_runs
from tests.history.made_up_history import key, night, run_name, series, store


def test_runs_come_with_their_devices_and_labels_oldest_first(tmp_path: Path, database_url: str) -> None:
    made = series([None, 1.0, 2.0], labels={1: {"commit": "abc", "branch": "main"}})
    here = replace(made, estimates=(replace(made.estimates[0], run_path=str(tmp_path)), made.estimates[1]))
    with open_history(database_url) as db:
        with db.begin() as connection:
            store(connection, [here, series([3.0], key("R5CT2"))])
        with db.read() as connection:
            first, second, third = listed_runs(connection)
            assert listed_runs(connection, since=night(1)) == (second, third)
    assert second == ListedRun(
        run_id=run_name(1),
        suite="made-up",
        started_at=night(1),
        devices=("R5CT1",),
        results=10,
        finished=True,
        labels={"branch": "main", "commit": "abc"},
        path=str(tmp_path),
        logs_pruned=False,
    )
    assert (first.devices, first.labels) == (("R5CT2",), {})
    assert [one.there for one in (first, second, third)] == [False, True, False]


def test_a_folder_with_an_impossible_name_is_not_there() -> None:
    run = ListedRun(
        run_id="r",
        suite="s",
        started_at=night(0),
        devices=(),
        results=0,
        finished=True,
        labels={},
        path="/a\0b/" + 300 * "x",
        logs_pruned=False,
    )
    assert not run.there
