"""Nights that were really measured, on a virtual device with short suites. Only their dates are made up: a test cannot wait for days."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

import harness
from harness.history.add_runs import add_run
from harness.history.change_log import merge_found
from harness.history.database import HistoryDatabase
from harness.history.series_reader import read_series
from harness.records.history import Change, Series
from harness.runs.run_folder import MANIFEST
from harness.virtual.replay.replay_launcher import write_launcher
from tests.experiments import changes_made_up
from tests.model_files import shipped

FIRST_NIGHT = datetime(2026, 8, 1, 1, 30, tzinfo=UTC)
ABI = "x86_64"
SLOWER = 3.0
"""Extra work of the slow program: four times as long, which no load of this machine hides."""
UNDISTURBED = "p5"
"""A metric that a busy machine leaves as it is: of two hundred inferences some dozen are always alone on their core."""


def program(folder: Path, name: str, *, extra_work: float = 0.0) -> Path:
    """A program for virtual devices whose file differs from that of every other name."""
    path = folder / name / "benchmark_model"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_launcher(path, extra_work=extra_work, build=name)
    return path


def suite_file(folder: Path, name: str = "nightly", *, processes: int = 5, model: str = "cnn_fp32.tflite") -> Path:
    """A suite of one cell, a second or two of work."""
    path = folder / f"{name}.yaml"
    entries = {
        "suite": name,
        "models": [{"path": str(shipped(model)), "name": "cnn"}],
        "processes": processes,
        "run": {"min_runs": 200, "min_s": 0, "max_s": 20, "warmup_runs": 1, "warmup_s": 0},
        "order": {"seed": 5},
    }
    path.write_text(yaml.safe_dump(entries, sort_keys=False))
    return path


def dated(run: Path, number: int) -> Path:
    """Move a run to a night of its own."""
    manifest = json.loads((run / MANIFEST).read_text())
    manifest["started_at"] = (FIRST_NIGHT + timedelta(days=number)).isoformat()
    (run / MANIFEST).write_text(json.dumps(manifest))
    return run


def redated(run: Path, copy: Path, number: int) -> Path:
    """Return a copy of a run that is another run, of another night."""
    shutil.copytree(run, copy)
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest["run_id"] = f"{copy.name}-{number}-copy"
    (copy / MANIFEST).write_text(json.dumps(manifest))
    return dated(copy, number)


def measured(suite: Path, serial: str, binary: Path, out: Path, number: int) -> Path:
    """Measure a night."""
    outcome = harness.run(suite, devices=serial, binaries={ABI: binary}, out=out, report=False)
    assert outcome.good, outcome
    return dated(out, number)


def added(db: HistoryDatabase, runs: list[Path]) -> Series:
    """Add the nights, and return their series of the metric that a busy machine leaves as it is."""
    for run in runs:
        add_run(db, run)
    with db.read() as connection:
        (found,) = read_series(connection, metrics=[UNDISTURBED])
    return found


def suspected(db: HistoryDatabase, series: Series, first_bad: int, *, ratio: float = 4.0, name: str = "c1") -> Change:
    """Put a suspicion into the history, as a check would."""
    suspicion = changes_made_up.change(
        series.estimates,
        first_bad,
        name=name,
        group=f"g{name}",
        key=series.key,
        ratio=ratio,
        ci_low=ratio * 0.8,
        ci_high=ratio * 1.2,
    )
    with db.begin() as connection:
        stored = merge_found(connection, [suspicion], series.estimates[-1].at, series=[series])
    return next(one for one in stored if one.first_bad == suspicion.first_bad)
