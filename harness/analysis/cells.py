"""Results by cell: everything measured under the same question. Pure.

The sample is one process: a cell's value is the median of its processes' averages, its spread is between processes.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.records import Purpose, Result, Scalar, Status, Trial
from harness.records.adaptive_decisions import CellKey

__all__ = ["Cell", "CellKey", "baseline_key", "baseline_of", "cells", "key_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The latency processes of a cell.

    `values_us` holds the average latency of each process that is ok, in the order of running; nothing else ever counts as a latency.
    """

    key: CellKey
    values_us: tuple[float, ...]
    statuses: Mapping[Status, int]
    causes: tuple[str, ...]
    synthetic: bool
    profiled_us: tuple[float, ...] = ()
    """The average latency of each profiled process that is ok, by its own account: what profiling makes of it, never a latency."""

    @property
    def profiling_overhead(self) -> float | None:
        """How much slower the profiled processes were, as a share: 0.02 for 2 %. None where one of both was not measured."""
        middle = self.median_us
        return statistics.median(self.profiled_us) / middle - 1 if self.profiled_us and middle else None

    @property
    def median_us(self) -> float | None:
        """Median over the processes; None without a good one."""
        return statistics.median(self.values_us) if self.values_us else None

    @property
    def spread(self) -> float | None:
        """(largest - smallest) / median; None with fewer than two processes."""
        middle = self.median_us
        if middle is None or middle == 0 or len(self.values_us) < 2:
            return None
        return (max(self.values_us) - min(self.values_us)) / middle


def key_of(trial: Trial) -> CellKey:
    """The cell that a trial belongs to."""
    return CellKey(
        model=trial.model.name,
        device=trial.device,
        delegate=trial.delegate_label,
        threads=trial.threads,
        cpus=trial.cpus.label,
        binary=trial.binary or "",
    )


def cells(results: Iterable[Result]) -> tuple[Cell, ...]:
    """Group by cell, in the order in which the cells first appear."""
    groups: dict[CellKey, list[Result]] = {}
    for result in results:
        groups.setdefault(key_of(result.trial), []).append(result)
    return tuple(_cell(key, group) for key, group in groups.items())


def baseline_of(cell: Cell, all_cells: Sequence[Cell], baseline: Mapping[str, Scalar] | None) -> Cell | None:
    """The cell that `cell` is compared with: alike but for what `baseline` fixes. None without one, or where it has no value."""
    measured = {other.key: other for other in all_cells if other.values_us}
    key = baseline_key(cell.key, measured, baseline)
    return measured[key] if key is not None else None


def baseline_key(key: CellKey, keys: Iterable[CellKey], baseline: Mapping[str, Scalar] | None) -> CellKey | None:
    """The one of `keys` that `key` is compared with: alike but for what `baseline` fixes; `key` itself where it is a baseline."""
    if not baseline:
        return None
    names = ("model", "device", "delegate", "threads", "cpus", "binary")
    wanted = [str(baseline.get(name, getattr(key, name))) for name in names]
    return next((other for other in keys if [str(getattr(other, name)) for name in names] == wanted), None)


def _cell(key: CellKey, group: Sequence[Result]) -> Cell:
    statuses: dict[Status, int] = {}
    causes: dict[str, None] = {}
    values: list[float] = []
    profiled: list[float] = []
    for result in group:
        statuses[result.status] = statuses.get(result.status, 0) + 1
        causes.update(dict.fromkeys(str(cause) for cause in result.causes))
        value = result.measurement.inference_avg_us if result.measurement else None
        if result.status is not Status.OK or value is None:
            continue
        if result.trial.purpose is Purpose.LATENCY:
            values.append(value)
        elif result.trial.purpose is Purpose.PROFILE:
            profiled.append(value)
    return Cell(
        key=key,
        values_us=tuple(values),
        statuses=statuses,
        causes=tuple(causes),
        synthetic=any(result.synthetic for result in group),
        profiled_us=tuple(profiled),
    )
