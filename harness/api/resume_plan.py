"""Finds the rest of an interrupted run, without a device and without a change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.api.retried_trials import Retry, without_retried
from harness.api.run_binaries import suite_of
from harness.api.run_suite import RunPlan
from harness.errors import UsageError
from harness.files.yaml_document import read_yaml
from harness.records import ModelRef
from harness.runs.run_progress import adaptive_progress
from harness.runs.run_store import Run, load_run
from harness.suite.expand import Expansion
from harness.suite.model_files import model_ref
from harness.suite.suite_file import find_suite


def plan_resume(run: str | Path, *, suite: str | Path | None = None, retry: Retry | None = None) -> RunPlan:
    """Return the trials that `resume` would run. It queries no device and writes nothing.

    Args:
        run: the run's folder.
        suite: leave it out: a run keeps its suite, and another one is refused.
        retry: as for `resume`: trials to repeat are left too.

    Raises:
        UsageError: there is no run, or a model differs from the one at its start.

    Example:
        print(len(plan_resume("runs/first").expansion.trials), "trials are left")
    """
    path = Path(run)
    done = without_retried(load_run(path), retry)
    refuse_other_suite(path, done.manifest.suite_text, suite)
    left = left_of(done)
    check_models(done.manifest.models, left)
    return RunPlan(suite=suite_of(done.manifest), expansion=left, resumes=done)


def refuse_other_suite(run: Path, text: str, suite: str | Path | None) -> None:
    """Check that a suite is the one of a run.

    Raises:
        UsageError: it is another one, or cannot be read.
    """
    if suite is not None and read_yaml(find_suite(str(suite))) != text:
        raise UsageError(f"{suite} is not the suite of {run}", remedy="leave it out: a run keeps its own suite")


def left_of(run: Run) -> Expansion:
    """Return the trials that still need a result; `further` holds those that may follow on devices of an adaptive run."""
    manifest = run.manifest
    done = {result.trial.trial_id for result in run.results}
    steps = adaptive_progress(run)
    needed = [
        trial for trial in (*manifest.trials, *(t for step in steps for t in step.trials)) if trial.trial_id not in done
    ]
    trials = tuple({trial.trial_id: trial for trial in needed}.values())
    going_on = {step.device for step in steps if step.trials}
    known = done | {trial.trial_id for trial in trials}
    return Expansion(
        trials=trials,
        impossible=tuple(item for item in manifest.impossible if item.trial.trial_id not in done),
        warnings=(),
        seed=manifest.seed or 0,
        further=tuple(t for t in manifest.further if t.device in going_on and t.trial_id not in known),
    )


def check_models(models: Sequence[ModelRef], left: Expansion) -> None:
    """Check that the model files are unchanged. Those that no trial needs any more may be gone.

    Raises:
        UsageError: one is gone or has changed.
    """
    needed = {trial.model for trial in (*left.trials, *left.further)}
    for model in models:
        try:
            now = model_ref(Path(model.path), model.name)
        except OSError as error:
            if model not in needed:
                continue
            again = f"harness models convert {model.source}" if model.variant is not None else None
            remedy = f"{again} makes it again" if again else None
            raise UsageError(f"model {model.path} cannot be read: {error.strerror}", remedy=remedy) from None
        if now.sha256 != model.sha256:
            raise UsageError(f"model {model.path} has changed since the run began", remedy="start a new run")
