"""Synthetic series of nights whose truth is known. Nothing here was measured on a device.

A night's value is the level of its series, times what the night does to the device, times the error of the median of its processes. The
sizes of `AS_HERE` are those that runs of this project show: processes of a cell differ by 1 to 7 % on idle cores of a server
(docs/statistics.md, *For real, on virtual devices*), the levels of neighbouring runs by about 1 % (*Two runs*); published logs of phones
have single bad runs, 5 to 60 % above the others (`latency_model`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.latency_model import Floats
from harness.records.history import Ground, NightEstimate, Series, SeriesKey

BEGIN = datetime(2026, 1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """What nights are like. All sizes are relative (0.01 is 1 %), all chances by night."""

    name: str
    between: tuple[float, float] = (0.01, 0.01)
    """Least and largest standard deviation between nights; each series draws its own, evenly by its logarithm."""
    memory: tuple[float, float] = (0.0, 0.0)
    """Correlation of neighbouring nights, likewise, evenly."""
    within: tuple[float, float] | None = None
    """Standard deviation between the processes of a night, as `between`; None: nights say nothing of their processes."""
    bad_chance: tuple[float, float] = (0.0, 0.0)
    bad_size: tuple[float, float] = (0.05, 0.40)
    missing: float = 0.0
    ground_changes: float = 0.0
    ground_moves: float = 0.0
    """Standard deviation of what a change of the ground does to the level, where it does anything: in half of the cases."""
    wander: float = 0.0
    """Standard deviation of a step of the level from night to night, for good."""


PLAIN = Lab(name="plain, 1 %")
BAD_NIGHTS = Lab(name="5 % bad nights", bad_chance=(0.05, 0.05))
ALIKE_NEIGHBOURS = Lab(name="AR(1) 0.5", memory=(0.5, 0.5))
AS_HERE = Lab(
    name="as seen here",
    between=(0.003, 0.03),
    memory=(0.0, 0.4),
    within=(0.01, 0.07),
    bad_chance=(0.0, 0.03),
    bad_size=(0.05, 0.60),
    missing=0.05,
    ground_changes=0.02,
    ground_moves=0.02,
    wander=0.0001,
)
LABS = (AS_HERE, PLAIN, BAD_NIGHTS, ALIKE_NEIGHBOURS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is planted in a series."""

    night: int = 0
    """First night after it."""
    step: float = 0.0
    creep: float = 0.0
    """Growth each night from then on."""

    def effect(self, nights: int) -> Floats:
        """Logarithm of what it does, by night."""
        passed = np.arange(nights) - self.night + 1
        return np.asarray(np.where(passed > 0, np.log1p(self.step) + passed * np.log1p(self.creep), 0.0))


NOTHING = Truth()


def simulate_series(rng: np.random.Generator, lab: Lab, nights: int, truth: Truth = NOTHING) -> Series:
    """Return a series of synthetic nights; run ids are the numbers of the nights, so missed ones can be told."""
    deviation = np.exp(rng.uniform(*np.log(lab.between)))
    logs = _alike(rng, deviation, rng.uniform(*lab.memory), nights) + truth.effect(nights)
    bad = rng.random(nights) < rng.uniform(*lab.bad_chance)
    logs = logs + bad * np.log1p(rng.uniform(*lab.bad_size, nights)) + np.cumsum(rng.normal(0, lab.wander, nights))
    changed = rng.random(nights) < lab.ground_changes
    moved = changed & (rng.random(nights) < 0.5)
    logs = logs + np.cumsum(moved * rng.normal(0, lab.ground_moves, nights))
    builds = np.cumsum(changed)
    here = rng.random(nights) >= lab.missing
    processes, spreads = 10, [None] * nights
    if lab.within is not None:
        usual = np.exp(rng.uniform(*np.log(lab.within)))
        each = usual * rng.standard_normal((nights, processes))
        logs = logs + np.median(each, axis=1)
        spreads = [float(1.4826 * np.median(np.abs(row - np.median(row)))) for row in each]  # type: ignore[misc]
    estimates = tuple(
        NightEstimate(
            run_id=str(night),
            run_path="",
            at=BEGIN + timedelta(days=night),
            value=float(1000 * np.exp(logs[night])),
            processes=processes,
            spread=spreads[night],
            ci_low=None,
            ci_high=None,
            model_sha256="",
            binary_sha256=str(night),
            ground=Ground(fingerprint=str(builds[night])),
            synthetic=True,
        )
        for night in np.flatnonzero(here).tolist()
    )
    key = SeriesKey(device="synthetic", model="m", delegate="cpu", threads=1, cpus="all", metric="inference_avg")
    return Series(key=key, unit="us", estimates=estimates)


def nights_since(series: Series, found: Sequence[int]) -> list[int]:
    """Return the numbers of nights at these places of a series."""
    return [int(series.estimates[place].run_id) for place in found]


def _alike(rng: np.random.Generator, deviation: float, memory: float, nights: int) -> Floats:
    fresh = rng.normal(0, deviation, nights)
    values = np.empty(nights)
    values[0] = fresh[0]
    for night in range(1, nights):
        values[night] = memory * values[night - 1] + np.sqrt(1 - memory**2) * fresh[night]
    return values
