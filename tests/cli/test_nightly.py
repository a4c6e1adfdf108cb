"""`harness nightly`, from the command line: what it runs, keeps, tells, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.api.run_watcher import RunWatcher
from harness.devices.adb_target import AdbTarget
from harness.devices.device_config import load_device_configs
from harness.experiments import nightly_run
from harness.experiments.nightly_lock import one_nightly
from harness.files.user_folders import nightly_lock_file
from harness.history.change_log import known_changes, record_evidence
from harness.history.database import open_history
from harness.history.series_reader import read_series
from harness.records import Trial
from harness.records.history import ChangeVerdict, Evidence
from harness.runs.run_store import load_run
from harness.virtual.farm import VirtualFarm
from harness.virtual.replay.waiting import that_waits
from tests.cli.running import QUICK, harness, no_traceback
from tests.cli.scripted_program import ABI, write_program
from tests.cli.test_history_check import STEP, noisy
from tests.history.made_up_history import store
from tests.model_files import shipped

MODEL = "cnn_fp32.tflite"
KEEP = "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read() + b'\\n---\\n')"


def suite(folder: Path, name: str, *, model: str | None = None, processes: int = 1) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(
        f"suite: {name}\nmodels: [{json.dumps(model or str(shipped(MODEL)))}]\nprocesses: {processes}\n{QUICK}"
    )
    return path


@pytest.fixture(scope="module")
def waiting_device() -> Iterator[str]:
    """A device whose processes take a moment and compute nothing: their numbers are played back, and marked."""
    with (
        VirtualFarm([that_waits(load_device_configs()["virtual-flagship"], 0.01)]) as farm,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("ANDROID_ADB_SERVER_PORT", str(farm.adb_port))
        yield f"{farm.serials[0]} {farm.adb_port}"


@pytest.fixture
def device(waiting_device: str, monkeypatch: pytest.MonkeyPatch) -> str:
    serial, port = waiting_device.split()
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", port)
    return serial


def nightly(folder: Path, *words: object) -> tuple[int, dict[str, Any], str]:
    done = harness("nightly", "--database", folder / "history.db", "--json", *words, cwd=folder)
    no_traceback(done)
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return done.returncode, document, done.stderr


def test_suites_go_into_the_history_and_one_that_cannot_run_does_not_stop_the_next(tmp_path: Path, device: str) -> None:
    good, other = suite(tmp_path, "good"), suite(tmp_path, "other", processes=2)
    bad = suite(tmp_path, "bad", model="missing.tflite")
    page = tmp_path / "history.html"
    code, document, stderr = nightly(
        tmp_path, good, bad, other, "--device", device, "--label", "commit=abc", "--report", page
    )
    assert code == 2, "a suite is wrong, and nothing that was measured is bad"
    assert "missing.tflite" in stderr
    assert [(one["suite"], one["good"], one["added"]) for one in document["runs"]] == [
        (str(good), True, 1),
        (str(bad), False, None),
        (str(other), True, 2),
    ]
    assert "missing.tflite" in document["runs"][1]["error"]
    assert document["report"] == str(page)
    assert page.stat().st_size > 0
    assert not document["notified"]
    folders = sorted(path.name.partition("-20")[0] for path in (tmp_path / "runs").iterdir())
    assert folders == ["good", "other"]
    with open_history(str(tmp_path / "history.db")) as db, db.read() as connection:
        series = read_series(connection, metrics=["inference_avg"])
    assert [(len(one.estimates), one.estimates[0].labels) for one in series] == [(2, (("commit", "abc"),))]
    # A missed night is a gap; the next one goes on where the last one was.
    code, document, _ = nightly(tmp_path, good, "--device", device)
    assert code == 0
    assert document["check"]["nights"] == 3


def test_a_wrong_suite_is_named_once_before_anything_runs(
    tmp_path: Path, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    heard: list[str] = []

    class Listener(RunWatcher):
        def started(self, trial: Trial) -> None:
            heard.append(trial.model.path)

        def warning(self, message: str) -> None:
            heard.append(message)

    suites = [suite(tmp_path, "good"), suite(tmp_path, "bad", model="missing.tflite")]
    plan = nightly_run.NightPlan(suites=tuple(map(str, suites)), devices=(device,), database=str(tmp_path / "x.db"))
    night = nightly_run.nightly(plan, Listener())
    assert [one.error is None for one in night.suites] == [True, False]
    assert [("missing.tflite" in word, "cnn_fp32.tflite" in word) for word in heard] == [(True, False), (False, True)]


def test_without_a_device_nothing_is_left_and_nothing_is_good(tmp_path: Path, device: str) -> None:
    code, document, stderr = nightly(tmp_path, suite(tmp_path, "s"), "--device", "nobody")
    assert code == 3
    assert "no device 'nobody' is attached" in stderr
    assert document["runs"][0]["run_id"] is None
    assert list((tmp_path / "runs").iterdir()) == []
    del device


def test_a_failed_trial_is_bad(tmp_path: Path, device: str) -> None:
    program = tmp_path / "benchmark_model"
    program.write_text("#!/bin/sh\necho 'ERROR: it fails' >&2\nexit 1\n")
    words = ["--device", device, "--binary", f"{ABI}={program}"]
    code, document, _ = nightly(tmp_path, suite(tmp_path, "s"), *words)
    assert code == 1
    assert document["runs"][0]["statuses"] == {"failed": 1}


def test_all_suites_wrong_is_a_wrong_request(tmp_path: Path) -> None:
    done = harness("nightly", tmp_path / "missing.yaml", "--database", tmp_path / "history.db", cwd=tmp_path)
    assert done.returncode == 2
    assert "no such suite file" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--notify-url", "chat.example"], "--notify-url is no http or https address"),
        (["--notify-command", "'open"], "--notify-command"),
        (["--label", "abc"], "--label"),
        (["--report", "nowhere/history.html"], "there is no folder nowhere"),
        (["--binary", "abc"], "--binary abc"),
    ],
)
def test_mistakes_are_told_in_the_evening(tmp_path: Path, words: list[str], said: str) -> None:
    database = tmp_path / "history.db"
    done = harness("nightly", suite(tmp_path, "s"), *words, "--database", database, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_second_nightly_leaves(tmp_path: Path) -> None:
    with one_nightly(nightly_lock_file(), 0):
        done = harness("nightly", suite(tmp_path, "s"), "--database", tmp_path / "history.db", cwd=tmp_path)
    assert done.returncode == 3
    assert "another nightly runs (pid " in done.stderr
    assert "--wait SECONDS" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_history_that_cannot_be_used_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_text("no database at all, but some text that is long enough")
    done = harness("nightly", suite(tmp_path, "s"), "--database", tmp_path / "history.db", cwd=tmp_path)
    assert done.returncode == 2
    assert "is no SQLite database" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_regressions_are_told_until_somebody_accepts_them(tmp_path: Path, device: str) -> None:
    """A suspicion once, a confirmed one every night. The slow nights are made up; nothing is left of them to run again."""
    database, told = tmp_path / "history.db", tmp_path / "told"
    with open_history(str(database)) as db, db.begin() as connection:
        store(connection, [noisy(1.06, binaries={STEP: "c" * 64})])
    words = [suite(tmp_path, "s"), "--device", device]
    words += ["--notify-command", f"'{sys.executable}' -c \"{KEEP}\" '{told}'"]

    def notices() -> list[dict[str, Any]]:
        return [json.loads(one) for one in told.read_text().split("\n---\n") if one] if told.exists() else []

    code, document, _ = nightly(tmp_path, *words)
    assert (code, document["notified"]) == (0, True)
    (experiment,) = document["experiments"]
    assert experiment["answer"] == "not tried"
    assert "the run folders of both nights are gone" in experiment["reason"]
    (first,) = notices()
    assert (first["confirmed"], first["suspected"], first["new"]) == (0, 1, 1)
    assert first["changes"][0]["id"] in first["text"]

    code, document, _ = nightly(tmp_path, *words)
    assert (code, document["notified"], len(notices())) == (0, False, 1)

    with open_history(str(database)) as db, db.begin() as connection:
        (known,) = known_changes(connection)
        found = Evidence(
            run_id="e", run_path="/e", ratio=1.06, ci_low=1.05, ci_high=1.07, device_s=9.0, at=datetime.now(UTC)
        )
        record_evidence(connection, known.id, ChangeVerdict.CONFIRMED, found)
    for count in (2, 3):
        code, document, _ = nightly(tmp_path, *words)
        assert (code, document["notified"], len(notices())) == (1, True, count)
    assert (notices()[-1]["confirmed"], notices()[-1]["new"]) == (1, 0)

    assert harness("history", "accept", known.id, "--database", database).returncode == 0
    code, document, _ = nightly(tmp_path, *words)
    assert (code, document["notified"], len(notices())) == (0, False, 3)


def test_a_notification_that_fails_is_told_and_tried_again_the_next_night(tmp_path: Path, device: str) -> None:
    with open_history(str(tmp_path / "history.db")) as db, db.begin() as connection:
        store(connection, [noisy(1.06)])
    words = [suite(tmp_path, "s"), "--device", device, "--confirm-budget", 0]
    code, document, stderr = nightly(tmp_path, *words, "--notify-command", "false")
    assert (code, document["notified"]) == (3, False)
    assert "the notification command false failed: exit code 1" in stderr
    assert document["experiments"] == []
    code, document, _ = nightly(tmp_path, *words, "--notify-command", "true")
    assert (code, document["notified"]) == (0, True)


def test_words_of_a_night_name_its_history(tmp_path: Path, device: str) -> None:
    database = tmp_path / "history.db"
    with open_history(str(database)) as db, db.begin() as connection:
        store(connection, [noisy(1.06)])
    words = [suite(tmp_path, "s"), "--device", device, "--confirm-budget", 0, "--database", database]
    done = harness("nightly", *words, cwd=tmp_path, env={"COLUMNS": "500"})
    assert done.returncode == 0, done.stderr
    assert f"--database {database}\n" in done.stdout.partition("to be sure: harness history confirm ")[2]


def test_ctrl_c_after_the_suites_tells_of_them_all_the_same(
    tmp_path: Path, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(nightly_run, "check_history", interrupted)
    code, document, _ = nightly(tmp_path, suite(tmp_path, "s"), "--device", device)
    assert (code, document["interrupted"], document["check"]) == (130, True, None)
    assert document["runs"][0]["added"] == 1


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    """The first suite is in the history by then; the second one's results are on the disk."""
    first, second = suite(tmp_path, "first"), suite(tmp_path, "second", processes=4)
    runs, database = tmp_path / "my runs", tmp_path / "history.db"
    with VirtualFarm(["virtual-flagship"]) as farm:
        target = AdbTarget(farm.serials[0], port=farm.adb_port)
        # The program's third call is the second suite's second process: there it stays.
        hold = "mkdir /data/local/tmp/hold && echo 3 >/data/local/tmp/hold/at"
        assert target.run(hold, timeout_s=60).exit_code == 0
        binary = write_program(tmp_path)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "harness", "nightly", str(first), str(second), "--device", target.serial),
                *("--binary", binary, "--out", str(runs), "--database", str(database)),
                *("--label", "note=two words"),
            ],
            env={**os.environ, "ANDROID_ADB_SERVER_PORT": str(farm.adb_port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_for_results(runs, "second-*", 1)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=120)
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    (folder,) = runs.glob("second-*")
    go_on = (
        f"harness run --resume '{folder}' --binary {binary} --history --label 'note=two words' --database {database}"
    )
    assert f"go on with: {go_on}\n" in stdout
    assert len(load_run(folder).results) == 1
    with open_history(str(database)) as db, db.read() as connection:
        (series,) = read_series(connection, metrics=["inference_avg"])
    assert len(series.estimates) == 1


def wait_for_results(runs: Path, pattern: str, count: int) -> None:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        if any(path.read_bytes().count(b"\n") >= count for path in runs.glob(f"{pattern}/trials.jsonl")):
            return
        time.sleep(0.05)
    pytest.fail(f"{runs}/{pattern} did not reach {count} results")
