"""What a run's trials come to, cell by cell: one (model, device, delegate, threads, cpus, binary) with all its processes. Pure.

The latency of a process is the tool's own average over its timed runs (`Inference (avg)`), which every version prints. The latency of a
cell is the median over its processes that are `ok`; only where there is none, over those that are `invalid`, and then it is marked as such.
A failed process has no latency here, whatever it printed, nor has one in which something else ran than the delegate that was asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Literal

from harness.formats.run_tables import peak_memory_mb
from harness.records import CpuRequest, DelegateRequest, DelegateUse, ModelRef, Purpose, Result, Scalar, Status, Trial
from harness.records.causes import Cause
from harness.runs.run_progress import standing
from harness.runs.run_store import Run

DIMENSIONS = ("model", "device", "delegate", "threads", "cpus", "binary")
CellState = Literal["ok", "invalid", "failed", "skipped", "pending", "unmeasured"]
_FALLBACKS = frozenset(
    {Cause.UNCONSUMED_FLAGS, Cause.DELEGATE_UNAVAILABLE, Cause.DELEGATE_NOT_APPLIED, Cause.DELEGATE_PARTIAL}
)
"""Causes for which something else ran than the delegate that was asked for, or, where all of the graph was asked for, than it alone."""

Outcome = Literal["ok", "invalid", "failed", "skipped", "pending"]


@dataclass(frozen=True, slots=True)
class CellKey:
    """What makes a cell. `model` is the name as shown: with the beginning of its hash where two files share a name."""

    model: str
    device: str
    delegate: str
    threads: str
    cpus: str
    binary: str = ""
    """Empty where the run compares none."""

    @property
    def id(self) -> str:
        """Short and stable, for links: the same cell has the same id in every report."""
        values = self.values if self.binary else self.values[:-1]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:10]

    @property
    def values(self) -> tuple[str, str, str, str, str, str]:
        """In the order of `DIMENSIONS`."""
        return (self.model, self.device, self.delegate, self.threads, self.cpus, self.binary)

    @property
    def config(self) -> tuple[str, str, str, str, str]:
        """All but the model: the column of the matrix."""
        return self.values[1:]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, smallest and largest of a few values of one unit."""

    median: float
    low: float
    high: float
    count: int

    @property
    def percent(self) -> float | None:
        """(largest - smallest) / median in percent; None for a single value or a median of zero."""
        if self.count < 2 or self.median == 0:
            return None
        return 100 * (self.high - self.low) / self.median


@dataclass(frozen=True)
class Cell:
    """A cell with its planned trials and what came of them."""

    key: CellKey
    model: ModelRef
    delegate: DelegateRequest
    cpus: CpuRequest
    trials: tuple[Trial, ...]
    results: tuple[Result, ...]

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

    def outcomes(self, purpose: Purpose) -> Counter[Outcome]:
        """How many of the planned processes of a purpose came to what."""
        counts: Counter[Outcome] = Counter(r.status.value for r in self.results if r.trial.purpose is purpose)
        planned = sum(trial.purpose is purpose for trial in self.trials)
        counts["pending"] = planned - counts.total()
        return +counts

    @cached_property
    def latency(self) -> Spread | None:
        """In microseconds, over the processes that `state` speaks of."""
        if self.state not in ("ok", "invalid"):
            return None
        return spread(
            [v for r in self._of(Purpose.LATENCY, Status(self.state)) if (v := latency_us(r)) is not None],
        )

    @cached_property
    def profiling_overhead(self) -> float | None:
        """How much slower the profiled processes were by their own account, as a share: 0.02 for 2 %. None where one was not measured."""
        if self.state != "ok" or self.latency is None or not self.latency.median:
            return None
        seen = [r.measurement.inference_avg_us for r in self._of(Purpose.PROFILE, Status.OK) if r.measurement]
        averages = [value for value in seen if value is not None]
        return median(averages) / self.latency.median - 1 if averages else None

    @cached_property
    def init_us(self) -> Spread | None:
        """Time to load and prepare the model, over the same processes."""
        return self._latency_detail("init_us")

    @cached_property
    def first_inference_us(self) -> Spread | None:
        """The first inference after loading, over the same processes."""
        return self._latency_detail("first_inference_us")

    def _latency_detail(self, name: Literal["init_us", "first_inference_us"]) -> Spread | None:
        if self.state not in ("ok", "invalid"):
            return None
        seen = [r.measurement for r in self._of(Purpose.LATENCY, Status(self.state)) if as_delegated(r)]
        return spread([v for m in seen if m is not None and (v := getattr(m, name)) is not None])

    @cached_property
    def causes(self) -> tuple[str, ...]:
        """Causes of whatever is not ok, most frequent first."""
        counts = Counter(cause.value for r in self.results if r.status is not Status.OK for cause in r.causes)
        return tuple(cause for cause, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @cached_property
    def synthetic(self) -> bool:
        """Whether any of its results was replayed or modelled instead of measured."""
        return any(result.synthetic for result in self.results)

    @cached_property
    def delegates(self) -> tuple[DelegateUse, ...]:
        """What became of the delegates, each different answer once; one that only says less than another is left out."""
        uses = dict.fromkeys(use for r in self.results if r.measurement for use in r.measurement.delegates)
        detailed = {(use.name, use.applied) for use in uses if use.nodes_delegated is not None}
        return tuple(use for use in uses if use.nodes_delegated is not None or (use.name, use.applied) not in detailed)

    @cached_property
    def memory_purpose(self) -> Purpose | None:
        """Whose memory figures are shown: the memory processes' where one is ok, else the latency processes'."""
        for purpose in (Purpose.MEMORY, Purpose.LATENCY):
            if self._of(purpose, Status.OK):
                return purpose
        return None

    def memory(self, name: Literal["init_delta_mb", "overall_delta_mb", "peak_mb"]) -> Spread | None:
        """A memory figure in the tool's megabytes over the processes of `memory_purpose`."""
        if self.memory_purpose is None:
            return None
        values: list[float] = []
        for result in self._of(self.memory_purpose, Status.OK):
            if result.measurement is None:
                continue
            value = (
                peak_memory_mb(result.measurement) if name == "peak_mb" else getattr(result.measurement.memory, name)
            )
            if value is not None:
                values.append(value)
        return spread(values)

    def profiled(self) -> tuple[Result, ...]:
        """Profiled processes whose ops are shown: the ok ones, or, where there is none, the invalid ones."""
        for status in (Status.OK, Status.INVALID):
            found = [
                r for r in self._of(Purpose.PROFILE, status) if r.measurement and r.measurement.ops and as_delegated(r)
            ]
            if found:
                return tuple(found)
        return ()

    def _of(self, purpose: Purpose, status: Status) -> list[Result]:
        return [r for r in self.results if r.trial.purpose is purpose and r.status is status]


def latency_us(result: Result) -> float | None:
    """The latency of a process that ran to its end; None for a failed one, and where something else than the delegate asked for ran."""
    if result.status not in (Status.OK, Status.INVALID) or result.measurement is None or not as_delegated(result):
        return None
    return result.measurement.inference_avg_us


def as_delegated(result: Result) -> bool:
    """Whether the numbers are those of the delegate that was asked for: a fallback to the CPU has numbers too, and good ones."""
    if result.status is Status.OK:
        return True
    if not _FALLBACKS.isdisjoint(result.causes):
        return False
    uses = result.measurement.delegates if result.measurement else ()
    return result.trial.delegate.name != "cpu" or all(use.applied in ("none", "failed") for use in uses)


def spread(values: list[float]) -> Spread | None:
    """Median and range; None of nothing."""
    return Spread(median(values), min(values), max(values), len(values)) if values else None


def cells_of(run: Run) -> tuple[Cell, ...]:
    """All cells, in the order in which the suite first names their models, devices, delegates, threads and cpus."""
    planned = {trial.trial_id: trial for trial in run.manifest.trials}
    # Of an adaptive run's further blocks those that ran, and what one that was cut off still needs.
    for step in standing(run):
        planned |= {trial.trial_id: trial for trial in step.trials}
    for result in run.results:
        planned.setdefault(result.trial.trial_id, result.trial)
    # A result's own model too: in a run that was put together by hand it may differ from the plan's.
    models = [trial.model for trial in planned.values()] + [result.trial.model for result in run.results]
    names = _shown_model_names(models)
    trials: dict[CellKey, list[Trial]] = {}
    results: dict[CellKey, list[Result]] = {}
    for trial in planned.values():
        trials.setdefault(_key(trial, names), []).append(trial)
    for result in run.results:
        key = _key(result.trial, names)
        trials.setdefault(key, [result.trial])  # never dropped in silence
        results.setdefault(key, []).append(result)
    return tuple(
        Cell(
            key=key,
            model=trials[key][0].model,
            delegate=trials[key][0].delegate,
            cpus=trials[key][0].cpus,
            trials=tuple(trials[key]),
            results=tuple(sorted(results.get(key, ()), key=lambda r: (r.trial.purpose, r.trial.process))),
        )
        for key in sorted(trials, key=_order(run, trials))
    )


def baseline_of(wanted: Mapping[str, Scalar] | None, cells: tuple[Cell, ...]) -> dict[str, str] | None:
    """The manifest's baseline in the words that cells are shown with; None where it names nothing that this run has.

    A delegate may be named without its options (`gpu` for `gpu(precision=fp16)`) where that is unambiguous, cores by label or mask.
    """
    found: dict[str, str] = {}
    for dimension, value in (wanted or {}).items():
        if dimension not in DIMENSIONS:
            return None
        shown = {getattr(cell.key, dimension) for cell in cells}
        aliases = {getattr(cell.key, dimension) for cell in cells if _aliases(cell, dimension, str(value))}
        if str(value) in shown:
            found[dimension] = str(value)
        elif len(aliases) == 1:
            found[dimension] = aliases.pop()
        else:
            return None
    return found or None


def _aliases(cell: Cell, dimension: str, value: str) -> bool:
    if dimension == "delegate":
        return cell.delegate.name == value
    if dimension == "cpus":
        return cell.cpus.hex == value
    return dimension == "model" and cell.model.name == value


def _key(trial: Trial, names: Mapping[tuple[str, str], str]) -> CellKey:
    model = names[(trial.model.name, trial.model.sha256)]
    return CellKey(model, trial.device, trial.delegate_label, str(trial.threads), trial.cpus.label, trial.binary or "")


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
