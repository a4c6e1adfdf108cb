"""Writes the suite of an experiment: old and new files of a change in one interleaved run, with the settings of those nights. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.analysis.metrics import Metric
from harness.analysis.ratio_interval import BUDGET
from harness.analysis.samples import MIN_BLOCKS
from harness.experiments.change_decision import MIN_EFFECT, least_suspected
from harness.records import ModelRef, Purpose, Trial
from harness.records.history import Change
from harness.suite.trial_entries import delegate_entry, kept_entries, model_entry, run_entry

MOST_BLOCKS = 60
"""Most processes of each side. A device that is still undecided then is too noisy for this question."""
_WIDEST = 0.9
"""Largest allowed width of the interval, even for a very large suspected change."""

Side = Literal["old", "new"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFiles:
    """The files of one side."""

    model: ModelRef
    """The model as the suite asked for it that night."""
    model_file: Path
    """The file with its content now."""
    binary_sha256: str
    binary_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSidedSuite:
    """A suite of two sides."""

    entries: dict[str, Any]
    """The suite as `harness.run` takes it."""
    old: str
    """Selection of the old side's cell: `binary=old`."""
    new: str
    cells: int
    """Number of cells: two, or four if both files changed."""
    least: int
    """Processes of each cell that always run."""
    purpose: Purpose


def two_sided_suite(
    change: Change, trial: Trial, suite_text: str, old: SideFiles, new: SideFiles, *, budget_s: float, process_s: float
) -> TwoSidedSuite:
    """Write the suite.

    If both files changed, it measures all four pairs, to find out which file caused the change.

    Args:
        change: the suspected change.
        trial: a process of its series, for its settings.
        suite_text: the suite of that process, for its conditions.
        old, new: the files of each side.
        budget_s: seconds of device time.
        process_s: seconds for which a process occupied the device on those nights.
    """
    metric = Metric(change.series.metric)
    models_differ = old.model.sha256 != new.model.sha256
    binaries_differ = old.binary_sha256 != new.binary_sha256
    name = change.series.cell.model_label
    if models_differ:
        models = [
            model_entry(old.model, "old", str(old.model_file)),
            model_entry(new.model, "new", str(new.model_file)),
        ]
    else:
        models = [model_entry(new.model, name, str(new.model_file))]
    binaries = [{"name": change.series.binary or "benchmark_model", "path": str(new.binary_file)}]
    if binaries_differ:
        binaries = [{"name": "old", "path": str(old.binary_file)}, {"name": "new", "path": str(new.binary_file)}]
    cells = len(models) * len(binaries)
    keys = [*(["model"] if models_differ else []), *(["binary"] if binaries_differ else [])]
    processes, least = _processes(change, metric, trial.purpose, cells, budget_s, process_s)
    entries: dict[str, Any] = {
        "suite": f"confirm {change.id}: {name}"[:200],
        "models": models,
        "delegates": [delegate_entry(trial.delegate)],
        "start": [trial.start],
        "threads": [trial.threads],
        "cpus": [trial.cpus.label],
        "purposes": [str(trial.purpose)],
        "processes": processes,
        "run": run_entry(trial.run),
        "binaries": binaries,
        "baseline": dict.fromkeys(keys, "old"),
        **kept_entries(suite_text),
    }
    if entries["start"] == ["warm"]:
        del entries["start"]  # a delegate with its own weight cache takes no `start`
    return TwoSidedSuite(
        entries=entries,
        old=",".join(f"{key}=old" for key in keys),
        new=",".join(f"{key}=new" for key in keys),
        cells=cells,
        least=least,
        purpose=trial.purpose,
    )


def _processes(
    change: Change, metric: Metric, purpose: Purpose, cells: int, budget_s: float, process_s: float
) -> tuple[Any, int]:
    """Return the entry `processes`, and how many processes of each cell always run."""
    if metric is Metric.INFERENCE_AVG and purpose is Purpose.LATENCY:
        # So narrow an interval excludes either no change or the suspected one, wherever the truth is.
        until = min(_WIDEST, max(MIN_EFFECT, least_suspected(change) - 1))
        return {"min": MIN_BLOCKS, "max": MOST_BLOCKS, "until": until, "device_s": budget_s}, MIN_BLOCKS
    # Only the average latency lets blocks end early. For another metric, as many run as fit into the budget.
    room = int(budget_s / (cells * process_s)) if process_s > 0 else BUDGET
    count = min(MOST_BLOCKS, max(MIN_BLOCKS, room))
    return {str(purpose): count}, count
