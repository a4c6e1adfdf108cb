"""The progress of a run: trials still to do, and the decisions that follow from the results of an adaptive run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from harness.analysis.stopping import ProcessSummary, Step, Stopping, compared_cells, process_of
from harness.records import Purpose, Result, Trial
from harness.runs.run_store import Manifest, Run, RunStore


def stopping_of(manifest: Manifest) -> dict[str, Stopping]:
    """Return the decisions of an adaptive run by device; empty for other runs."""
    if manifest.adaptive is None:
        return {}
    latency = [t for t in (*manifest.trials, *manifest.further) if t.purpose is Purpose.LATENCY]
    by_device: dict[str, list[Trial]] = {}
    for trial in latency:
        by_device.setdefault(trial.device, []).append(trial)
    cells = sum(len(compared_cells(trials, manifest.baseline)) for trials in by_device.values())
    return {
        serial: Stopping(
            manifest.adaptive,
            trials,
            manifest.baseline,
            cells=cells,
            balanced=manifest.balanced,
            control=manifest.control,
        )
        for serial, trials in by_device.items()
    }


def processes_of(results: Iterable[Result]) -> dict[str, ProcessSummary]:
    """Return the latency processes, which decide about further blocks, by trial id."""
    return {r.trial.trial_id: process_of(r) for r in results if r.trial.purpose is Purpose.LATENCY}


def record_decisions(store: RunStore) -> None:
    """Record the decisions that follow from an adaptive run's results, which a harness killed after a block may have missed.

    Raises:
        SetupError: they cannot be written.
    """
    processes = processes_of(store.results())
    for stopping in stopping_of(store.manifest).values():
        for decision in stopping.step(processes, store.decisions(), datetime.now(UTC)).decisions:
            store.decide(decision)


def adaptive_progress(run: Run) -> tuple[Step, ...]:
    """Return the state of each device of an adaptive run; empty for other runs."""
    processes = processes_of(run.results)
    return tuple(
        stopping.step(processes, run.decisions, datetime.now(UTC)) for stopping in stopping_of(run.manifest).values()
    )


def unfinished_trials(run: Run) -> tuple[Trial, ...]:
    """Return the trials that still need a result. Of an adaptive run's further blocks, only the next one counts."""
    done = {result.trial.trial_id for result in run.results}
    needed = (*run.manifest.planned, *(trial for step in adaptive_progress(run) for trial in step.trials))
    return tuple({trial.trial_id: trial for trial in needed if trial.trial_id not in done}.values())


def unfinished_on(run: Run) -> Counter[str]:
    """Count the trials that still need a result, by device."""
    return Counter(trial.device for trial in unfinished_trials(run))


def unfinished(run: Run) -> int:
    """Count the trials that still need a result, on all devices."""
    return unfinished_on(run).total()
