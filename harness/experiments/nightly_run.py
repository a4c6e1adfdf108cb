"""`harness nightly`: measures a night's suites into the history, one after the other; then checks, tests suspicions, writes the page.

A failing suite does not stop the next one, and a failing later step does not stop the other steps. Measured results are always on the disk.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.checked_history import CheckedHistory, FailOn
from harness.api.check_history import DEFAULT_METRICS, check_history, refreshed
from harness.api.run_outcome import RunOutcome
from harness.api.run_suite import new_run_folder, run
from harness.api.run_watcher import RunWatcher
from harness.api.suite_source import loaded_suite
from harness.errors import HarnessError, SetupError, UsageError
from harness.experiments.confirm_open import BUDGET_S, Tried, confirm_open
from harness.suite.suite_file import LoadedSuite

if TYPE_CHECKING:
    from harness.history.add_runs import AddedRun
    from harness.history.database import HistoryDatabase

RUNS = Path("runs")


@dataclass(frozen=True, slots=True, kw_only=True)
class NightPlan:
    """What a night should do."""

    suites: tuple[str, ...]
    devices: tuple[str, ...] = ()
    binaries: Mapping[str, Path] = field(default_factory=dict)
    folder: Path = RUNS
    """Where the run folders go."""
    database: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[str, ...] = DEFAULT_METRICS
    fail_on: FailOn = "confirmed"
    confirm_budget_s: float = BUDGET_S
    """Seconds of device time for experiments; 0 for none."""
    report: Path | None = None
    wait_s: float = 0.0
    """Longest wait for a device that another harness process holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteNight:
    """The result of a suite."""

    suite: str
    """The suite as given."""
    outcome: RunOutcome | None = None
    added: AddedRun | None = None
    error: HarnessError | None = None
    """Why it did not run, or is not in the history."""

    @property
    def failed(self) -> bool:
        """Whether a trial failed or is invalid, or did not run."""
        return self.outcome is not None and not self.outcome.good


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The result of a night."""

    suites: tuple[SuiteNight, ...]
    checked: CheckedHistory | None = None
    """None if the history could not be looked at."""
    tried: tuple[Tried, ...] = ()
    report: Path | None = None
    troubles: tuple[HarnessError, ...] = ()
    """What went wrong after the suites."""
    interrupted: bool = False

    @property
    def bad(self) -> bool:
        """Whether a trial failed, or a regression fails the check."""
        return any(one.failed for one in self.suites) or (self.checked is not None and self.checked.failed)

    @property
    def errors(self) -> tuple[HarnessError, ...]:
        """Everything that did not work."""
        return (*(one.error for one in self.suites if one.error is not None), *self.troubles)

    @property
    def exit_code(self) -> int:
        """130 interrupted; 1 a trial or the check failed; 2 a suite is wrong; 3 the environment failed; else 0."""
        if self.interrupted:
            return 130
        if self.bad:
            return 1
        if any(isinstance(one, UsageError) for one in self.errors):
            return 2
        return 3 if self.errors else 0


def nightly(plan: NightPlan, watcher: RunWatcher | None = None) -> Night:
    """Run a night.

    Args:
        plan: what to do.
        watcher: is notified of the progress.

    Raises:
        UsageError: no suite can be read, or no history can be at the address.
        SetupError: a library of the history is missing, or the history cannot be opened. Nothing ran then.
    """
    from harness.history.database import open_history

    watcher = watcher or RunWatcher()
    suites = _read(plan.suites)
    # Report a damaged or newer history before hours of measuring.
    with open_history(plan.database) as db:
        if db.migration is not None and db.migration.words:
            watcher.notice(db.migration.words)
    # Now somebody may still be there to mend a wrong suite; hours later nobody is.
    for _, wrong in suites:
        if isinstance(wrong, SuiteNight):
            watcher.warning(f"{wrong.suite}: {wrong.error}")
    done: list[SuiteNight] = []
    for name, suite in suites:
        if isinstance(suite, SuiteNight):
            done.append(suite)
            continue
        one = _measured(plan, name, suite, watcher)
        done.append(one)
        if one.error is not None:
            watcher.warning(f"{one.suite}: {one.error}")
        if one.outcome is not None and one.outcome.interrupted:
            return Night(suites=tuple(done), interrupted=True)
    return _looked_at(plan, Night(suites=tuple(done)), watcher)


def _read(names: Sequence[str]) -> list[tuple[str, LoadedSuite | SuiteNight]]:
    """Read all suites before any runs. If none can be read, raise the first error; else keep each error for its suite."""
    read: list[tuple[str, LoadedSuite | SuiteNight]] = []
    errors: list[UsageError] = []
    for name in names:
        try:
            read.append((name, loaded_suite(name)))
        except UsageError as error:
            errors.append(error)
            read.append((name, SuiteNight(suite=name, error=error)))
    if errors and len(errors) == len(read):
        raise errors[0]
    return read


def _measured(plan: NightPlan, name: str, suite: LoadedSuite, watcher: RunWatcher) -> SuiteNight:
    outcome: RunOutcome | None = None
    try:
        with _folder_for(plan, suite) as folder:
            outcome = run(
                suite,
                devices=plan.devices,
                binaries=plan.binaries,
                out=folder,
                wait_s=plan.wait_s,
                watcher=watcher,
            )
        if outcome.interrupted:
            return SuiteNight(suite=name, outcome=outcome)
        return SuiteNight(suite=name, outcome=outcome, added=_added(plan, outcome, watcher))
    except HarnessError as error:
        return SuiteNight(suite=name, outcome=outcome, error=error)


@contextlib.contextmanager
def _folder_for(plan: NightPlan, suite: LoadedSuite) -> Iterator[Path]:
    """Make the folder of a run, and remove it again if it stays empty."""
    folder = new_run_folder(suite.suite.suite, datetime.now(UTC), plan.folder)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _added(plan: NightPlan, outcome: RunOutcome, watcher: RunWatcher) -> AddedRun:
    from harness.api.add_to_history import add_to_history

    done = add_to_history([outcome.path], database=plan.database, labels=plan.labels, watcher=watcher)
    if done.refused:
        raise done.refused[outcome.path]
    return done.runs[0]


def _looked_at(plan: NightPlan, night: Night, watcher: RunWatcher) -> Night:
    """Check, confirm and write the page. If one of them fails, the others still count."""
    from harness.history.database import open_history

    try:
        with open_history(plan.database) as db:
            night = _checked(plan, night, db, watcher)
            return night if night.interrupted else _reported(plan, night, db, watcher)
    except KeyboardInterrupt:
        # Still report what ran.
        return replace(night, interrupted=True)
    except HarnessError as error:
        return _with(night, error)


def _checked(plan: NightPlan, night: Night, db: HistoryDatabase, watcher: RunWatcher) -> Night:
    with watcher.phase("looking for changes"):
        checked = check_history(db, metrics=plan.metrics, fail_on=plan.fail_on)
    night = replace(night, checked=checked)
    if plan.confirm_budget_s <= 0:
        return night
    tried: list[Tried] = []
    try:
        confirm_open(
            db,
            checked.changes,
            plan.confirm_budget_s,
            folder=plan.folder,
            wait_s=plan.wait_s,
            watcher=watcher,
            tried=tried.append,
        )
    except KeyboardInterrupt:
        night = replace(night, interrupted=True)
    except HarnessError as error:
        night = _with(night, error)
    return replace(night, checked=refreshed(db, checked), tried=tuple(tried))


def _reported(plan: NightPlan, night: Night, db: HistoryDatabase, watcher: RunWatcher) -> Night:
    if plan.report is None or night.checked is None:
        return night
    from harness.api.report_history import report_history

    try:
        with watcher.phase("writing the page of the history"):
            report_history(db, plan.report, metrics=plan.metrics)
    except (SetupError, UsageError) as error:
        return _with(night, error)
    return replace(night, report=plan.report)


def _with(night: Night, error: HarnessError) -> Night:
    return replace(night, troubles=(*night.troubles, error))
