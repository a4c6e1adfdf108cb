"""Runs the experiment on a suspected change, both sides in one interleaved run on its device, and decides."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.analysis.metrics import Metric
from harness.api.compare_runs import compare
from harness.api.run_outcome import RunOutcome
from harness.api.run_suite import run
from harness.api.run_watcher import RunWatcher
from harness.errors import UsageError
from harness.experiments.change_decision import MIN_EFFECT, ChangeDecision, decide
from harness.experiments.device_of_series import selector_of
from harness.experiments.kept_file import Kept
from harness.experiments.nights_of_change import NightsOfChange, nights_of
from harness.experiments.sides_of_change import SidesOfChange, sides_of
from harness.experiments.two_sided_suite import TwoSidedSuite, two_sided_suite
from harness.records import DeviceInfo
from harness.records.history import Change, Evidence, Series


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSidedRun:
    """An experiment that ran."""

    sides: SidesOfChange
    decision: ChangeDecision
    evidence: Evidence | None
    """None if it gave no ratio or was interrupted."""
    device_s: float
    path: Path
    notes: tuple[str, ...] = ()
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedExperiment:
    """An experiment that can run: its files exist."""

    change: Change
    sides: SidesOfChange
    nights: NightsOfChange
    suite: TwoSidedSuite

    @property
    def least_s(self) -> float:
        """Least device time in seconds, from the duration of a process on those nights."""
        return self.suite.least * self.suite.cells * self.nights.process_s


def plan_experiment(
    change: Change, series: Series, others: Iterable[Change], *, kept: Kept, budget_s: float
) -> PlannedExperiment:
    """Plan the experiment on a change.

    Args:
        change: the change.
        series: its series, with its nights.
        others: the other known changes.
        kept: the history's store of files.
        budget_s: seconds of device time.

    Raises:
        NothingToRun: both sides are the same files.
        FileGone: a file is gone.
        UsageError: the history lacks a night of the change.
    """
    sides = sides_of(change, series, others)
    nights = nights_of(change.series, sides, kept)
    suite = two_sided_suite(
        change,
        nights.trial,
        nights.suite_text,
        nights.old,
        nights.new,
        budget_s=budget_s,
        process_s=nights.process_s,
    )
    return PlannedExperiment(change=change, sides=sides, nights=nights, suite=suite)


def run_experiment(
    planned: PlannedExperiment,
    *,
    devices: Sequence[str] = (),
    out: Path | None = None,
    wait_s: float = 0.0,
    watcher: RunWatcher | None = None,
) -> TwoSidedRun:
    """Run an experiment and decide.

    Args:
        planned: the experiment.
        devices: where, as for `harness.run`; the device of the series by default.
        out: folder of its run; by default a new one under `runs/`.
        wait_s: longest wait for a device that another harness process holds, in seconds.
        watcher: is notified of the progress.

    Raises:
        SetupError: the device is not there.
        UsageError: `out` holds a run or other files.
    """
    watcher = watcher or RunWatcher()
    chosen = list(devices) or [selector_of(planned.nights.device, watcher)]
    outcome = run(planned.suite.entries, devices=chosen, out=out, wait_s=wait_s, watcher=watcher)
    spent_s = math.fsum(one.device_s if one.device_s is not None else one.duration_s for one in outcome.results)
    decision = _decided(planned, outcome)
    return TwoSidedRun(
        sides=planned.sides,
        decision=decision,
        evidence=_evidence(decision, outcome, spent_s),
        device_s=spent_s,
        path=outcome.path,
        notes=() if outcome.interrupted else (*_of_each_file(planned, outcome), *_of_device(planned, outcome)),
        interrupted=outcome.interrupted,
    )


def _decided(planned: PlannedExperiment, outcome: RunOutcome) -> ChangeDecision:
    if outcome.interrupted:
        return ChangeDecision(answer="undecided", reason="it was interrupted")
    suite = planned.suite
    metric = Metric(planned.change.series.metric)
    try:
        found = compare(
            f"{outcome.path}@{suite.old}", f"{outcome.path}@{suite.new}", metric=metric, min_effect=MIN_EFFECT
        )
    except UsageError as error:  # nothing finished on one side
        return ChangeDecision(answer="undecided", reason=error.message)
    decisions = [decide(planned.change, one) for one in found.comparisons]
    # With several devices the surest answer counts; sure answers do not contradict each other.
    return min(decisions, key=lambda one: ("confirmed", "refuted", "undecided").index(one.answer))


def _evidence(decision: ChangeDecision, outcome: RunOutcome, spent_s: float) -> Evidence | None:
    if decision.ratio is None or decision.ci_low is None or decision.ci_high is None:
        return None
    return Evidence(
        run_id=outcome.run.manifest.run_id,
        run_path=str(outcome.path.resolve()),
        ratio=decision.ratio,
        ci_low=decision.ci_low,
        ci_high=decision.ci_high,
        device_s=spent_s,
        at=datetime.now(UTC),
    )


def _of_each_file(planned: PlannedExperiment, outcome: RunOutcome) -> tuple[str, ...]:
    """Return notes on what each file does alone, if both changed."""
    if not (planned.sides.model_differs and planned.sides.binary_differs):
        return ()
    metric = Metric(planned.change.series.metric)
    words = []
    for what, head in (("binary", "model=old,binary=new"), ("model", "model=new,binary=old")):
        try:
            found = compare(f"{outcome.path}@{planned.suite.old}", f"{outcome.path}@{head}", metric=metric)
        except UsageError:
            continue
        for one in found.comparisons:
            estimate = one.estimate
            if estimate.ratio is not None and estimate.ci_low is not None and estimate.ci_high is not None:
                interval = f"[{estimate.ci_low:.3f}, {estimate.ci_high:.3f}]"
                words.append(f"the new {what} alone: {estimate.ratio:.3f}x {interval}, {one.verdict}")
    return tuple(words)


def _of_device(planned: PlannedExperiment, outcome: RunOutcome) -> tuple[str, ...]:
    """Return notes on how the device differs from that night's."""
    then = planned.nights.device
    return tuple(words for now in outcome.run.manifest.devices if (words := _unlike(then, now)))


def _unlike(then: DeviceInfo, now: DeviceInfo) -> str:
    if then.virtual != now.virtual or then.model != now.model:
        return f"measured on {now.serial}, a {now.model or 'device'}; the device of that night was a {then.model or 'device'}"
    if then.fingerprint != now.fingerprint:
        return f"{now.serial} has the build {now.fingerprint} now; that night it had {then.fingerprint}"
    return ""
