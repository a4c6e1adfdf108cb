"""Removing raw logs, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.api.prune_history import prune_history, prune_run
from harness.errors import SetupError, UsageError
from harness.formats.run_junit import run_junit
from harness.history import tables
from harness.history.add_runs import add_run
from harness.history.ages import parse_age
from harness.history.database import open_history
from harness.records import Purpose, Result, Status
from harness.records.causes import Cause
from harness.report import render_report
from harness.report.log_tails import log_tails
from harness.runs.run_store import RunStore, load_run
from tests.analysis.made_up import BEGAN, cell, result
from tests.history.stored_runs import more, rows, write_run

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def with_logs(one: Result, run: Path, content: bytes = b"line\n" * 1000) -> Result:
    folder = run / "logs" / one.trial.trial_id
    folder.mkdir(parents=True)
    for name in ("stdout.txt", "stderr.txt", "profile.pb"):
        (folder / name).write_bytes(content)
    kinds = {"stdout": "stdout.txt", "stderr": "stderr.txt", "profile": "profile.pb"}
    return replace(one, logs={kind: f"logs/{one.trial.trial_id}/{name}" for kind, name in kinds.items()})


def failed(block: int, message: str, purpose: Purpose = Purpose.LATENCY) -> Result:
    one = result(None, block=block, status=Status.FAILED, causes=(Cause.CRASHED,), purpose=purpose)
    return replace(one, message=message)


def a_run(folder: Path) -> Path:
    """Three good trials and three failed ones, of which two failed alike."""
    results = [*cell([1.0, 2.0, 3.0]), failed(5, "one"), failed(4, "one"), failed(6, "two")]
    run = write_run(folder, [])
    more(run, *(with_logs(one, run, f"{number}\n".encode() * 3000) for number, one in enumerate(results)))
    (run / "logs" / "harness.log").write_text("what the harness did\n")
    return run


def tree(folder: Path) -> dict[str, int]:
    return {str(one.relative_to(folder)): one.stat().st_size for one in folder.rglob("*") if one.is_file()}


def shown(run: Path) -> tuple[object, ...]:
    """All that anybody shows of the logs, but for the links to them."""
    read = load_run(run)
    tails = log_tails(run, read.results)
    return tails, run_junit(read, tails)


def test_raw_logs_go_and_what_reports_show_of_them_stays(tmp_path: Path) -> None:
    run = a_run(tmp_path / "monday")
    before, kept = tree(run), shown(run)
    page = render_report(load_run(run))
    would = prune_run(run, "monday", now=NOW, dry_run=True)
    assert tree(run) == before
    done = prune_run(run, "monday", now=NOW)
    assert done == would
    after = tree(run)
    assert {name: size for name, size in after.items() if not name.startswith("logs/")} == {
        name: size for name, size in before.items() if not name.startswith("logs/")
    }
    logs = {name for name in after if name.startswith("logs/")}
    # The first failure in the order of running, and the one in the order of the report; of each stdout and stderr.
    assert len(logs - {"logs/harness.log", "logs/pruned.json"}) == 6
    assert done.files == 18
    assert sum(before.values()) - sum(after[name] for name in after if name != "logs/pruned.json") == done.size_bytes
    mark = json.loads((run / "logs" / "pruned.json").read_text())
    assert mark == {"logs_pruned_at": NOW.isoformat(), "files": 18, "size_bytes": done.size_bytes}
    assert shown(run) == kept
    pruned_page = render_report(load_run(run))
    assert pruned_page.count("stdout.txt") == 3 < page.count("stdout.txt") == 6
    assert "profile.pb" not in pruned_page
    assert prune_run(run, "monday", now=NOW).files == 0


def test_nothing_outside_the_logs_of_the_runs_trials_is_touched(tmp_path: Path) -> None:
    run = a_run(tmp_path / "monday")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.txt").write_text("precious")
    ids = sorted(one.name for one in (run / "logs").iterdir() if one.is_dir())
    # Links out of the run, in every place where one can be.
    (run / "logs" / ids[0] / "link").symlink_to(outside)
    (run / "logs" / ids[0] / "file-link").symlink_to(outside / "precious.txt")
    moved = tmp_path / "moved"
    (run / "logs" / ids[1]).rename(moved)
    (run / "logs" / ids[1]).symlink_to(moved)
    (run / "logs" / "not-a-trial").mkdir()
    (run / "logs" / "not-a-trial" / "kept.txt").write_text("kept")
    (run / "logs" / f"{ids[2]}.1").mkdir()
    (run / "logs" / f"{ids[2]}.1" / "stdout.txt").write_text("of a result that no longer counts")
    prune_run(run, "monday", now=NOW)
    assert (outside / "precious.txt").read_text() == "precious"
    assert len(tree(moved)) == 3
    assert (run / "logs" / "not-a-trial" / "kept.txt").read_text() == "kept"
    assert not (run / "logs" / f"{ids[2]}.1").exists()
    assert not (run / "logs" / ids[0] / "link").is_symlink()


def test_logs_that_are_a_link_are_left_alone(tmp_path: Path) -> None:
    run = a_run(tmp_path / "monday")
    (run / "logs").rename(tmp_path / "elsewhere")
    (run / "logs").symlink_to(tmp_path / "elsewhere")
    before = tree(tmp_path / "elsewhere")
    with pytest.raises(SetupError, match="cannot prune"):
        prune_run(run, "monday", now=NOW)
    assert tree(tmp_path / "elsewhere") == before


def test_another_run_or_none_is_left_alone(tmp_path: Path) -> None:
    run = a_run(tmp_path / "monday")
    before = tree(run)
    with pytest.raises(UsageError, match="holds another run now: monday"):
        prune_run(run, "tuesday", now=NOW)
    with pytest.raises(UsageError, match="holds no run"):
        prune_run(tmp_path, "monday", now=NOW)
    with RunStore.open(run), pytest.raises(SetupError, match="is being written"):
        prune_run(run, "monday", now=NOW)
    assert tree(run) == before


def test_runs_of_the_history_are_pruned_by_age_and_once(tmp_path: Path) -> None:
    database = str(tmp_path / "history.db")
    old, lost = a_run(tmp_path / "monday"), a_run(tmp_path / "lost")
    now = datetime.now(UTC)
    young = write_run(tmp_path / "young", [result(1.0)], started_at=now - timedelta(days=29))
    with open_history(database) as history:
        for run in (old, lost, young):
            add_run(history, run)
    lost.rename(tmp_path / "gone")
    would = prune_history(keep_logs=timedelta(days=30), database=database, dry_run=True)
    assert [one.run_id for one in would.runs] == ["monday"]
    assert not (old / "logs" / "pruned.json").exists()
    done = prune_history(keep_logs=timedelta(days=30), database=database)
    assert done.runs == would.runs
    assert (done.left, done.gone) == ((), 1)
    with open_history(database) as history:
        marks = {row["run_id"]: row["logs_pruned_at"] for row in rows(history, tables.runs)}
        assert {name for name, at in marks.items() if at is not None} == {"monday"}
        assert prune_history(keep_logs=timedelta(days=30), database=database).runs == ()
        # A run that went on since has new logs.
        more(old, result(9.0, block=20))
        add_run(history, old)
    assert [one.run_id for one in prune_history(keep_logs=timedelta(days=30), database=database).runs] == ["monday"]
    assert now - timedelta(days=30) > BEGAN


def test_ages_are_read_with_their_units() -> None:
    assert parse_age("30d", "x") == timedelta(days=30)
    assert parse_age(" 12 H", "x") == timedelta(hours=12)
    assert parse_age("8w", "x") == timedelta(weeks=8)
    for words in ("30", "d", "-1d", "1y", "9" * 30 + "d"):
        with pytest.raises(UsageError, match="is no age"):
            parse_age(words, "x")
