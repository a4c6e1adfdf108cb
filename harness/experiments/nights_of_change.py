"""Reads from two nights' run folders how a series was measured, and with which files."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from pathlib import Path

from harness.analysis.cells import key_of
from harness.analysis.metrics import Metric, purpose_for
from harness.errors import HarnessError
from harness.experiments.kept_file import FileGone, Kept, kept_file
from harness.experiments.sides_of_change import SidesOfChange
from harness.experiments.two_sided_suite import Side, SideFiles
from harness.files.terminal_text import printable
from harness.history.series_of_trial import belongs, series_devices
from harness.records import Artifact, DeviceInfo, Result, Trial
from harness.records.history import NightEstimate, SeriesKey
from harness.runs.run_store import Run, load_run


@dataclass(frozen=True, slots=True, kw_only=True)
class NightsOfChange:
    """How a series was measured on the nights around a change."""

    trial: Trial
    """A process of the series, from the newer night if its folder still exists."""
    suite_text: str
    device: DeviceInfo
    process_s: float
    """Seconds for which a process occupied the device."""
    old: SideFiles
    new: SideFiles


def nights_of(series: SeriesKey, sides: SidesOfChange, kept: Kept) -> NightsOfChange:
    """Read how a series was measured on the two nights.

    Args:
        series: what was measured.
        sides: the two nights.
        kept: the history's store of files.

    Raises:
        FileGone: a model or a binary is gone, or both run folders are.
    """
    runs = {side: _run(night) for side, night in (("new", sides.new), ("old", sides.old))}
    seen = {side: _trials(run, series) for side, run in runs.items() if run is not None}
    side = next((side for side in runs if seen.get(side)), None)
    run = runs[side] if side is not None else None
    if side is None or run is None:
        raise FileGone(
            f"the run folders of both nights are gone, so nothing says how {printable(series.words)} was measured: "
            f"{sides.old.run_path}, {sides.new.run_path}",
            remedy="put one of them back, or add it again from where it is: harness history add RUN",
        )
    trial = seen[side][0]
    return NightsOfChange(
        trial=trial,
        suite_text=run.manifest.suite_text,
        device=next(one for one in run.manifest.devices if one.serial == trial.device),
        process_s=_process_s(run, trial),
        old=_files("old", sides.old, runs["old"], seen.get("old") or [trial], kept),
        new=_files("new", sides.new, runs["new"], seen.get("new") or [trial], kept),
    )


def _run(night: NightEstimate) -> Run | None:
    try:
        run = load_run(Path(night.run_path))
    except HarnessError:
        return None
    # The folder may hold another run by now.
    return run if run.manifest.run_id == night.run_id else None


def _trials(run: Run | None, series: SeriesKey) -> list[Trial]:
    """Return the trials that gave the series its numbers."""
    if run is None:
        return []
    names = series_devices(run.manifest.devices)
    results = [one for one in run.results if belongs(one.trial, series, names)]
    purpose = purpose_for(results, Metric(series.metric))
    trials = (*(one.trial for one in results), *run.manifest.trials)
    return [one for one in trials if one.purpose is purpose and one.device in names and belongs(one, series, names)]


def _process_s(run: Run, trial: Trial) -> float:
    def alike(one: Result) -> bool:
        return one.trial.purpose is trial.purpose and key_of(one.trial) == key_of(trial)

    kept = [one.device_s if one.device_s is not None else one.duration_s for one in run.results if alike(one)]
    return statistics.median(kept) if kept else trial.run.warmup_s + trial.run.min_s


def _files(side: Side, night: NightEstimate, run: Run | None, trials: list[Trial], kept: Kept) -> SideFiles:
    model = next((one.model for one in trials if one.model.sha256 == night.model_sha256), trials[0].model)
    artifact = _artifact(run, night.binary_sha256)
    called = artifact.name if artifact is not None else "benchmark_model"
    lay_at = [artifact.source] if artifact is not None and artifact.origin == "import" and artifact.source else []
    return SideFiles(
        model=replace(model, sha256=night.model_sha256),
        model_file=kept_file(
            night.model_sha256, kind="model", side=side, called=model.label, kept=kept, lay_at=[model.path]
        ),
        binary_sha256=night.binary_sha256,
        binary_file=kept_file(night.binary_sha256, kind="binary", side=side, called=called, kept=kept, lay_at=lay_at),
    )


def _artifact(run: Run | None, sha256: str) -> Artifact | None:
    if run is None:
        return None
    return next((one for one in run.manifest.artifacts if one.sha256 == sha256), None)
