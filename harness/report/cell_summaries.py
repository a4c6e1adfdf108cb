"""The cells of a run as the report shows them, each with all its processes. Pure.

The latency of a process is the tool's own average over its timed runs (`Inference (avg)`), which every version prints. The latency of a
cell is the centre over its `ok` processes, or, marked, over its `invalid` ones if there are no others. A failed process has no latency,
whatever it printed; neither has one in which the requested delegate did not run.
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
"""The cell's side of a comparison; empty in the report of one run."""


def cell_id(key: CellKey, side: SideName = "") -> str:
    """Return a short id for links, which is the same in every report."""
    values = [str(getattr(key, name)) for name in KEYS if name not in ("binary", "variant")]
    # Only if given, so that cells without these keep their ids.
    values += ([key.binary] if key.binary else []) + ([f"variant={key.variant}"] if key.variant else [])
    short = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:10]
    return f"{side}-{short}" if side else short


@dataclass(frozen=True)
class ReportCell:
    """A cell with its planned trials and their results. In its key, hashes tell apart files that share a name."""

    key: CellKey
    model: ModelRef
    delegate: DelegateRequest
    cpus: CpuRequest
    trials: tuple[Trial, ...]
    results: tuple[Result, ...]
    side: SideName = ""

    @cached_property
    def id(self) -> str:
        """Its id for links."""
        return cell_id(self.key, self.side)

    @cached_property
    def state(self) -> CellState:
        """The best outcome of its latency processes; `unmeasured` if none was planned."""
        outcomes = self.outcomes(Purpose.LATENCY)
        if not outcomes:
            return "unmeasured"
        for outcome in ("ok", "invalid", "failed", "skipped"):
            if outcomes[outcome]:
                return outcome
        return "pending"

    def outcomes(self, purpose: Purpose) -> Counter[ProcessOutcome]:
        """Count the planned processes of a purpose by outcome."""
        counts: Counter[ProcessOutcome] = Counter(r.status.value for r in self.results if r.trial.purpose is purpose)
        planned = sum(trial.purpose is purpose for trial in self.trials)
        counts["pending"] = planned - counts.total()
        return +counts

    @cached_property
    def summary(self) -> CellSummary:
        """The values of the processes that count, by the same rule as everywhere."""
        return summary_of(CellResults(key=self.key, mask=self.cpus.hex, results=self.results))

    @cached_property
    def latency(self) -> Spread | None:
        """Latency in microseconds, over the processes of `state`."""
        return self._spread(Metric.INFERENCE_AVG)

    @property
    def profiling_overhead(self) -> float | None:
        """See `CellSummary.profiling_overhead`."""
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
        """Return a metric of the latency processes of a status, as far as it may be shown."""
        seen = (shown(r, metric, Purpose.LATENCY) for r in self.results if r.status is status)
        return [value for value in seen if value is not None]

    def _spread(self, metric: Metric) -> Spread | None:
        return spread(self.values(metric, Status(self.state))) if self.state in ("ok", "invalid") else None

    @cached_property
    def causes(self) -> tuple[str, ...]:
        """Causes of the results that are not ok, the most frequent first."""
        counts = Counter(cause.value for r in self.results if r.status is not Status.OK for cause in r.causes)
        return tuple(cause for cause, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @property
    def synthetic(self) -> bool:
        """Whether any of its results was replayed or modelled instead of measured."""
        return self.summary.synthetic

    @cached_property
    def delegates(self) -> tuple[DelegateUse, ...]:
        """The use of the delegates, each different one once; an entry that says only less than another is left out."""
        uses = dict.fromkeys(use for r in self.results if r.measurement for use in r.measurement.delegates)
        detailed = {(use.name, use.applied) for use in uses if use.nodes_delegated is not None}
        return tuple(use for use in uses if use.nodes_delegated is not None or (use.name, use.applied) not in detailed)

    @cached_property
    def memory_purpose(self) -> Purpose | None:
        """The purpose whose processes give the memory figures: memory if one of them counts, else latency."""
        purposes = (Purpose.MEMORY, Purpose.LATENCY)
        return next((purpose for purpose in purposes if any(is_good(r, purpose) for r in self.results)), None)

    def memory(self, name: Literal["init", "overall", "peak"]) -> Spread | None:
        """Return a memory figure in the tool's megabytes over the processes of `memory_purpose`. Zero means that nothing grew."""
        purpose = self.memory_purpose
        seen = [r.measurement for r in self.results if purpose is not None and is_good(r, purpose)]
        figures = (_MEMORY[name](measurement) for measurement in seen if measurement is not None)
        return spread(figure for figure in figures if figure is not None)

    def profiled(self) -> tuple[Result, ...]:
        """Return the profiled processes whose ops are shown: those that count, or if there are none, invalid ones that ran as asked."""
        found = [r for r in self.results if r.trial.purpose is Purpose.PROFILE and r.measurement and r.measurement.ops]
        good = [r for r in found if is_good(r, Purpose.PROFILE)]
        return tuple(good or (r for r in found if r.status is Status.INVALID and ran_as_asked(r)))


def report_cells(run: Run, *, tell_apart: bool = True) -> tuple[ReportCell, ...]:
    """Return all cells, in the suite's order of models and devices, then by delegate, threads and cpus.

    Args:
        run: the run.
        tell_apart: name model files that share a name by their hashes. Comparisons know cells by the plain name.
    """
    planned = {trial.trial_id: trial for trial in run.manifest.trials}
    # An adaptive run adds the further blocks that ran, and the rest of one that was cut off.
    for step in adaptive_progress(run):
        planned |= {trial.trial_id: trial for trial in step.trials}
    for result in run.results:
        planned.setdefault(result.trial.trial_id, result.trial)
    # In a run put together by hand, the models of results may differ from the plan's.
    models = [trial.model for trial in planned.values()] + [result.trial.model for result in run.results]
    names = _shown_model_names(models) if tell_apart else {_file(model): model.name for model in models}
    trials: dict[CellKey, list[Trial]] = {}
    results: dict[CellKey, list[Result]] = {}
    for trial in planned.values():
        trials.setdefault(_key(trial, names), []).append(trial)
    for result in run.results:
        key = _key(result.trial, names)
        trials.setdefault(key, [result.trial])  # keep results that the plan lacks
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
    """Return the manifest's baseline in the cells' words; None if it names nothing in this run.

    It may name a delegate without its options (`gpu` for `gpu(precision=fp16)`) if that is unambiguous, and cores by label or mask.
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


_ModelFile = tuple[str, str | None, str]
"""Name, variant, SHA-256."""


def _file(model: ModelRef) -> _ModelFile:
    return model.name, model.variant, model.sha256


def _key(trial: Trial, names: Mapping[_ModelFile, str]) -> CellKey:
    return replace(key_of(trial), model=names[_file(trial.model)])


def _shown_model_names(models: list[ModelRef]) -> dict[_ModelFile, str]:
    hashes: dict[tuple[str, str | None], set[str]] = {}
    for model in models:
        hashes.setdefault((model.name, model.variant), set()).add(model.sha256)
    return {
        (name, variant, sha): name if len(group) == 1 else f"{name} [{sha[:8]}]"
        for (name, variant), group in hashes.items()
        for sha in group
    }


def _order(run: Run, trials: Mapping[CellKey, list[Trial]]) -> _CellOrder:
    # The schedule is shuffled, so models and devices take the manifest's order, and the rest is sorted.
    return _CellOrder(
        {_file(model): index for index, model in enumerate(run.manifest.models)},
        {device.serial: index for index, device in enumerate(run.manifest.devices)},
        {name: index for index, name in enumerate(dict.fromkeys(a.binary for a in run.manifest.artifacts))},
        {key: group[0] for key, group in trials.items()},
    )


@dataclass(frozen=True, slots=True)
class _CellOrder:
    models: Mapping[_ModelFile, int]
    devices: Mapping[str, int]
    binaries: Mapping[str | None, int]
    first: Mapping[CellKey, Trial]

    def __call__(self, key: CellKey) -> tuple[int, str, int, str, int, str, int, int, str, int, str]:
        trial = self.first[key]
        return (
            self.models.get(_file(trial.model), len(self.models)),
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
