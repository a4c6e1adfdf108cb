"""`harness history check`, from the command line to the stored changes."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, select

from harness.api.check_history import check_history, refreshed
from harness.history import tables
from harness.history.change_log import known_changes, record_evidence
from harness.history.database import HistoryDatabase, open_history
from harness.records.history import ChangeVerdict, Evidence, NightEstimate, Series, SeriesKey
from tests.cli.running import harness, no_traceback
from tests.history.made_up_history import GROUND, NOW, estimate_row, key, night, run_name, series, store, store_run

NIGHTS, STEP = 40, 30
LABELS = {number: {"commit": "abc" if number < STEP else "def"} for number in range(NIGHTS)}


def noisy(step: float = 1.0, of: SeriesKey | None = None, *, seed: int = 1, **given: Any) -> Series:
    """Forty nights with 1 % noise, of which the last ten are at `step` times the level."""
    values = 1000 * np.exp(np.random.default_rng(seed).normal(0, 0.01, NIGHTS))
    values[STEP:] *= step
    return series([float(value) for value in values], of, **{"labels": LABELS, **given})


def history(folder: Path, *many: Series) -> Path:
    file = folder / "history.db"
    with open_history(str(file)) as db, db.begin() as connection:
        store(connection, many)
    return file


def check(database: Path, *words: object) -> tuple[int, dict[str, Any]]:
    done = harness("history", "check", "--database", database, "--json", *words)
    no_traceback(done)
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return done.returncode, document


def confirm(database: Path, change_id: str, verdict: ChangeVerdict = ChangeVerdict.CONFIRMED) -> None:
    found = Evidence(run_id="e", run_path="/e", ratio=1.05, ci_low=1.04, ci_high=1.06, device_s=60.0, at=NOW)
    with open_history(str(database)) as db, db.begin() as connection:
        record_evidence(connection, change_id, verdict, found)


def test_one_regression_on_four_devices_is_one_suspicion(tmp_path: Path) -> None:
    devices = ["R5CT1", "R5CT2", "R5CT3", "R5CT4"]
    slower = [noisy(1.06, key(device), seed=number, binaries={STEP: "c" * 64}) for number, device in enumerate(devices)]
    database = history(tmp_path, *slower, noisy(of=key("R5CT1", "other"), seed=9))
    code, document = check(database)
    assert code == 0, "nothing is confirmed"
    assert (document["series"], document["nights"], document["failed"]) == (5, NIGHTS, False)
    found = document["changes"]
    assert sorted(one["series"]["device"] for one in found) == devices
    assert len({one["group"] for one in found}) == 1
    for one in found:
        assert one["verdict"] == "suspected"
        assert (one["first_bad"], one["last_good"]) == (run_name(STEP), run_name(STEP - 1))
        assert one["ci_low"] < 1.06 < one["ci_high"]
        assert one["before_us"] == pytest.approx(1000, rel=0.02)
        assert {"what": "commit", "before": "abc", "after": "def"} in one["new"]
        assert {"what": "binary", "before": "b" * 12, "after": "c" * 12} in one["new"]
    text = harness("history", "check", "--database", database, env={"COLUMNS": "200"})
    assert text.returncode == 0
    assert "on 4 devices: average latency +" in text.stdout
    assert f"since {night(STEP):%Y-%m-%d}" in text.stdout
    assert "commit: abc -> def" in text.stdout
    assert "to be sure: harness history confirm c" in text.stdout
    assert f"--database {database}" in text.stdout


def test_exit_codes_follow_what_is_known(tmp_path: Path) -> None:
    database = history(tmp_path, noisy(1.06))
    code, document = check(database)
    [found] = document["changes"]
    assert code == 0
    assert check(database, "--fail-on", "suspected")[0] == 1
    confirm(database, found["id"])
    code, document = check(database)
    assert (code, document["failed"], document["changes"][0]["verdict"]) == (1, True, "confirmed")
    assert document["changes"][0]["id"] == found["id"]
    harness("history", "mute", found["id"], "--until", "2999-01-01", "--database", database)
    assert check(database)[0] == 0
    harness("history", "unmute", found["id"], "--database", database)
    assert check(database)[0] == 1
    harness("history", "accept", found["id"], "--database", database)
    code, document = check(database, "--fail-on", "suspected")
    assert (code, document["changes"][0]["accepted"], document["changes"][0]["verdict"]) == (0, True, "confirmed")
    confirm(database, found["id"], ChangeVerdict.REFUTED)
    assert check(database, "--fail-on", "suspected")[1]["changes"][0]["verdict"] == "refuted"


def test_what_experiments_say_is_seen_without_checking_again(tmp_path: Path) -> None:
    database = history(tmp_path, noisy(1.06))
    with open_history(str(database)) as db:
        checked = check_history(db)
        [found] = checked.changes
        confirm(database, found.id)
        now = refreshed(db, checked)
    assert (checked.failed, now.failed, now.changes[0].verdict) == (False, True, ChangeVerdict.CONFIRMED)
    assert now.series == checked.series


def test_a_change_of_the_ground_explains_it_until_an_experiment_says_more(tmp_path: Path) -> None:
    other = {STEP: replace(GROUND, fingerprint="google/shiba:16/B")}
    database = history(tmp_path, noisy(1.06, ground=other))
    code, document = check(database, "--fail-on", "suspected")
    [found] = document["changes"]
    assert (code, found["verdict"]) == (0, "explained")
    assert "google/shiba:15/A -> google/shiba:16/B" in found["explained_by"][0]
    confirm(database, found["id"])
    assert check(database)[0] == 1


def test_less_is_an_improvement_and_fails_nothing(tmp_path: Path) -> None:
    database = history(tmp_path, noisy(0.9))
    code, document = check(database, "--fail-on", "suspected")
    assert (code, document["changes"][0]["verdict"]) == (0, "improved")
    confirm(database, document["changes"][0]["id"])
    code, document = check(database)
    assert (code, document["changes"][0]["verdict"]) == (0, "improved")


def test_nothing_found_says_what_was_looked_at(tmp_path: Path) -> None:
    database = history(tmp_path, noisy(), series([1.0, 2.0], key("R5CT2")))
    done = harness("history", "check", "--database", database, env={"COLUMNS": "200"})
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "no change: 2 series over 40 nights; 1 of them with too few nights to show a change",
    )


def test_metrics_and_selections_choose_series(tmp_path: Path) -> None:
    slower = [noisy(1.06, key(metric=metric), seed=number) for number, metric in enumerate(("median", "init"))]
    database = history(tmp_path, *slower, noisy(1.06, key("R5CT2"), seed=5))
    _, document = check(database)
    assert {one["metric"] for one in document["changes"]} == {"init", "inference_avg"}
    assert check(database, "--metric", "median")[1]["changes"][0]["metric"] == "median"
    assert check(database, "--device", "*2")[1]["series"] == 1
    assert check(database, "--since", f"{night(STEP + 3):%Y-%m-%d}")[1]["changes"] == []
    done = harness("history", "check", "--database", database, "--device", "R5CT9")
    assert (done.returncode, "did you mean R5CT" in done.stderr) == (2, True)
    assert harness("history", "check", "--database", database, "--metric", "speed").returncode == 2


def test_all_outputs_come_from_one_call_and_say_the_same(tmp_path: Path) -> None:
    database = history(tmp_path, noisy(1.06))
    places = {name: tmp_path / f"out.{name}" for name in ("xml", "md", "json")}
    words = ["--format", "json", "-o", places["json"], "--junit", places["xml"], "--markdown", places["md"]]
    done = harness("history", "check", "--database", database, "--fail-on", "suspected", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "history: 1 suspected; 1 series over 40 nights\n"
    assert json.loads(places["json"].read_text())["failed"] is True
    assert ET.parse(places["xml"]).getroot().get("failures") == "1"
    assert "**suspected**" in places["md"].read_text()
    for wrong in (["--junit", "-"], ["--junit", places["xml"], "--markdown", places["xml"]]):
        assert harness("history", "check", "--database", database, *wrong).returncode == 2
    places["md"].unlink()
    lost = ["--junit", tmp_path / "no" / "x.xml", "--markdown", places["md"]]
    done = harness("history", "check", "--database", database, *lost)
    assert (done.returncode, "x.xml" in done.stderr) == (2, True)
    assert "suspected" in done.stdout
    assert "suspected" in places["md"].read_text(), "the other outputs are written"


def test_checked_every_night_a_step_is_one_change_and_keeps_its_id(tmp_path: Path) -> None:
    for seed in range(6):
        whole = noisy(1.05, seed=seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        database = history(folder, replace(whole, estimates=whole.estimates[:STEP]))
        ids: list[str] = []
        with open_history(str(database)) as db:
            for count in range(STEP + 1, NIGHTS + 1):
                _add_night(db, whole.estimates[count - 1])
                checked = check_history(db, now=whole.estimates[count - 1].at)
                ids += [one.id for one in checked.changes if one.worse and one.id not in ids]
            with db.read() as connection:
                known = [one for one in known_changes(connection) if one.first_bad_at >= night(STEP - 3)]
        assert len(ids) == 1, seed
        assert [one.id for one in known] == ids


def _add_night(db: HistoryDatabase, estimate: NightEstimate) -> None:
    with db.begin() as connection:
        number = connection.execute(select(tables.series.c.id)).scalar_one()
        run = store_run(connection, estimate, "R5CT1")
        connection.execute(insert(tables.estimates).values(**estimate_row(estimate, number, run)))


def test_hostile_names_reach_no_terminal(tmp_path: Path) -> None:
    labels: Mapping[int, Mapping[str, str]] = {
        number: {"commit": f"\x1b[2J{number // STEP}"} for number in range(NIGHTS)
    }
    database = history(tmp_path, noisy(1.06, key("\x1b]0;x\x07", "a|b\n[red]"), labels=labels))
    done = harness("history", "check", "--database", database)
    assert done.returncode == 0
    assert "suspected" in done.stdout
    assert not {"\x1b", "\x07"} & {*done.stdout}


def test_a_list_of_late_changes_says_that_older_ones_are_known(tmp_path: Path) -> None:
    file = history(tmp_path, noisy(1.05))
    assert harness("history", "check", "--database", file).returncode == 0
    done = harness("history", "list", "--changes", "--since", "2027-01-01", "--database", file)
    assert done.stdout == "no change began on 2027-01-01 or later; 1 older one is known\n"
