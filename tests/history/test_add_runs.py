"""Adding runs to each kind of database."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from harness.errors import UsageError
from harness.history import tables
from harness.history.add_runs import AddedRun, add_run, note_files
from harness.history.database import HistoryDatabase, open_history
from harness.records import Conditions, Status
from harness.records.causes import Cause
from tests.analysis.made_up import BEGAN, PHONE, op, result
from tests.history.stored_runs import everything, more, rows, some_results, write_run

HOSTILE = "nul \0 'quote' %s $1 \\N {} \N{PILE OF POO}"
STORED = r"nul \x00 'quote' %s $1 \N {} " + "\N{PILE OF POO}"


@pytest.fixture
def history(database_url: str) -> Iterator[HistoryDatabase]:
    with open_history(database_url) as database:
        yield database


def test_a_run_becomes_trials_ops_and_estimates(history: HistoryDatabase, tmp_path: Path) -> None:
    run = write_run(tmp_path / "monday", some_results())
    done = add_run(history, run, {"commit": "abc", "branch": "main"})
    assert done == AddedRun(run_id="monday", added=11, known=0)
    (stored,) = rows(history, tables.runs)
    assert stored["path"] == str(run.resolve())
    assert stored["started_at"] == BEGAN
    assert (stored["finished"], stored["results"], stored["logs_pruned_at"]) == (True, 11, None)
    assert {(row["key"], row["value"]) for row in rows(history, tables.labels)} == {
        ("commit", "abc"),
        ("branch", "main"),
    }
    (device,) = rows(history, tables.devices)
    assert (device["serial"], device["fingerprint"], device["virtual"]) == ("R5CT1", "google/shiba:15/A", False)
    trials = rows(history, tables.trials)
    assert [row["purpose"] for row in trials] == ["latency"] * 10 + ["profile"]
    assert [row["inference_avg_us"] for row in trials[:5]] == [1000, 1010, 990, 1005, 995]
    assert trials[0]["started_at"] == BEGAN
    ops = rows(history, tables.ops)
    assert [(row["trial"], row["position"], row["node_type"], row["name"]) for row in ops] == [
        (trials[10]["id"], 0, "CONV_2D", "[conv]:0"),
        (trials[10]["id"], 1, "SOFTMAX", "[out]:1"),
    ]
    assert [(row["cost_us"], row["times_called"]) for row in ops] == [(700.0, 2), (300.0, 1)]
    series = {row["id"]: row for row in rows(history, tables.series)}
    found = {
        (series[row["series"]]["delegate"], series[row["series"]]["metric"]): row
        for row in rows(history, tables.estimates)
    }
    assert {metric for _, metric in found} == {"inference_avg", "median", "p95", "init", "first_inference"}
    assert (found["gpu", "inference_avg"]["value"], found["gpu", "inference_avg"]["processes"]) == (500, 5)
    assert found["cpu", "inference_avg"]["fingerprint"] == "google/shiba:15/A"
    assert {row["unit"] for row in series.values()} == {"us"}


def test_the_same_run_twice_changes_nothing_but_its_labels(history: HistoryDatabase, tmp_path: Path) -> None:
    run = write_run(tmp_path / "monday", some_results())
    add_run(history, run, {"commit": "abc", "branch": "main"})
    before = everything(history)
    assert add_run(history, run) == AddedRun(run_id="monday", added=0, known=11)
    assert everything(history) == before
    moved = run.rename(tmp_path / "elsewhere")
    assert add_run(history, moved, {"commit": "def"}) == AddedRun(run_id="monday", added=0, known=11)
    assert [row["path"] for row in rows(history, tables.runs)] == [str(moved)]
    assert {(row["key"], row["value"]) for row in rows(history, tables.labels)} == {
        ("commit", "def"),
        ("branch", "main"),
    }


def test_a_resumed_run_is_added_as_far_as_it_has_grown(history: HistoryDatabase, tmp_path: Path) -> None:
    results = some_results()
    run = write_run(tmp_path / "monday", results[:7])
    other = write_run(tmp_path / "tuesday", some_results(1.1), started_at=BEGAN + timedelta(days=1))
    assert add_run(history, run).added == 7
    add_run(history, other)
    more(run, *results[7:])
    assert add_run(history, run) == AddedRun(run_id="monday", added=4, known=7)
    with open_history(str(tmp_path / "fresh.db")) as fresh:
        for one in (other, run):
            add_run(fresh, one)
        assert {name: len(found) for name, found in everything(fresh).items()} == {
            name: len(found) for name, found in everything(history).items()
        }
    values = {row["value"] for row in rows(history, tables.estimates)}
    assert {1000, 500, 1100, 550} <= values


def test_a_repeated_trial_counts_with_its_last_result(history: HistoryDatabase, tmp_path: Path) -> None:
    failed = result(None, status=Status.FAILED, causes=(Cause.DEVICE_LOST,))
    run = write_run(tmp_path / "monday", [failed])
    add_run(history, run)
    assert rows(history, tables.estimates) == []
    again = result(1234.0)
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"retried": [failed.trial.trial_id], "format_version": 3}))
    more(run, again)
    assert add_run(history, run) == AddedRun(run_id="monday", added=0, known=1)
    (trial,) = rows(history, tables.trials)
    assert (trial["status"], trial["causes"], trial["inference_avg_us"]) == ("ok", "", 1234.0)
    assert 1234.0 in {row["value"] for row in rows(history, tables.estimates)}


def test_runs_of_every_format_are_read(history: HistoryDatabase, tmp_path: Path) -> None:
    for version in (1, 2, 3, 4):
        run = write_run(tmp_path / f"v{version}", some_results(), started_at=BEGAN + timedelta(days=version))
        manifest = json.loads((run / "manifest.json").read_text())
        # The first format had neither of these keys.
        old = {key: value for key, value in manifest.items() if version > 1 or key not in ("adaptive", "further")}
        (run / "manifest.json").write_text(json.dumps(old | {"format_version": version}))
        assert add_run(history, run).added == 11
    (run / "manifest.json").write_text(json.dumps(manifest | {"format_version": 99}))
    with pytest.raises(UsageError, match="has format 99"):
        add_run(history, run)


def test_hostile_names_are_taken_by_every_database(history: HistoryDatabase, tmp_path: Path) -> None:
    odd = result(
        1000.0, model=HOSTILE, device=HOSTILE, binary=HOSTILE, cpus=HOSTILE, ops=[op(0, HOSTILE, HOSTILE, 700.0)]
    )
    phone = replace(PHONE, serial=HOSTILE, model=HOSTILE, fingerprint=HOSTILE, config=HOSTILE)
    # Names of files and arguments may hold bytes that are no text; what a run stores is always text, and may hold NUL.
    folder = tmp_path / os.fsdecode(b"\xff 'monday' %s")
    run = write_run(folder, [odd], devices=(phone,), run_id=HOSTILE, host={HOSTILE: HOSTILE})
    label = "\udcff=\0"
    assert add_run(history, run, {label: label}) == AddedRun(run_id=HOSTILE, added=1, known=0)
    assert add_run(history, run, {label: label}) == AddedRun(run_id=HOSTILE, added=0, known=1)
    more(run, result(1000.0, model=HOSTILE, device=HOSTILE, binary=HOSTILE, cpus=HOSTILE, block=1))
    assert add_run(history, run) == AddedRun(run_id=HOSTILE, added=1, known=1)
    (stored,) = rows(history, tables.runs)
    assert (stored["run_id"], stored["host"]) == (STORED, {STORED: STORED})
    assert stored["path"].endswith(r"\udcff 'monday' %s")
    assert [(row["key"], row["value"]) for row in rows(history, tables.labels)] == [(r"\udcff=\x00", r"\udcff=\x00")]
    assert [(row["serial"], row["fingerprint"]) for row in rows(history, tables.devices)] == [(STORED, STORED)]
    assert [(row["node_type"], row["name"]) for row in rows(history, tables.ops)] == [(STORED, STORED)]
    series = rows(history, tables.series)
    assert len(series) == 5
    assert {(row["device"], row["model"], row["binary"], row["cpus"]) for row in series} == {(STORED,) * 4}


def test_numbers_that_no_column_takes_are_unknown(history: HistoryDatabase, tmp_path: Path) -> None:
    ops = [op(0, "A", "a", math.inf), op(1, "B", "b", 1.0, times_called=2**40), op(2, "C", "c", 2.0)]
    odd = result(math.inf, ops=ops, conditions=Conditions(frequency_khz=2**40, temperature_before_c=-math.inf))
    run = write_run(tmp_path / "monday", [odd])
    add_run(history, run)
    (trial,) = rows(history, tables.trials)
    assert [trial[name] for name in ("inference_avg_us", "init_us", "frequency_khz", "temperature_before_c")] == [
        None
    ] * 4
    assert [(row["cost_us"], row["times_called"]) for row in rows(history, tables.ops)] == [
        (None, 1),
        (2.0**40, None),
        (2.0, 1),
    ]
    assert rows(history, tables.estimates) == []


def test_an_older_copy_of_a_run_takes_nothing_away(history: HistoryDatabase, tmp_path: Path) -> None:
    results = some_results()
    run = write_run(tmp_path / "monday", results[:5])
    copy = shutil.copytree(run, tmp_path / "copy")
    more(run, *results[5:])
    add_run(history, run, {"commit": "abc"})
    before = everything(history)
    with pytest.raises(UsageError, match="lacks 6 results of the run monday that the history holds"):
        add_run(history, copy, {"commit": "def"})
    assert everything(history) == before


def test_another_run_of_the_same_id_is_refused(history: HistoryDatabase, tmp_path: Path) -> None:
    add_run(history, write_run(tmp_path / "monday", some_results()))
    before = everything(history)
    other = write_run(tmp_path / "other", some_results(2.0), run_id="monday", started_at=BEGAN + timedelta(days=1))
    with pytest.raises(UsageError, match="holds another run with the id monday"):
        add_run(history, other)
    assert everything(history) == before


def test_a_line_that_a_disk_spoiled_is_left_out_and_said(history: HistoryDatabase, tmp_path: Path) -> None:
    run = write_run(tmp_path / "monday", some_results())
    with (run / "trials.jsonl").open("a") as stream:
        stream.write("{\n")
    assert add_run(history, run).notes == ("1 damaged lines left out",)


def test_no_run_is_refused_by_name(history: HistoryDatabase, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"manifest\.json is missing"):
        add_run(history, tmp_path)


def test_progress_counts_trials_and_ops(history: HistoryDatabase, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    run = write_run(tmp_path / "monday", some_results())
    add_run(history, run, progress=lambda done, total: heard.append((done, total)))
    assert heard == [(11, 13), (13, 13)]


def test_the_run_that_used_a_kept_file_last_is_noted(history: HistoryDatabase, tmp_path: Path) -> None:
    for day, name in enumerate(("monday", "tuesday")):
        add_run(history, write_run(tmp_path / name, some_results(), started_at=BEGAN + timedelta(days=day)))
    note_files(history, "monday", [("model", "m", "a" * 64, 5), ("binary", "b", "b" * 64, 6)])
    note_files(history, "tuesday", [("model", "m again", "a" * 64, 5)])
    with history.read() as connection:
        joined = select(tables.blobs, tables.runs.c.run_id).join(
            tables.runs, tables.blobs.c.last_run == tables.runs.c.id
        )
        found = {(row.sha256[0], row.kind, row.name, row.size_bytes, row.run_id) for row in connection.execute(joined)}
    assert found == {("a", "model", "m", 5, "tuesday"), ("b", "binary", "b", 6, "monday")}
