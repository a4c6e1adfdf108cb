"""`harness history accept`, `mute`, `unmute` and `list`."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from harness.history.change_log import known_changes, merge_found
from harness.history.database import open_history
from harness.records.history import Change
from tests.cli.running import harness, no_traceback
from tests.history.made_up_history import NOW, change, key, series, store

WIDE = {"COLUMNS": "300"}
HOSTILE = "\x1b[31mm[bold]\n"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "history.db"
    second, odd = key("R5CT2", metric="peak_memory"), key("odd", HOSTILE)
    with open_history(str(file)) as db, db.begin() as connection:
        labels = {number: {"commit": f"c{number}"} for number in range(3)}
        values = [1000.0, None, 1030.0]
        store(connection, [series(values, labels=labels), series([50.0, 51.0], second), series([7.0], odd)])
        found = [change(2, id="aaaa1111", group="gggg0000"), change(2, of=odd, id="bbbb2222", group="gggg0000")]
        merge_found(connection, [*found, change(1, of=second, id="cccc3333", ratio=0.9, before=50.0)], NOW)
    return file


def changes(database: Path) -> dict[str, Change]:
    with open_history(str(database)) as db, db.read() as connection:
        return {one.id: one for one in known_changes(connection)}


def test_what_is_accepted_counts_no_more_until_it_is_undone(database: Path) -> None:
    done = harness("history", "accept", "aaaa1111", "--database", database)
    assert (done.returncode, done.stdout) == (0, "aaaa1111 accepted: m on R5CT1 cpu 1 thr big: average latency\n")
    assert [one.id for one in changes(database).values() if one.accepted] == ["aaaa1111"]
    undone = harness("history", "accept", "aaaa1111", "--undo", "--json", "--database", database)
    [document] = json.loads(undone.stdout)["changes"]
    assert (document["id"], document["accepted"], document["counts"]) == ("aaaa1111", False, True)


def test_a_group_is_muted_until_a_day_and_heard_again(database: Path) -> None:
    done = harness("history", "mute", "gggg0000", "--until", "2999-12-24", "--database", database)
    assert done.returncode == 0
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "aaaa1111 muted until 2999-12-24 00",
        "bbbb2222 muted until 2999-12-24 00",
    ]
    assert "\x1b" not in done.stdout
    assert {one.id for one in changes(database).values() if one.muted} == {"aaaa1111", "bbbb2222"}
    heard = harness("history", "unmute", "bbbb2222", "--database", database)
    assert heard.returncode == 0
    assert {one.id for one in changes(database).values() if one.muted} == {"aaaa1111"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["accept", "aaaa1112"], "did you mean aaaa1111?"),
        (["mute", "zz"], "the latest are "),
        (["unmute", "aaaa1111", "aaaa111x"], "did you mean aaaa1111?"),
        (["mute", "aaaa1111", "--until", "2001-01-01"], "give a later date"),
        (["mute", "aaaa1111", "--until", "soon"], "write it like 2026-11-30"),
        (["accept"], "Missing argument"),
    ],
)
def test_a_wrong_request_changes_nothing(database: Path, words: list[str], says: str) -> None:
    before = changes(database)
    done = harness("history", *words, "--database", database)
    assert done.returncode == 2
    assert says in done.stderr
    no_traceback(done)
    assert changes(database) == before


@pytest.mark.parametrize("verb", [["accept", "x"], ["mute", "x"], ["unmute", "x"], ["list"], ["check"]])
def test_without_a_history_there_is_none_to_ask_and_none_is_made(tmp_path: Path, verb: list[str]) -> None:
    done = harness("history", *verb, "--database", tmp_path / "no.db")
    assert done.returncode == 2
    assert "holds no history yet" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_runs_are_listed_with_what_became_of_their_folders(database: Path) -> None:
    done = harness("history", "list", "--database", database, env=WIDE)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) == 6
    assert "commit=c0" in lines[1]
    assert "/runs/run-000" in lines[1]
    assert lines[1].endswith("gone")
    listed = json.loads(harness("history", "list", "--json", "--database", database).stdout)["runs"]
    assert [one["run_id"] for one in listed] == ["run-000", "run-001", "run-002"]
    assert listed[0]["labels"] == {"commit": "c0"}
    assert {one["there"] for one in listed} == {False}
    later = harness("history", "list", "--since", "2026-09-02", "--json", "--database", database)
    assert len(json.loads(later.stdout)["runs"]) == 2


def test_series_are_listed_with_their_latest_estimate(database: Path) -> None:
    done = harness("history", "list", "--series", "--database", database, env=WIDE)
    [line] = [line for line in done.stdout.splitlines() if "R5CT1" in line]
    assert "average latency" in line
    assert "1.030 ms" in line
    assert "1.020 ms to 1.040 ms" in line
    assert "\x1b" not in done.stdout
    document = json.loads(harness("history", "list", "--series", "--json", "--database", database).stdout)["series"]
    assert [one["last"]["value"] for one in document if one["series"]["device"] == "R5CT1"] == [1030.0]
    only = harness("history", "list", "--series", "--metric", "peak_memory", "--json", "--database", database)
    assert [one["unit"] for one in json.loads(only.stdout)["series"]] == ["mb"]


def test_changes_are_listed_also_those_that_are_silent(database: Path) -> None:
    harness("history", "accept", "cccc3333", "--database", database)
    done = harness("history", "list", "--changes", "--database", database, env=WIDE)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("cccc3333")]
    assert "improved, accepted" in line
    assert "-10.0 % (-11.0 % to -9.0 %)" in line
    document = harness("history", "list", "--changes", "--device", "R5CT?", "--json", "--database", database)
    assert {one["id"] for one in json.loads(document.stdout)["changes"]} == {"aaaa1111", "cccc3333"}


def test_a_choice_of_series_needs_series(database: Path) -> None:
    done = harness("history", "list", "--device", "R5CT1", "--database", database)
    assert (done.returncode, "add --series or --changes" in done.stderr) == (2, True)
    near = harness("history", "list", "--series", "--device", "R5CT9", "--database", database)
    assert (near.returncode, "did you mean R5CT" in near.stderr) == (2, True)


def test_moments_without_a_time_zone_are_local(database: Path) -> None:
    later = (NOW + timedelta(days=40_000)).replace(tzinfo=None)
    done = harness("history", "mute", "aaaa1111", "--until", later.isoformat(), "--database", database)
    assert done.returncode == 0
    assert changes(database)["aaaa1111"].muted_until == later.astimezone()
