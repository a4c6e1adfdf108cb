"""Twelve nights on a virtual device, from the first run to the answer: what is slow is found, dated, confirmed; what is not is refuted.

The nights are measured for real, one after the other; only their dates are made up. The slow program really works four times as long, and
the metric is one that the load of this machine leaves alone: what differs here is the program.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.devices.device_config import DeviceConfig, load_device_configs
from harness.history.add_runs import add_run
from harness.history.database import HistoryDatabase, open_history
from harness.virtual.farm import VirtualFarm
from tests.experiments.measured_nights import SLOWER, UNDISTURBED, added, measured, program, suite_file, suspected
from tests.in_process import harness

NIGHTS, FIRST_BAD = 12, 8
PROFILE = "virtual-midrange"

# All nights are measured for the first test.
pytestmark = pytest.mark.timeout(1200)


@dataclass(frozen=True)
class Lab:
    """A device, and the nights measured there."""

    adb_port: int
    nights: Sequence[Path]
    """Run folders by night: the last four with the slow program."""
    same: Path
    """A run with a program of another hash that does the same."""
    updated: Sequence[Path]
    """The last four nights again, after an update of the device's system."""

    @property
    def environment(self) -> dict[str, str]:
        return {"ANDROID_ADB_SERVER_PORT": str(self.adb_port)}


def after_update() -> DeviceConfig:
    """The same phone with a newer Android, whose build has another fingerprint."""
    config = load_device_configs()[PROFILE]
    assert config.virtual is not None
    return config.model_copy(update={"virtual": config.virtual.model_copy(update={"android": "16"})})


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    old, same = program(folder, "old"), program(folder, "same")
    slow = program(folder, "slow", extra_work=SLOWER)
    suite = suite_file(folder, processes=3)
    with pytest.MonkeyPatch.context() as patch:
        with VirtualFarm([after_update()]) as farm:
            patch.setenv("ANDROID_ADB_SERVER_PORT", str(farm.adb_port))
            updated = [
                measured(suite, farm.serials[0], slow, folder / f"updated-{number}", number)
                for number in range(FIRST_BAD, NIGHTS)
            ]
        with VirtualFarm([PROFILE]) as farm:
            patch.setenv("ANDROID_ADB_SERVER_PORT", str(farm.adb_port))
            nights = [
                measured(
                    suite, farm.serials[0], old if number < FIRST_BAD else slow, folder / f"night-{number}", number
                )
                for number in range(NIGHTS)
            ]
            alike = measured(suite, farm.serials[0], same, folder / "night-alike", FIRST_BAD)
            yield Lab(farm.adb_port, nights, alike, updated)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def opened(database: Path) -> HistoryDatabase:
    return open_history(str(database))


def check(lab: Lab, database: Path, *words: object) -> tuple[int, dict[str, Any]]:
    done = harness(
        *("history", "check", "--database", database, "--metric", UNDISTURBED, "--json", *words),
        env=lab.environment,
        cwd=database.parent,
    )
    assert done.returncode in (0, 1), done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return done.returncode, document


def test_a_slower_program_is_found_dated_and_confirmed(lab: Lab, database: Path) -> None:
    for number, run in enumerate(lab.nights):
        done = harness("history", "add", run, "--label", f"commit=c{number}", "--database", database)
        assert done.returncode == 0, done.stderr
    code, before = check(lab, database)
    assert code == 0, "a suspicion alone fails nothing"
    (suspicion,) = [one for one in before["changes"] if one["verdict"] == "suspected"]
    assert suspicion["series"]["device"] == f"virtual:{PROFILE}"
    code, after = check(lab, database, "--confirm", "--budget", 40)
    assert code == 1
    (found,) = after["changes"]
    assert (found["id"], found["verdict"]) == (suspicion["id"], "confirmed")
    assert {"what": "commit", "before": f"c{FIRST_BAD - 1}", "after": f"c{FIRST_BAD}"} in found["new"]
    assert found["evidence"]["ci_low"] > 1.01
    (experiment,) = after["experiments"]
    assert experiment["answer"] == "confirmed"
    again, known = check(lab, database)
    assert again == 1
    assert [one["verdict"] for one in known["changes"]] == ["confirmed"]


def test_a_program_of_another_hash_alone_is_refuted(lab: Lab, database: Path) -> None:
    """A suspicion that something else made, which no series of four nights would survive: the experiment says that the files are alike."""
    with opened(database) as db:
        nights = added(db, [*lab.nights[:FIRST_BAD], lab.same])
        change = suspected(db, nights, FIRST_BAD)
    done = harness(
        "history",
        "confirm",
        change.id,
        "--database",
        database,
        "--budget",
        90,
        "--json",
        env=lab.environment,
        cwd=database.parent,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["answer"], document["verdict"]) == ("refuted", "refuted")
    code, known = check(lab, database)
    assert code == 0
    assert [one["verdict"] for one in known["changes"] if one["id"] == change.id] == ["refuted"]


def test_another_system_build_on_the_same_night_explains_it(lab: Lab, database: Path) -> None:
    """The program became slower that night as well. As the ground changed with it, nobody knows which of both it was."""
    with opened(database) as db:
        for run in (*lab.nights[:FIRST_BAD], *lab.updated):
            add_run(db, run)
    code, found = check(lab, database, "--confirm", "--budget", 40)
    assert code == 0
    (change,) = found["changes"]
    assert change["verdict"] == "explained"
    assert any(":16/" in text for text in change["explained_by"]), change["explained_by"]
    assert "experiments" not in found, "nobody asked for an experiment on this one"
