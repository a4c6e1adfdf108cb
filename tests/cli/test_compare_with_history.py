"""What `harness compare` takes from the history: how much separate runs usually differ."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.analysis.metrics import Metric
from harness.api import usual_spread
from harness.errors import SetupError
from harness.history import schema_revisions
from tests.cli.controlled_runs import shifted_run, stored
from tests.cli.running import harness


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("HARNESS_DATABASE", raising=False)
    return tmp_path / "state"


def nights(folder: Path, count: int) -> list[Path]:
    shifts = np.random.default_rng(3).normal(0, 0.01, count)
    return [
        stored(folder / f"night{number}", shifted_run(10 + number, shift=math.exp(shift), control=False), None)
        for number, shift in enumerate(shifts)
    ]


def one(base: Path, head: Path, *words: object) -> dict[str, Any]:
    done = harness("compare", base, head, "--json", *words)
    assert done.returncode == 0, done.stderr
    [found] = json.loads(done.stdout)["comparisons"]
    assert isinstance(found, dict)
    return found


def test_separate_runs_have_a_verdict_where_the_history_knows_their_spread(tmp_path: Path, state: Path) -> None:
    base = stored(tmp_path / "base", shifted_run(1, control=False), None)
    shifted = stored(tmp_path / "shifted", shifted_run(2, shift=1.015, control=False), None)
    slower = stored(tmp_path / "slower", shifted_run(3, change=1.15, control=False, artifact="new"), None)
    assert one(base, slower)["verdict"] == "suspected"
    assert not state.exists(), "no history is made by comparing"
    assert harness("history", "add", *nights(tmp_path, 6)).returncode == 0
    assert one(base, shifted)["verdict"] == "inconclusive", "that much is usual between nights"
    found = one(base, slower)
    assert found["verdict"] == "slower"
    assert any("from 6 runs" in note for note in found["notes"])
    assert harness("history", "add", base, slower).returncode == 0
    assert one(base, slower)["notes"] == found["notes"], "the two runs do not count themselves"


def test_what_rests_on_more_runs_counts(tmp_path: Path) -> None:
    base = stored(tmp_path / "base", shifted_run(1, control=False), None)
    slower = stored(tmp_path / "slower", shifted_run(3, change=1.15, control=False, artifact="new"), None)
    runs = nights(tmp_path, 8)
    assert harness("calibrate", *runs[:5]).returncode == 0
    assert any("from 5 runs" in note for note in one(base, slower)["notes"])
    assert harness("history", "add", *runs).returncode == 0
    assert any("from 8 runs" in note for note in one(base, slower)["notes"])


def test_a_history_that_you_name_must_be_there_and_the_usual_one_need_not_be_whole(tmp_path: Path, state: Path) -> None:
    base = stored(tmp_path / "base", shifted_run(1, control=False), None)
    slower = stored(tmp_path / "slower", shifted_run(3, change=1.15, control=False, artifact="new"), None)
    named = harness("compare", base, slower, "--database", tmp_path / "no.db")
    assert (named.returncode, "holds no history yet" in named.stderr) == (2, True)
    (state / "history").mkdir(parents=True)
    (state / "history" / "history.db").write_bytes(b"no database at all")
    assert one(base, slower)["verdict"] == "suspected"
    other = tmp_path / "other.db"
    assert harness("history", "add", *nights(tmp_path, 6), "--database", other).returncode == 0
    assert one(base, slower, "--database", other)["verdict"] == "slower"


def test_a_history_that_cannot_be_reached_is_warned_of_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = stored(tmp_path / "base", shifted_run(1, cells=2, control=False), None)
    slower = stored(tmp_path / "slower", shifted_run(3, cells=2, change=1.15, control=False, artifact="new"), None)
    monkeypatch.setenv("HARNESS_DATABASE", "postgresql://x@/n?host=/nowhere")
    done = harness("compare", base, slower)
    assert done.returncode == 0
    assert done.stderr.count("warning: the history says nothing of the spread between runs: ") == 1


def test_a_history_that_fails_is_not_asked_for_the_next_device(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[object] = []

    def fails(*words: object, **_: object) -> None:
        tries.append(words)
        raise SetupError("it cannot be reached")

    monkeypatch.setenv("HARNESS_DATABASE", "postgresql://lab@db.example/harness")
    monkeypatch.setattr(usual_spread, "open_history", fails)
    ask = usual_spread.SpreadReader(None, Metric.INFERENCE_AVG)
    assert [ask(device) for device in ("R5CT1", "R5CT2", "R5CT3")] == [(), (), ()]
    assert len(tries) == 1


def test_an_older_history_is_left_as_it_is(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = stored(tmp_path / "base", shifted_run(1, control=False), None)
    slower = stored(tmp_path / "slower", shifted_run(3, change=1.15, control=False, artifact="new"), None)
    assert harness("history", "add", *nights(tmp_path, 6)).returncode == 0
    file = state / "history" / "history.db"
    before = file.read_bytes()
    monkeypatch.setattr(schema_revisions.Revisions, "look", lambda *_: schema_revisions.Found.OLDER)
    done = harness("compare", base, slower)
    assert done.returncode == 0
    assert "made by an older harness, and this command migrates none (harness history migrate)" in done.stderr
    assert file.read_bytes() == before
    assert harness("compare", base, slower, "--database", file).returncode == 3


def test_a_run_with_both_sides_asks_no_history(tmp_path: Path) -> None:
    run = stored(tmp_path / "run", shifted_run(1, cells=2, control=False), None)
    done = harness("compare", f"{run}@model=m0", f"{run}@model=m1", "--by", "model", "--database", tmp_path / "no.db")
    assert (done.returncode, done.stderr) == (0, "")
