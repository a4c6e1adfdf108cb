"""How far a run is: what it has still to do, and of an adaptive run what its results decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from harness.analysis.stopping import ProcessSummary, Step, Stopping, process_of
from harness.records import Purpose, Result, Trial
from harness.runs.run_store import Manifest, Run, RunStore


def stopping_of(manifest: Manifest) -> dict[str, Stopping]:
    """How an adaptive run decides, by device; nothing for a run that does not."""
    if manifest.adaptive is None:
        return {}
    latency = [t for t in (*manifest.trials, *manifest.further) if t.purpose is Purpose.LATENCY]
    by_device: dict[str, list[Trial]] = {}
    for trial in latency:
        by_device.setdefault(trial.device, []).append(trial)
    return {
        serial: Stopping(manifest.adaptive, trials, manifest.baseline, balanced=manifest.balanced)
        for serial, trials in by_device.items()
    }


def processes_of(results: Iterable[Result]) -> dict[str, ProcessSummary]:
    """What decides about further blocks, by trial."""
    return {r.trial.trial_id: process_of(r) for r in results if r.trial.purpose is Purpose.LATENCY}


def record_decisions(store: RunStore) -> None:
    """Record the decisions that follow from an adaptive run's results: a harness that was killed after a block may have missed them.

    Raises:
        SetupError: it cannot be written.
    """
    processes = processes_of(store.results())
    for stopping in stopping_of(store.manifest).values():
        for decision in stopping.step(processes, store.decisions(), datetime.now(UTC)).decisions:
            store.decide(decision)


def adaptive_progress(run: Run) -> tuple[Step, ...]:
    """How far each device of an adaptive run is; nothing for a run of another kind."""
    if run.manifest.adaptive is None:
        return ()
    processes = processes_of(run.results)
    return tuple(
        stopping.step(processes, run.decisions, datetime.now(UTC)) for stopping in stopping_of(run.manifest).values()
    )


def unfinished_trials(run: Run) -> tuple[Trial, ...]:
    """The trials that lack a result that they need. Of an adaptive run's further blocks, those of the next one at most."""
    done = {result.trial.trial_id for result in run.results}
    needed = (*run.manifest.planned, *(trial for step in adaptive_progress(run) for trial in step.trials))
    return tuple({trial.trial_id: trial for trial in needed if trial.trial_id not in done}.values())


def unfinished_on(run: Run) -> Counter[str]:
    """How many trials of each device lack a result that they need."""
    return Counter(trial.device for trial in unfinished_trials(run))


def unfinished(run: Run) -> int:
    """How many trials of a run have no result yet but need one, on all devices."""
    return unfinished_on(run).total()
