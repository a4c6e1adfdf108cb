"""Runs made up for the tests of the history, and what a history holds of them. The numbers are arithmetic, not measurements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from harness.history.database import HistoryDatabase
from harness.history.tables import metadata
from harness.records import Artifact, DeviceInfo, ModelRef, Purpose, Result
from harness.runs.run_store import Manifest, RunStore
from tests.analysis.made_up import BEGAN, PHONE, cell, op, result


def write_run(
    path: Path,
    results: Iterable[Result],
    *,
    run_id: str | None = None,
    devices: tuple[DeviceInfo, ...] = (PHONE,),
    models: tuple[ModelRef, ...] = (),
    artifacts: tuple[Artifact, ...] = (),
    started_at: datetime = BEGAN,
    **others: Any,
) -> Path:
    """A run on disk that holds `results`, and planned no others."""
    every = list(results)
    manifest = Manifest(
        run_id=run_id or path.name,
        suite="made-up",
        suite_text="suite: made-up\n",
        started_at=started_at,
        harness_version="0",
        devices=devices,
        models=models,
        artifacts=artifacts,
        trials=tuple(one.trial for one in every),
        **others,
    )
    with RunStore.create(path, manifest) as store:
        store.append(*every)
    return path


def more(path: Path, *results: Result) -> None:
    """A resumed run: more results."""
    with RunStore.open(path) as store:
        planned = (*store.manifest.trials, *(one.trial for one in results))
        store.extend_manifest(replace(store.manifest, trials=tuple({one.trial_id: one for one in planned}.values())))
        store.append(*results)


def some_results(scale: float = 1.0) -> list[Result]:
    """Two cells of five processes, and a profile."""
    noise = (1000.0, 1010.0, 990.0, 1005.0, 995.0)
    profile = result(
        1020.0 * scale,
        purpose=Purpose.PROFILE,
        ops=[op(0, "CONV_2D", "[conv]:0", 350.0, times_called=2), op(1, "SOFTMAX", "[out]:1", 300.0)],
    )
    fast = cell([0.5 * scale * one for one in noise], delegate="gpu")
    return [*cell([scale * one for one in noise]), *fast, profile]


def rows(database: HistoryDatabase, table: Table) -> list[dict[str, Any]]:
    """All rows of a table, in the order of its key."""
    with database.read() as connection:
        found = connection.execute(select(table).order_by(*table.primary_key.columns))
        return [dict(row._mapping) for row in found]


def everything(database: HistoryDatabase) -> dict[str, set[tuple[tuple[str, str], ...]]]:
    """The content of all tables but for what says when it was added and how rows are numbered."""
    return {
        table.name: {
            tuple((key, repr(value)) for key, value in row.items() if key not in ("id", "added_at", "trial"))
            for row in rows(database, table)
        }
        for table in metadata.sorted_tables
    }
