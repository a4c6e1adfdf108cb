"""`harness history add`, `migrate` and `prune` on the command line, and `harness run --history`."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness.history.blob_store import BlobStore
from harness.history.database import open_history
from harness.history.tables import blobs, estimates, labels, runs, series
from tests.analysis.made_up import result
from tests.cli.running import harness, no_traceback, write_suite
from tests.history.stored_runs import rows, some_results, write_run
from tests.model_files import shipped


@pytest.fixture
def default_place() -> Path:
    return Path(os.environ["HARNESS_STATE_DIR"]) / "history" / "history.db"


def test_runs_are_added_to_the_users_own_history(tmp_path: Path, default_place: Path) -> None:
    names = [write_run(tmp_path / name, some_results()) for name in ("monday", "tuesday")]
    done = harness("history", "add", *names, "--label", "commit=abc", "--label", " branch = main")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["monday: 11 trials added, 0 known", "tuesday: 11 trials added, 0 known"]
    again = harness("history", "add", *names, "--json")
    assert json.loads(again.stdout) == {
        "runs": [
            {"run_id": "monday", "added": 0, "known": 11, "notes": []},
            {"run_id": "tuesday", "added": 0, "known": 11, "notes": []},
        ]
    }
    with open_history(str(default_place)) as history:
        found = {(row["key"], row["value"]) for row in rows(history, labels)}
    assert found == {("commit", "abc"), ("branch", " main")}


def test_a_bad_run_does_not_stop_the_others(tmp_path: Path) -> None:
    good = [write_run(tmp_path / name, some_results()) for name in ("monday", "wednesday")]
    (tmp_path / "tuesday").mkdir()
    database = tmp_path / "history.db"
    done = harness("history", "add", good[0], tmp_path / "tuesday", good[1], "--json", "--database", database)
    assert done.returncode == 2
    assert [one["run_id"] for one in json.loads(done.stdout)["runs"]] == ["monday", "wednesday"]
    assert done.stderr == f"harness: {tmp_path / 'tuesday'} holds no run: manifest.json is missing\n"


def test_a_document_is_printed_also_if_every_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    done = harness("history", "add", tmp_path / "none", "--json", "--database", tmp_path / "history.db")
    assert (done.returncode, json.loads(done.stdout)) == (2, {"runs": []})


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--label", "commit"), 2, "--label 'commit' is no KEY=VALUE"),
        (("--label", "=abc"), 2, "--label '=abc' is no KEY=VALUE"),
        (("--database", "mysql://h/n"), 2, "the history cannot be in a database of mysql"),
        (("--database", "postgresql://x@/n?host=/nowhere"), 3, "cannot be reached"),
        (("--wait", "-1"), 2, "--wait"),
    ],
)
def test_a_wrong_request_is_one_clear_line(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    done = harness("history", "add", write_run(tmp_path / "monday", []), *words)
    no_traceback(done)
    assert done.returncode == code
    assert said in done.stderr


def test_runs_that_were_added_before_the_database_failed_are_said(tmp_path: Path) -> None:
    first = write_run(tmp_path / "monday", some_results())
    second = write_run(tmp_path / "tuesday", some_results())
    database = tmp_path / "history.db"
    harness("history", "add", first, "--database", database)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute(
            "CREATE TRIGGER t BEFORE INSERT ON runs WHEN NEW.run_id = 'tuesday' BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    done = harness("history", "add", first, second, "--database", database, "--json")
    no_traceback(done)
    assert done.returncode == 3
    assert [one["run_id"] for one in json.loads(done.stdout)["runs"]] == ["monday"]


def test_a_history_that_is_up_to_date_says_so(tmp_path: Path) -> None:
    database = tmp_path / "history.db"
    none = harness("history", "migrate", "--database", database)
    assert none.returncode == 2
    assert "holds no history yet" in none.stderr
    harness("history", "add", write_run(tmp_path / "monday", []), "--database", database)
    done = harness("history", "migrate", "--database", database)
    assert done.stdout == f"{database} is up to date: revision 0001\n"
    document = json.loads(harness("history", "migrate", "--database", database, "--json").stdout)
    assert document == {"database": str(database), "before": "0001", "after": "0001", "copy": None}


def test_pruning_says_what_goes_and_what_would(tmp_path: Path) -> None:
    run = write_run(tmp_path / "monday", [result(1.0)])
    logs = run / "logs" / result(1.0).trial.trial_id
    logs.mkdir()
    (logs / "stdout.txt").write_bytes(bytes(2_000_000))
    database = tmp_path / "history.db"
    harness("history", "add", run, "--database", database)
    would = harness("history", "prune", "--keep-logs", "30d", "--dry-run", "--database", database)
    assert would.stdout.splitlines() == [
        f"{run}: would remove 1 logs, 2.0 MB",
        "would remove the logs of 1 runs and 0 kept files, 0.0 MB",
    ]
    assert logs.exists()
    done = harness("history", "prune", "--keep-logs", "30d", "--json", "--database", database)
    assert json.loads(done.stdout) == {
        "runs": [{"run_id": "monday", "path": str(run), "files": 1, "size_bytes": 2_000_000}],
        "left": [],
        "gone": 0,
        "files": [],
    }
    assert not logs.exists()
    assert harness("history", "prune", "--keep-logs", "soon", "--database", database).returncode == 2


def test_a_run_adds_itself_and_keeps_its_files(tmp_path: Path, default_place: Path) -> None:
    model = shipped("cnn_fp32.tflite")
    suite = write_suite(tmp_path, [model], "delegates: [cpu]\nprocesses: 1\n")
    done = harness(
        "run", suite, "--device", "virtual:1", "--out", tmp_path / "run", "--history", "--label", "commit=abc", "--json"
    )
    no_traceback(done)
    assert done.returncode == 0
    json.loads(done.stdout)
    assert f"trials added to {default_place}" in done.stderr
    with open_history(str(default_place)) as history:
        (run,) = rows(history, runs)
        assert run["path"] == str(tmp_path / "run")
        assert {row["kind"] for row in rows(history, blobs)} == {"model", "binary"}
        assert rows(history, estimates)
        assert {row["device"].partition(":")[0] for row in rows(history, series)} == {"virtual"}
        kept = [BlobStore().path(row["sha256"]) for row in rows(history, blobs)]
    assert all(kept)
    assert model.read_bytes() in [one.read_bytes() for one in kept if one is not None]


def test_a_history_that_fails_loses_no_run(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "delegates: [cpu]\nprocesses: 1\n")
    words = tmp_path / "notes.txt"
    words.write_text("no database, but longer than a header\n")
    run = tmp_path / "run"
    done = harness(
        "run", suite, "--device", "virtual:1", "--out", run, "--history", "--database", words, "--label", "a=b c"
    )
    no_traceback(done)
    assert done.returncode == 3
    assert "report: " in done.stdout
    assert f"not added to the history: {words} is no SQLite database" in done.stderr
    assert f"harness history add {run} --label 'a=b c' --database {words}" in done.stderr
    assert harness("history", "add", run, "--database", tmp_path / "history.db").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--label", "a=b"), "--database and --label need --history"),
        (("--database", "x.db"), "--database and --label need --history"),
        (("--history", "--dry-run"), "--history adds results, and --dry-run has none"),
        (("--history", "--label", "a"), "is no KEY=VALUE"),
        (("--history", "--database", "mysql://h/n"), "cannot be in a database of mysql"),
    ],
)
def test_what_cannot_be_added_is_said_before_anything_is_measured(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")])
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "run").exists()
