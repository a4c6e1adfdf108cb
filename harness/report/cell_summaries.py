"""The cells of a run as the report shows them: one (model, device, delegate, threads, cpus, binary) with all its processes. Pure.

The latency of a process is the tool's own average over its timed runs (`Inference (avg)`), which every version prints. The latency of a
cell is the centre of its processes that are `ok`; only where there is none, over those that are `invalid`, and then it is marked as such.
A failed process has no latency here, whatever it printed. Neither has a process that ran something else than the delegate asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from harness.analysis.cells import KEYS, CellResults, CellSummary, key_of, summary_of
from harness.analysis.centre import Spread, spread
from harness.analysis.metrics import Metric, is_good, peak_memory_mb, ran_as_asked, shown
from harness.records import (
    CellKey,
    CpuRequest,
    DelegateRequest,
    DelegateUse,
    Measurement,
    ModelRef,
    Purpose,
    Result,
    Scalar,
    Status,
    Trial,
)
from harness.runs.run_progress import adaptive_progress
from harness.runs.run_store import Run

CellState = Literal["ok", "invalid", "failed", "skipped", "pending", "unmeasured"]
ProcessOutcome = Literal["ok", "invalid", "failed", "skipped", "pending"]
_MEMORY: Mapping[str, Callable[[Measurement], float | None]] = {
    "init": lambda seen: seen.memory.init_delta_mb,
    "overall": lambda seen: seen.memory.overall_delta_mb,
    "peak": peak_memory_mb,
}


SideName = Literal["", "base", "head"]
"""Of a comparison, the side that a cell stands on; empty in the report of one run."""


def cell_id(key: CellKey, side: SideName = "") -> str:
    """Short and stable, for links: the same cell has the same id in every report."""
    values = [str(getattr(key, name)) for name in KEYS]
    short = hashlib.sha256(json.dumps(values if key.binary else values[:-1]).encode()).hexdigest()[:10]
    return f"{side}-{short}" if side else short


@dataclass(frozen=True)
class ReportCell:
    """A cell with its planned trials and what came of them. In its key, files that share a name are told apart by their hashes."""

    key: CellKey
    model: ModelRef
    delegate: DelegateRequest
    cpus: CpuRequest
    trials: tuple[Trial, ...]
    results: tuple[Result, ...]
    side: SideName = ""

    @cached_property
    def id(self) -> str:
        """For links."""
        return cell_id(self.key, self.side)

    @cached_property
    def state(self) -> CellState:
        """What its latency processes came to; `unmeasured` where none was planned."""
        outcomes = self.outcomes(Purpose.LATENCY)
        if not outcomes:
            return "unmeasured"
        for outcome in ("ok", "invalid", "failed", "skipped"):
            if outcomes[outcome]:
                return outcome
        return "pending"

    def outcomes(self, purpose: Purpose) -> Counter[ProcessOutcome]:
        """How many of the planned processes of a purpose came to what."""
        counts: Counter[ProcessOutcome] = Counter(r.status.value for r in self.results if r.trial.purpose is purpose)
        planned = sum(trial.purpose is purpose for trial in self.trials)
        counts["pending"] = planned - counts.total()
        return +counts

    @cached_property
    def summary(self) -> CellSummary:
        """What counts, as everywhere else."""
        return summary_of(CellResults(key=self.key, mask=self.cpus.hex, results=self.results))

    @cached_property
    def latency(self) -> Spread | None:
        """In microseconds, over the processes that `state` speaks of."""
        return self._spread(Metric.INFERENCE_AVG)

    @property
    def profiling_overhead(self) -> float | None:
        """How much slower the profiled processes were by their own account, as a share: 0.02 for 2 %. None where one was not measured."""
        return self.summary.profiling_overhead

    @cached_property
    def init_us(self) -> Spread | None:
        """Time to load and prepare the model, over the same processes."""
        return self._spread(Metric.INIT)

    @cached_property
    def first_inference_us(self) -> Spread | None:
        """The first inference after loading, over the same processes."""
        return self._spread(Metric.FIRST_INFERENCE)

    def values(self, metric: Metric, status: Status) -> list[float]:
        """Of the latency processes of a status: those that count, or those that are invalid but ran what was asked."""
        seen = (shown(r, metric, Purpose.LATENCY) for r in self.results if r.status is status)
        return [value for value in seen if value is not None]

    def _spread(self, metric: Metric) -> Spread | None:
        return spread(self.values(metric, Status(self.state))) if self.state in ("ok", "invalid") else None

    @cached_property
    def causes(self) -> tuple[str, ...]:
        """Causes of whatever is not ok, most frequent first."""
        counts = Counter(cause.value for r in self.results if r.status is not Status.OK for cause in r.causes)
        return tuple(cause for cause, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @property
    def synthetic(self) -> bool:
        """Whether any of its results was replayed or modelled instead of measured."""
        return self.summary.synthetic

    @cached_property
    def delegates(self) -> tuple[DelegateUse, ...]:
        """What became of the delegates, each different answer once; one that only says less than another is left out."""
        uses = dict.fromkeys(use for r in self.results if r.measurement for use in r.measurement.delegates)
        detailed = {(use.name, use.applied) for use in uses if use.nodes_delegated is not None}
        return tuple(use for use in uses if use.nodes_delegated is not None or (use.name, use.applied) not in detailed)

    @cached_property
    def memory_purpose(self) -> Purpose | None:
        """Whose memory figures are shown: those of the memory processes if one counts, else of the latency processes."""
        purposes = (Purpose.MEMORY, Purpose.LATENCY)
        return next((purpose for purpose in purposes if any(is_good(r, purpose) for r in self.results)), None)

    def memory(self, name: Literal["init", "overall", "peak"]) -> Spread | None:
        """A memory figure in the tool's megabytes over the processes of `memory_purpose`. Zero is a figure: nothing grew."""
        purpose = self.memory_purpose
        seen = [r.measurement for r in self.results if purpose is not None and is_good(r, purpose)]
        figures = (_MEMORY[name](measurement) for measurement in seen if measurement is not None)
        return spread(figure for figure in figures if figure is not None)

    def profiled(self) -> tuple[Result, ...]:
        """Profiled processes whose ops are shown: those that count, or, where there is none, invalid ones that ran what was asked."""
        found = [r for r in self.results if r.trial.purpose is Purpose.PROFILE and r.measurement and r.measurement.ops]
        good = [r for r in found if is_good(r, Purpose.PROFILE)]
        return tuple(good or (r for r in found if r.status is Status.INVALID and ran_as_asked(r)))


def report_cells(run: Run, *, tell_apart: bool = True) -> tuple[ReportCell, ...]:
    """All cells, in the order in which the suite first names their models, devices, delegates, threads and cpus.

    Args:
        run: the run.
        tell_apart: give model files that share a name their hashes as names. Comparisons know cells by the plain name.
    """
    planned = {trial.trial_id: trial for trial in run.manifest.trials}
    # Of an adaptive run's further blocks those that ran, and what one that was cut off still needs.
    for step in adaptive_progress(run):
        planned |= {trial.trial_id: trial for trial in step.trials}
    for result in run.results:
        planned.setdefault(result.trial.trial_id, result.trial)
    # A result's own model too: in a run that was put together by hand it may differ from the plan's.
    models = [trial.model for trial in planned.values()] + [result.trial.model for result in run.results]
    names = _shown_model_names(models) if tell_apart else {(model.name, model.sha256): model.name for model in models}
    trials: dict[CellKey, list[Trial]] = {}
    results: dict[CellKey, list[Result]] = {}
    for trial in planned.values():
        trials.setdefault(_key(trial, names), []).append(trial)
    for result in run.results:
        key = _key(result.trial, names)
        trials.setdefault(key, [result.trial])  # never dropped in silence
        results.setdefault(key, []).append(result)
    return tuple(
        ReportCell(
            key=key,
            model=trials[key][0].model,
            delegate=trials[key][0].delegate,
            cpus=trials[key][0].cpus,
            trials=tuple(trials[key]),
            results=tuple(sorted(results.get(key, ()), key=lambda r: (r.trial.purpose, r.trial.process))),
        )
        for key in sorted(trials, key=_order(run, trials))
    )


def baseline_as_shown(wanted: Mapping[str, Scalar] | None, cells: tuple[ReportCell, ...]) -> dict[str, Scalar] | None:
    """The manifest's baseline in the words that cells are shown with; None where it names nothing that this run has.

    A delegate may be named without its options (`gpu` for `gpu(precision=fp16)`) where that is unambiguous, cores by label or mask.
    """
    found: dict[str, Scalar] = {}
    for dimension, value in (wanted or {}).items():
        if dimension not in KEYS:
            return None
        there: dict[str, Scalar] = {str(getattr(cell.key, dimension)): getattr(cell.key, dimension) for cell in cells}
        aliases = {getattr(cell.key, dimension) for cell in cells if _aliases(cell, dimension, str(value))}
        if str(value) in there:
            found[dimension] = there[str(value)]
        elif len(aliases) == 1:
            found[dimension] = aliases.pop()
        else:
            return None
    return found or None


def _aliases(cell: ReportCell, dimension: str, value: str) -> bool:
    if dimension == "delegate":
        return cell.delegate.name == value
    if dimension == "cpus":
        return cell.cpus.hex == value
    return dimension == "model" and cell.model.name == value


def _key(trial: Trial, names: Mapping[tuple[str, str], str]) -> CellKey:
    return replace(key_of(trial), model=names[(trial.model.name, trial.model.sha256)])


def _shown_model_names(models: list[ModelRef]) -> dict[tuple[str, str], str]:
    hashes: dict[str, set[str]] = {}
    for model in models:
        hashes.setdefault(model.name, set()).add(model.sha256)
    return {
        (name, sha): name if len(group) == 1 else f"{name} [{sha[:8]}]"
        for name, group in hashes.items()
        for sha in group
    }


def _order(run: Run, trials: Mapping[CellKey, list[Trial]]) -> _CellOrder:
    # The schedule is shuffled, so the suite's order of models and devices is the manifest's; the rest is sorted by its own nature.
    return _CellOrder(
        {model.sha256 + model.name: index for index, model in enumerate(run.manifest.models)},
        {device.serial: index for index, device in enumerate(run.manifest.devices)},
        {name: index for index, name in enumerate(dict.fromkeys(a.binary for a in run.manifest.artifacts))},
        {key: group[0] for key, group in trials.items()},
    )


@dataclass(frozen=True, slots=True)
class _CellOrder:
    models: Mapping[str, int]
    devices: Mapping[str, int]
    binaries: Mapping[str | None, int]
    first: Mapping[CellKey, Trial]

    def __call__(self, key: CellKey) -> tuple[int, str, int, str, int, str, int, int, str, int, str]:
        trial = self.first[key]
        return (
            self.models.get(trial.model.sha256 + trial.model.name, len(self.models)),
            key.model,
            self.devices.get(trial.device, len(self.devices)),
            trial.device,
            0 if trial.delegate.name == "cpu" else 1,
            trial.delegate_label,
            trial.threads,
            -trial.cpus.mask,
            trial.cpus.label,
            self.binaries.get(trial.binary, len(self.binaries)),
            key.binary,
        )
