"""`harness history check --confirm`: experiments on the open suspicions, until their device time is spent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.run_watcher import RunWatcher
from harness.errors import SetupError, UsageError
from harness.experiments.confirm_change import Confirmation, note_why_not, plan, record
from harness.experiments.kept_file import FileGone, Kept
from harness.experiments.sides_of_change import NothingToRun
from harness.experiments.two_sided_run import run_experiment
from harness.records.history import Change, ChangeVerdict

if TYPE_CHECKING:
    from harness.history.database import HistoryDatabase

BUDGET_S = 1800.0
"""Seconds of device time for all experiments of a check, unless you say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """The experiment on an open suspicion, or the reason why there was none."""

    change: Change
    confirmation: Confirmation | None = None
    why_not: str = ""


def open_suspicions(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the suspected regressions that nobody accepted or muted, in the order of their experiments.

    The worst comes first. One change of each group comes before the second change of any group.
    """
    suspected = [one for one in changes if one.verdict is ChangeVerdict.SUSPECTED and one.counts and one.worse]
    worst = sorted(suspected, key=lambda one: (-one.ratio, one.id))
    turns: list[tuple[int, Change]] = []
    seen: dict[str, int] = {}
    for one in worst:
        turns.append((seen.get(one.group, 0), one))
        seen[one.group] = seen.get(one.group, 0) + 1
    return tuple(one for _, one in sorted(turns, key=lambda pair: pair[0]))


def confirm_open(
    db: HistoryDatabase,
    changes: Iterable[Change],
    budget_s: float = BUDGET_S,
    *,
    folder: Path | None = None,
    wait_s: float = 0.0,
    watcher: RunWatcher | None = None,
    kept: Kept | None = None,
    tried: Callable[[Tried], None] = lambda _: None,
) -> tuple[Tried, ...]:
    """Confirm or refute the open suspicions among changes.

    Each experiment gets an equal share of the remaining budget, so that an undecidable one does not take everything. Suspicions that no
    longer fit wait for the next check.

    Args:
        db: the history.
        changes: changes with any verdict; only open suspicions are tested.
        budget_s: seconds of device time for all of them together.
        folder: where the experiments' run folders go; by default `runs/`.
        wait_s: longest wait for a device that another harness process holds, in seconds.
        watcher: is notified of the progress.
        kept: finds a kept file by its SHA-256; None for the blob store.
        tried: called with each result as soon as there is one.

    Raises:
        KeyboardInterrupt: an experiment was interrupted. Earlier decisions are recorded.
        SetupError: a decision could not be recorded: the database is locked or gone.
    """
    waiting = open_suspicions(changes)
    left_s = budget_s
    done: list[Tried] = []
    for place, change in enumerate(waiting):
        share_s = left_s / (len(waiting) - place)
        one = _try(db, change, share_s, left_s, folder=folder, wait_s=wait_s, watcher=watcher, kept=kept)
        done.append(one)
        tried(one)
        if one.confirmation is not None:
            left_s = max(0.0, left_s - one.confirmation.experiment.device_s)
            if one.confirmation.experiment.interrupted:
                raise KeyboardInterrupt
    return tuple(done)


def _try(
    db: HistoryDatabase,
    change: Change,
    share_s: float,
    left_s: float,
    *,
    folder: Path | None,
    wait_s: float,
    watcher: RunWatcher | None,
    kept: Kept | None,
) -> Tried:
    try:
        planned = plan(db, change, budget_s=share_s, kept=kept)
        if planned.least_s > left_s:
            words = f"it takes at least {planned.least_s:.0f} s of device time, and {math.floor(left_s)} s are left"
            return Tried(change=change, why_not=words)
        found = run_experiment(planned, out=_place(folder, change), wait_s=wait_s, watcher=watcher)
    except (FileGone, NothingToRun) as error:
        return Tried(change=note_why_not(db, change, error), why_not=str(error))
    except (SetupError, UsageError) as error:
        return Tried(change=change, why_not=str(error))
    recorded = record(db, planned, found)
    return Tried(change=recorded.change, confirmation=recorded)


def _place(folder: Path | None, change: Change) -> Path | None:
    if folder is None:
        return None
    number, path = 1, folder / f"confirm-{change.id}"
    while path.exists():
        number += 1
        path = folder / f"confirm-{change.id}-{number}"
    return path
