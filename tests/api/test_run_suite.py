"""`harness.run`, `harness.plan` and `harness.resume`, with real virtual devices where a device is needed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.api.lanes import Effort
from harness.api.run_suite import new_run_folder
from harness.errors import UsageError
from harness.records import Result, Status, Trial
from harness.records.adaptive_decisions import AdaptivePlan
from harness.runs.run_store import load_run
from tests.analysis.made_up import cell
from tests.cli.comparable_runs import noise, write_run
from tests.model_files import shipped

SUITE: dict[str, object] = {
    "suite": "small",
    "models": [shipped("cnn_int8.tflite")],
    "delegates": ["xnnpack"],
    "processes": 2,
    "run": {"min_runs": 2, "min_s": 0, "max_s": 2, "warmup_runs": 0, "warmup_s": 0, "timeout_s": 30},
}


class Diary(harness.RunWatcher):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.lines.append(f"begin {name}")
        yield
        self.lines.append(f"end {name}")

    @contextmanager
    def measuring(self, total: int, done: int, plan: AdaptivePlan | None) -> Iterator[None]:
        self.lines.append(f"begin {total - done} of {total}")
        yield
        self.lines.append("end")

    def notice(self, message: str) -> None:
        self.lines.append(message)

    def started(self, trial: Trial) -> None:
        self.lines.append(f"started {trial.process}")

    def finished(self, result: Result) -> None:
        self.lines.append(f"finished {result.trial.process} {result.status}")


def test_a_run_from_a_dictionary_tells_its_watcher_and_nobody_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    diary = Diary()
    outcome = harness.run(SUITE, devices="virtual:1", out=tmp_path / "run", watcher=diary)
    assert outcome.good
    assert (outcome.path, dict(outcome.counts), outcome.unfinished) == (tmp_path / "run", {Status.OK: 2}, 0)
    assert outcome.report == tmp_path / "run" / "report.html"
    assert outcome.results == load_run(tmp_path / "run").results
    assert outcome.run.manifest.suite == "small"
    # A result is told once it is on the disk; the device goes on meanwhile.
    told = [line for line in diary.lines if line.startswith(("started", "finished"))]
    for process in (0, 1):
        assert [line for line in told if line.split()[1] == str(process)] == [
            f"started {process}",
            f"finished {process} ok",
        ]
    assert [line for line in diary.lines if line not in told] == [
        "begin starting virtual devices",
        "end starting virtual devices",
        "begin 2 of 2",
        "end",
        "begin writing the report",
        "end writing the report",
    ]
    assert capfd.readouterr() == ("", "")

    # With one result taken away the rest is gone on with; the report is not asked for.
    lines = (tmp_path / "run" / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "run" / "trials.jsonl").write_bytes(lines[0])
    diary.lines.clear()
    again = harness.resume(tmp_path / "run", report=False, watcher=diary)
    assert (again.good, again.report, len(again.results)) == (True, None, 2)
    assert "begin 1 of 2" in diary.lines
    assert diary.lines[-1] == "end"


def test_a_finished_run_is_resumed_without_a_device(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", cell(noise(1)))
    diary = Diary()
    outcome = harness.resume(path, report=False, watcher=diary)
    assert outcome.good
    assert diary.lines == [f"{path}: all 10 trials are finished"]


def test_a_plan_has_the_trials_and_leaves_nothing(tmp_path: Path) -> None:
    planned = harness.plan({**SUITE, "threads": [1, 2]}, devices=["virtual:1"], out=tmp_path / "run")
    assert [trial.threads for trial in planned.expansion.trials if trial.process == 0] in ([1, 2], [2, 1])
    assert len(planned.expansion.trials) == 4
    assert list(tmp_path.iterdir()) == []


def test_wrong_requests_end_before_any_device_is_started(tmp_path: Path) -> None:
    diary = Diary()
    taken = write_run(tmp_path / "taken", [])
    with pytest.raises(UsageError, match="already holds a run"):
        harness.run(SUITE, devices="virtual:1", out=taken, watcher=diary)
    with pytest.raises(UsageError, match="no such ABI"):
        harness.run(SUITE, devices="virtual:1", binaries={"mips": "/bin/sh"}, watcher=diary)
    with pytest.raises(UsageError, match="no such file"):
        harness.plan(SUITE, devices="virtual:1", binaries={"x86_64": tmp_path / "none"}, watcher=diary)
    with pytest.raises(UsageError, match="holds no run"):
        harness.resume(tmp_path / "nowhere", watcher=diary)
    assert diary.lines == []


def test_another_suite_is_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", cell(noise(1)))
    other = tmp_path / "other.yaml"
    other.write_text("suite: other\n")
    with pytest.raises(UsageError, match="is not the suite of"):
        harness.resume(path, suite=other)
    with pytest.raises(UsageError, match="is a folder, not a YAML file"):
        harness.resume(path, suite=tmp_path)


@pytest.mark.parametrize(
    ("statuses", "good"),
    [
        ([Status.OK, Status.OK], True),
        ([Status.OK, Status.SKIPPED], True),
        ([Status.OK, Status.FAILED], False),
        ([Status.OK, Status.INVALID], False),
        ([Status.SKIPPED], False),
        ([], False),
    ],
)
def test_good_is_what_ran_and_did_not_fail(tmp_path: Path, statuses: list[Status], good: bool) -> None:
    results = [
        replace(one, status=status) for one, status in zip(cell([1000.0] * len(statuses)), statuses, strict=True)
    ]
    outcome = harness.resume(write_run(tmp_path / "run", results), report=False)
    assert outcome.good is good
    assert not replace(outcome, interrupted=True).good
    assert not replace(outcome, unfinished=1).good


def test_a_report_that_cannot_be_written_costs_nothing_that_was_measured(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", cell(noise(1)))
    (path / "report.html").mkdir()
    outcome = harness.resume(path)
    assert (outcome.report, len(outcome.results)) == (None, 10)
    assert isinstance(outcome.report_error, UsageError)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"parallel_virtual": 0}, "at least one device"),
        ({"parallel_virtual": -1}, "at least one device"),
        ({"wait_s": -1.0}, "--wait"),
        ({"quarantine_s": float("nan")}, "--quarantine"),
    ],
)
def test_efforts_that_make_no_sense_are_refused_before_anything_starts(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Effort(**arguments)


def test_runs_of_the_same_second_have_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    count = 8
    together = threading.Barrier(count, timeout=60)
    found: list[Path] = []

    def name() -> None:
        together.wait()
        found.append(new_run_folder("suite", datetime(2026, 11, 22, tzinfo=UTC)))

    threads = [threading.Thread(target=name) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == count
    assert all(path.is_dir() for path in found)
