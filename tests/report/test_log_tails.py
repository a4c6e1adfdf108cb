"""The last lines of failing trials' logs stand in the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from harness.records import Result
from harness.report import write_report
from harness.report.log_tails import MOST_BYTES, MOST_LINES, MOST_TRIALS, log_tails
from tests.report.browsing import Open
from tests.report.runs import demo_run


def failing(run_path: Path) -> list[Result]:
    return [one for one in demo_run(run_path).results if one.status == "failed"]


def write_log(run_path: Path, result: Result, kind: str, text: bytes) -> None:
    file = run_path / result.logs[kind]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text)


def test_of_each_problem_the_first_trials_last_lines_are_kept(tmp_path: Path) -> None:
    first, *_ = failing(tmp_path / "run")
    logs = {kind: path.replace(first.trial.trial_id, "next") for kind, path in first.logs.items()}
    second = replace(first, trial=replace(first.trial, trial_id="next", process=9), logs=logs)
    text = "\n".join(f"line {number}" for number in range(100)) + "\n\n"
    for one in (first, second):
        write_log(tmp_path / "run", one, "stderr", text.encode())
        write_log(tmp_path / "run", one, "stdout", b"\n")
    last = "\n".join(f"line {number}" for number in range(100 - MOST_LINES, 100))
    assert log_tails(tmp_path / "run", [first, second]) == {first.trial.trial_id: {"stderr": last}}


def test_long_lines_and_bytes_that_are_no_text_are_kept_short(tmp_path: Path) -> None:
    first, *_ = failing(tmp_path / "run")
    write_log(tmp_path / "run", first, "stderr", b"x" * 10_000 + b"\xff end")
    text = log_tails(tmp_path / "run", [first])[first.trial.trial_id]["stderr"]
    assert text.endswith("x\ufffd end")
    assert len(text) == MOST_BYTES


def test_what_is_gone_or_lies_outside_of_the_run_is_not_read(tmp_path: Path) -> None:
    first, *_ = failing(tmp_path / "run")
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (tmp_path / "run" / "link.txt").symlink_to(secret)
    for path in ("logs/gone.txt", "../secret.txt", str(secret), "link.txt", "logs"):
        assert log_tails(tmp_path / "run", [replace(first, logs={"stderr": path})]) == {}


def test_good_trials_and_too_many_problems_are_left_out(tmp_path: Path) -> None:
    run = demo_run(tmp_path / "run")
    for one in run.results:
        write_log(run.path, one, "stderr", b"said")
    assert not {one.trial.trial_id for one in run.results if one.status == "ok"} & set(log_tails(run.path, run.results))
    first = next(one for one in run.results if one.status == "failed")
    many = [replace(first, message=str(n), trial=replace(first.trial, trial_id=str(n))) for n in range(MOST_TRIALS + 9)]
    assert len(log_tails(run.path, many)) == MOST_TRIALS


@pytest.mark.parametrize("text", ["ERROR: the delegate gave up", "</script><img src=x onerror=alert(1)>"])
def test_the_page_shows_them(tmp_path: Path, open_report: Open, text: str) -> None:
    first, *_ = failing(tmp_path / "run")
    write_log(tmp_path / "run", first, "stderr", f"{text}\n".encode())
    file = write_report(tmp_path / "run")
    (tmp_path / "mailed").mkdir()
    mailed = file.rename(tmp_path / "mailed" / "report.html")
    page = open_report(mailed)
    page.locator("#problems").scroll_into_view_if_needed()
    tail = page.locator("#problems .tail").first
    expect(tail.locator("summary")).to_have_text("last lines of stderr")
    tail.locator("summary").click()
    expect(tail.locator("pre")).to_have_text(text)
