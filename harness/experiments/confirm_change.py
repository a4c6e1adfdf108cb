"""`harness history confirm`: confirms or refutes a suspected change by an experiment, and records the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.run_watcher import RunWatcher
from harness.errors import HarnessError, UsageError
from harness.experiments.change_decision import Answer
from harness.experiments.kept_file import FileGone, Kept
from harness.experiments.sides_of_change import NothingToRun
from harness.experiments.two_sided_run import PlannedExperiment, TwoSidedRun, plan_experiment, run_experiment
from harness.files.terminal_text import printable
from harness.records.history import Change, ChangeVerdict, Series

if TYPE_CHECKING:
    from harness.history.database import HistoryDatabase

BUDGET_S = 600.0
"""Seconds of device time for one experiment, unless you say otherwise."""

_RECORDED: dict[Answer, ChangeVerdict] = {
    "confirmed": ChangeVerdict.CONFIRMED,
    "refuted": ChangeVerdict.REFUTED,
    "undecided": ChangeVerdict.SUSPECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The result of an experiment on a change."""

    change: Change
    """The change after the experiment."""
    experiment: TwoSidedRun

    @property
    def answer(self) -> Answer:
        """Whether it is confirmed, refuted or undecided."""
        return self.experiment.decision.answer

    @property
    def bad(self) -> bool:
        """Whether a regression is confirmed. A confirmed improvement is none."""
        return self.answer == "confirmed" and self.change.worse


def confirm(
    db: HistoryDatabase,
    change_id: str,
    *,
    budget_s: float = BUDGET_S,
    devices: Sequence[str] = (),
    out: str | Path | None = None,
    wait_s: float = 0.0,
    watcher: RunWatcher | None = None,
    kept: Kept | None = None,
) -> Confirmation:
    """Confirm or refute a change, even if it is explained or was decided before.

    Args:
        db: the history.
        change_id: the change.
        budget_s: seconds of device time.
        devices: where, as for `harness.run`; the device of the series by default.
        out: folder of the experiment's run; by default a new one under `runs/`.
        wait_s: longest wait for a device that another harness process holds, in seconds.
        watcher: is notified of the progress.
        kept: finds a kept file by its SHA-256; None for the blob store.

    Raises:
        UsageError: there is no such change, or the history lacks a night of it.
        NothingToRun: model and binary are the same files on both sides.
        FileGone: a model or binary of either side is gone, or both nights' run folders are.
        SetupError: the device is not there, or the database is locked or gone.
    """
    change = _named(db, change_id)
    try:
        planned = plan(db, change, budget_s=budget_s, kept=kept)
    except (FileGone, NothingToRun) as error:
        note_why_not(db, change, error)
        raise
    place = None if out is None else Path(out)
    found = run_experiment(planned, devices=devices, out=place, wait_s=wait_s, watcher=watcher)
    return record(db, planned, found)


def plan(db: HistoryDatabase, change: Change, *, budget_s: float, kept: Kept | None = None) -> PlannedExperiment:
    """Plan the experiment on a change; the arguments and errors are those of `confirm`."""
    from harness.history.change_log import known_changes

    with db.read() as connection:
        others = known_changes(connection, series={change.series})
    return plan_experiment(change, _series(db, change), others, kept=kept or _kept(), budget_s=budget_s)


def record(db: HistoryDatabase, planned: PlannedExperiment, found: TwoSidedRun) -> Confirmation:
    """Record the result of an experiment, unless it was interrupted.

    Raises:
        SetupError: the database is locked or gone.
    """
    from harness.history.change_log import record_evidence

    change = planned.change
    if not found.interrupted:
        notes = (f"experiment: {found.decision.reason}", *found.notes)
        verdict = _RECORDED[found.decision.answer]
        with db.begin() as connection:
            change = record_evidence(connection, change.id, verdict, found.evidence, notes=notes)
    return Confirmation(change=change, experiment=found)


def _named(db: HistoryDatabase, change_id: str) -> Change:
    from harness.history.change_log import changes_named

    with db.read() as connection:
        found = changes_named(connection, change_id)
    if len(found) > 1:
        words = ", ".join(one.id for one in found)
        raise UsageError(f"{change_id} is a group of {len(found)} changes", remedy=f"name one of them: {words}")
    return found[0]


def _series(db: HistoryDatabase, change: Change) -> Series:
    from harness.history.series_reader import read_series

    with db.read() as connection:
        key = change.series
        every = read_series(connection, metrics=[key.metric], device=key.device, model=key.model)
    found = next((one for one in every if one.key == change.series), None)
    if found is None:
        raise UsageError(f"{change.id}: the history has no {printable(change.series.words)} any more")
    return found


def _kept() -> Kept:
    from harness.history.blob_store import BlobStore

    return BlobStore().path


def note_why_not(db: HistoryDatabase, change: Change, error: HarnessError) -> Change:
    """Record why there was no experiment on a change, and return the change."""
    from harness.history.change_log import record_evidence

    with db.begin() as connection:
        return record_evidence(
            connection, change.id, ChangeVerdict.SUSPECTED, None, notes=[f"no experiment: {error.message}"]
        )
