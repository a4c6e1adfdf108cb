"""Groups results by cell: all processes that measured the same combination of model, device, delegate and so on. Pure.

The sample is one process: a cell's value is the centre of its processes' averages, its spread is between processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from harness.analysis.centre import Spread, centre, spread
from harness.analysis.metrics import Metric, counted
from harness.records import CellKey, Purpose, Result, Scalar, Status, Trial
from harness.records.accuracy import AccuracyFigures
from harness.records.causes import Cause

KEYS = tuple(one.name for one in fields(CellKey))
"""The keys that name a cell, in order. Selections name them, cells pair by them, and they are the dimensions of the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResults:
    """All results of a cell, in the order of running."""

    key: CellKey
    mask: str
    """Mask of the cores, bare hex."""
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSummary:
    """Numbers and outcomes of a cell's processes."""

    key: CellKey
    mask: str
    """Mask of the cores, bare hex."""
    values_us: tuple[float, ...]
    """Average latency of each latency process that counts, in the order given. Nothing else ever counts as a latency."""
    statuses: Mapping[Status, int]
    causes: tuple[str, ...]
    synthetic: bool
    """Whether any of its results, failed ones too, was replayed or modelled instead of measured."""
    output_differs: bool = False
    """See `output_differs`. No number of the cell is shown without saying so."""
    accuracy: AccuracyFigures | None = None
    """The finding of its accuracy trial, within the limits or not; None without one."""
    profiled_us: tuple[float, ...] = ()
    """Average of each profiled process that counts. The profiler slows it, so it is never a latency."""
    peaks_mb: tuple[float, ...] = ()
    """Peak memory of each memory process that counts, in the tool's megabytes."""

    @property
    def latency(self) -> Spread | None:
        """Spread of `values_us`; None if it is empty."""
        return spread(self.values_us)

    @property
    def peak_memory_mb(self) -> float | None:
        """Centre of the processes run for memory that count, in the tool's megabytes; None without one."""
        return centre(self.peaks_mb) if self.peaks_mb else None

    @property
    def profiling_overhead(self) -> float | None:
        """Slowdown by the profiler as a share: 0.02 is 2 %. None unless both kinds of process were measured."""
        if not self.profiled_us or not self.values_us:
            return None
        return centre(self.profiled_us) / centre(self.values_us) - 1

    @property
    def median_us(self) -> float | None:
        """Centre of `values_us`; None if it is empty."""
        return self.latency.centre if self.latency else None

    @property
    def spread(self) -> float | None:
        """(largest - smallest) / centre; None with fewer than two processes."""
        return self.latency.relative if self.latency else None


def key_of(trial: Trial) -> CellKey:
    """Return the cell of a trial."""
    return CellKey(
        model=trial.model.name,
        device=trial.device,
        delegate=trial.delegate_label,
        threads=trial.threads,
        cpus=trial.cpus.label,
        binary=trial.binary or "",
        variant=trial.model.variant or "",
    )


def output_differs(results: Iterable[Result]) -> bool:
    """Say whether an accuracy trial of a cell found outputs beyond the limits: its latency is then that of a wrong answer."""
    return any(Cause.OUTPUT_DIFFERS in result.causes for result in results)


def group_by_cell(results: Iterable[Result]) -> list[CellResults]:
    """Group results by cell, in the order in which the cells first appear."""
    groups: dict[CellKey, list[Result]] = {}
    for result in results:
        groups.setdefault(key_of(result.trial), []).append(result)
    return [CellResults(key=key, mask=group[0].trial.cpus.hex, results=tuple(group)) for key, group in groups.items()]


def summaries(results: Iterable[Result]) -> tuple[CellSummary, ...]:
    """Summarise each cell, in the order in which the cells first appear."""
    return tuple(summary_of(cell) for cell in group_by_cell(results))


def summary_of(cell: CellResults) -> CellSummary:
    """Summarise one cell."""
    statuses: dict[Status, int] = {}
    causes: dict[str, None] = {}
    for result in cell.results:
        statuses[result.status] = statuses.get(result.status, 0) + 1
        causes.update(dict.fromkeys(str(cause) for cause in result.causes))
    return CellSummary(
        key=cell.key,
        mask=cell.mask,
        values_us=tuple(counted(cell.results, Metric.INFERENCE_AVG, Purpose.LATENCY)),
        statuses=statuses,
        causes=tuple(causes),
        synthetic=any(result.synthetic for result in cell.results),
        output_differs=output_differs(cell.results),
        accuracy=next((one.accuracy for one in reversed(cell.results) if one.accuracy is not None), None),
        profiled_us=tuple(counted(cell.results, Metric.INFERENCE_AVG, Purpose.PROFILE)),
        peaks_mb=tuple(counted(cell.results, Metric.PEAK_MEMORY, Purpose.MEMORY)),
    )


def matches(key: CellKey, named: Mapping[str, Scalar]) -> bool:
    """Return whether a cell has the named values, such as `{"delegate": "cpu"}`."""
    return all(str(getattr(key, name)) == str(value) for name, value in named.items())


def cell_words(key: CellKey, *, device: bool = True) -> str:
    """Name a cell: `mobilenet on R5CT1 cpu 1 thr big`."""
    parts = [key.model_label, *([f"on {key.device}"] if device else []), key.delegate, f"{key.threads} thr", key.cpus]
    return " ".join(parts + ([key.binary] if key.binary else []))


def baseline_key(key: CellKey, keys: Iterable[CellKey], baseline: Mapping[str, Scalar] | None) -> CellKey | None:
    """Return the one of `keys` that is `key` with the values that `baseline` fixes; a baseline's own key is itself."""
    if not baseline:
        return None
    wanted = [str(baseline.get(name, getattr(key, name))) for name in KEYS]
    return next((other for other in keys if [str(getattr(other, name)) for name in KEYS] == wanted), None)
