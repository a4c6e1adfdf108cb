"""Commands of the history with names, folders and numbers that nobody expects."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.records import ModelRef
from tests.analysis.made_up import BEGAN, result
from tests.cli.running import harness, no_traceback
from tests.history.stored_runs import some_results, write_run

ESCAPE = "\x1b]0;owned\x07"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    place = tmp_path / "history.db"
    assert harness("history", "add", write_run(tmp_path / "monday", []), "--database", place).returncode == 0
    return place


def test_names_in_runs_do_not_reach_the_terminal_as_they_are(tmp_path: Path) -> None:
    model = ModelRef(name="m", path=f"/nowhere/{ESCAPE}", sha256="a" * 64, size_bytes=1)
    run = write_run(tmp_path / f"a{ESCAPE}", some_results(), run_id=f"{ESCAPE}\nfake: 9 trials added", models=(model,))
    words = ("--database", tmp_path / "history.db")
    added = harness("history", "add", run, tmp_path / f"none{ESCAPE}", *words)
    assert added.returncode == 2
    pruned = harness("history", "prune", "--keep-logs", "1d", "--dry-run", *words)
    run.rename(tmp_path / "moved")
    gone = harness("history", "prune", "--keep-logs", "1d", "--dry-run", *words)
    refused = harness("history", "accept", ESCAPE, *words)
    assert gone.stderr.splitlines() == ["1 run whose folder is gone: nothing to prune"]
    for done in (added, pruned, refused):
        no_traceback(done)
        assert "owned" in done.stdout + done.stderr
        assert "\x1b" not in done.stdout + done.stderr
    assert len(added.stdout.splitlines()) == 1


def test_a_run_that_no_database_takes_does_not_stop_the_others(tmp_path: Path) -> None:
    one = result(1.0)
    bad = [
        write_run(tmp_path / "naive", [], started_at=BEGAN.replace(tzinfo=None)),
        write_run(tmp_path / "large", [replace(one, trial=replace(one.trial, process=10**30))]),
        write_run(tmp_path / "early", [replace(one, started_at=datetime.fromisoformat("0001-01-01T00:00+14:00"))]),
    ]
    good = write_run(tmp_path / "good", some_results())
    done = harness("history", "add", *bad, good, "--json", "--database", tmp_path / "history.db")
    no_traceback(done)
    assert done.returncode == 2
    assert [run["run_id"] for run in json.loads(done.stdout)["runs"]] == ["good"]
    reasons = done.stderr.splitlines()
    assert [f"{path} cannot be added: " in line for path, line in zip(bad, reasons, strict=True)] == [True] * 3


def test_a_model_that_is_a_pipe_by_now_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "m.tflite"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR)  # without it, a program that opens the pipe would never come back
    try:
        model = ModelRef(name="m", path=str(pipe), sha256="a" * 64, size_bytes=1)
        run = write_run(tmp_path / "run", [], models=(model,))
        os.write(reader, b"x")
        done = harness("history", "add", run, "--database", tmp_path / "history.db")
    finally:
        os.close(reader)
    assert (done.returncode, f"model m is not kept: {pipe} is no file" in done.stderr) == (0, True)


def test_a_pipe_is_no_database_and_nobody_waits_for_it(tmp_path: Path) -> None:
    pipe = tmp_path / "history.db"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDWR)  # without it, a program that opens the pipe would never come back
    try:
        os.write(end, b"SQLite format 3\0")
        done = harness("history", "list", "--database", pipe)
    finally:
        os.close(end)
    assert (done.returncode, f"{pipe} is a pipe" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("list", "--wait", "nan"),
        ("check", "--confirm", "--budget", "nan"),
        ("confirm", "x", "--budget", "nan"),
        ("list", "--since", "0001-01-01T00:00+14:00"),
        ("list", "--since", "9999-12-31T23:59-14:00"),
        ("prune", "--keep-logs", f"{datetime.now(UTC).year}000d"),
        ("prune", "--keep-files", f"{'9' * 400}GB"),
    ],
)
def test_a_number_that_means_nothing_is_a_wrong_request(database: Path, words: tuple[str, ...]) -> None:
    done = harness("history", *words, "--database", database)
    no_traceback(done)
    assert done.returncode == 2, done.stderr


@pytest.mark.parametrize("verb", [["accept", "x"], ["mute", "x"], ["unmute", "x"], ["list"], ["check"], ["prune"]])
def test_every_verb_names_the_missing_extra(database: Path, verb: list[str]) -> None:
    code = f"""
import importlib.machinery, sys
finder = importlib.machinery.PathFinder
found = finder.find_spec
finder.find_spec = lambda name, *rest: None if name.partition(".")[0] == "sqlalchemy" else found(name, *rest)
from harness.cli.main import run_cli
sys.exit(run_cli(["history", *{verb!r}, "--database", {str(database)!r}]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "harness: the history needs sqlalchemy, which is not installed",
        "  pip install 'litert-device-harness[history]'",
    ]
