"""Suspicions put to the test on virtual devices: the slow program is confirmed, one that only has another hash is refuted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.experiments.confirm_change import confirm
from harness.experiments.confirm_open import confirm_open
from harness.history.change_log import changes_named
from harness.history.database import HistoryDatabase, open_history
from harness.records.history import ChangeVerdict
from harness.virtual.farm import VirtualFarm
from tests.experiments.measured_nights import (
    SLOWER,
    added,
    measured,
    program,
    redated,
    suite_file,
    suspected,
)
from tests.in_process import harness

# On a busy machine an experiment takes minutes until it is sure.
pytestmark = pytest.mark.timeout(1200)


@dataclass(frozen=True)
class Nights:
    """Run folders of a night with the old program, one with an A/A program, one with a slow one, one with that and another model."""

    runs: tuple[Path, Path, Path, Path]
    adb_port: int


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    folder = tmp_path_factory.mktemp("nights")
    suite = suite_file(folder)
    programs = [program(folder, "old"), program(folder, "same"), program(folder, "slow", extra_work=SLOWER)]
    with VirtualFarm(["virtual-midrange"]) as farm, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANDROID_ADB_SERVER_PORT", str(farm.adb_port))
        runs = [
            measured(suite, farm.serials[0], binary, folder / f"night-{number}", number)
            for number, binary in enumerate(programs)
        ]
        other = suite_file(folder, "other", model="cnn_int8.tflite")
        both = measured(other, farm.serials[0], programs[2], folder / "night-3", 3)
        yield Nights((runs[0], runs[1], runs[2], both), farm.adb_port)


@pytest.fixture
def attached(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(nights.adb_port))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[HistoryDatabase]:
    with open_history(str(tmp_path / "history.db")) as opened:
        yield opened


@pytest.mark.usefixtures("attached")
def test_a_slow_program_is_confirmed_and_the_evidence_kept(nights: Nights, db: HistoryDatabase, tmp_path: Path) -> None:
    series = added(db, [nights.runs[0], nights.runs[2]])
    change = suspected(db, series, 1)
    out = tmp_path / "experiment"
    done = harness(
        "history", "confirm", change.id, "--database", tmp_path / "history.db", "--budget", 300, "--out", out, "--json"
    )
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert (document["answer"], document["verdict"]) == ("confirmed", "confirmed")
    assert document["ratio"] > 1.5
    assert document["old"]["binary_sha256"] == series.estimates[0].binary_sha256
    assert document["new"]["binary_sha256"] == series.estimates[1].binary_sha256
    with db.read() as connection:
        (known,) = changes_named(connection, change.id)
    assert known.verdict is ChangeVerdict.CONFIRMED
    assert known.evidence is not None
    assert known.evidence.run_path == str(out)
    assert known.evidence.ratio == document["ratio"]
    assert known.evidence.device_s == pytest.approx(document["device_s"], abs=0.01)
    assert (known.first_bad, known.last_good) == (series.estimates[1].run_id, series.estimates[0].run_id)


@pytest.mark.usefixtures("attached")
def test_a_program_of_another_hash_that_does_the_same_is_refuted(
    nights: Nights, db: HistoryDatabase, tmp_path: Path
) -> None:
    series = added(db, list(nights.runs[:2]))
    change = suspected(db, series, 1)
    (tried,) = confirm_open(db, [change], 30.0, folder=tmp_path)
    assert tried.confirmation is not None
    assert tried.confirmation.answer == "refuted"
    assert tried.change.verdict is ChangeVerdict.REFUTED
    assert not tried.confirmation.bad
    assert tried.confirmation.experiment.path == tmp_path / f"confirm-{change.id}"


@pytest.mark.usefixtures("attached")
def test_where_model_and_program_changed_the_notes_say_what_each_did(
    nights: Nights, db: HistoryDatabase, tmp_path: Path
) -> None:
    series = added(db, [nights.runs[0], nights.runs[3]])
    found = confirm(db, suspected(db, series, 1).id, budget_s=300.0, out=tmp_path / "experiment")
    assert found.answer == "confirmed"
    alone = [note.partition(" alone")[0] for note in found.experiment.notes if " alone: " in note]
    assert alone == ["the new binary", "the new model"]
    assert set(found.experiment.notes) <= set(found.change.notes)


def test_a_virtual_device_that_is_not_there_starts_again(nights: Nights, db: HistoryDatabase, tmp_path: Path) -> None:
    series = added(db, [nights.runs[0], nights.runs[2]])
    change = suspected(db, series, 1)
    found = confirm(db, change.id, budget_s=300.0, out=tmp_path / "experiment")
    assert found.answer == "confirmed"
    manifest = json.loads((tmp_path / "experiment" / "manifest.json").read_text())
    assert [device["config"] for device in manifest["devices"]] == ["virtual-midrange"]


def test_a_file_that_is_gone_is_named(nights: Nights, db: HistoryDatabase, tmp_path: Path) -> None:
    copies = [Path(shutil.copytree(run, tmp_path / run.name)) for run in (nights.runs[0], nights.runs[2])]
    for copy in copies:
        text = (copy / "manifest.json").read_text()
        (copy / "manifest.json").write_text(text.replace(str(nights.runs[0].parent), str(tmp_path / "elsewhere")))
    series = added(db, copies)
    change = suspected(db, series, 1)
    done = harness("history", "confirm", change.id, "--database", tmp_path / "history.db")
    assert done.returncode == 3
    sha = series.estimates[0].binary_sha256[:12]
    assert f"the old binary benchmark_model (SHA-256 {sha}) is gone" in done.stderr
    with db.read() as connection:
        (known,) = changes_named(connection, change.id)
    assert known.verdict is ChangeVerdict.SUSPECTED
    assert any("is gone" in note for note in known.notes)


def test_run_folders_that_are_gone_are_named(nights: Nights, db: HistoryDatabase, tmp_path: Path) -> None:
    copies = [Path(shutil.copytree(run, tmp_path / run.name)) for run in (nights.runs[0], nights.runs[2])]
    change = suspected(db, added(db, copies), 1)
    for copy in copies:
        shutil.rmtree(copy)
    done = harness("history", "confirm", change.id, "--database", tmp_path / "history.db")
    assert done.returncode == 3
    assert "the run folders of both nights are gone" in done.stderr


def test_the_same_files_on_both_nights_are_no_question(nights: Nights, db: HistoryDatabase, tmp_path: Path) -> None:
    series = added(db, [nights.runs[0], redated(nights.runs[0], tmp_path / "twin", 1)])
    change = suspected(db, series, 1)
    done = harness("history", "confirm", change.id, "--database", tmp_path / "history.db")
    assert done.returncode == 3
    assert "the same files before and after, so neither caused the change" in done.stderr


def test_a_change_that_nobody_knows(db: HistoryDatabase, tmp_path: Path) -> None:
    done = harness("history", "confirm", "nobody", "--database", tmp_path / "history.db")
    assert done.returncode == 2
    assert "has no change nobody" in done.stderr
