"""Synthetic latencies whose truth is known, to measure how often statistics err. Nothing here was measured on a device.

A process' logarithmic latency is the sum of

*   the environment at its time: a phone that warms up, a governor that throttles for a while: common to whatever runs then;
*   the process: noise of its own, and with some chance an outlier (a garbage collection, an update in the background) or another mode
    (placed on other cores);
*   the effect, for head.

The sizes are of the order seen in published logs of phones and boards (MI 11, i.MX 8M Plus, and others): the timed inferences of one
process vary by 0.04 to 7 % (standard deviation over average, 1.8 % in the middle), single inferences take 2 to 13 times as long in some
processes and raise the average of 50 by 5 to 60 %. How processes vary between each other nobody publishes: 0.5 to 5 % are tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Order = Literal["interleaved", "one after the other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A phone's manners. All sizes are relative (0.01 is 1 %), all chances per process."""

    name: str
    noise: float = 0.01
    drift: float = 0.0
    """Largest growth from the first process to the last; each experiment draws its own."""
    throttle: float = 0.0
    """Largest slowdown while throttled; each experiment throttles once, at a random time for a random while."""
    outlier_chance: float = 0.0
    outlier_mean: float = 0.25
    mode_chance: float = 0.0
    mode_size: float = 0.05
    mode_sticks: float = 0.0
    """Chance that a process is in the slow mode because the one before it was: the device's mode, not the process's."""
    heavy_tails: bool = False
    """Student's t with 3 degrees of freedom in place of the normal distribution, of the same scale."""
    wander: float = 0.0
    """Standard deviation of the environment's first-order autoregression, whose memory is `memory`."""
    memory: float = 0.9
    """Share of the wandering that lasts until the next process."""
    walk: float = 0.0
    """Standard deviation of a step of the environment's random walk from one process to the next."""
    step: float = 0.0
    """Relative step in which latencies are printed."""


PHONES = (
    Scenario(name="calm"),
    Scenario(name="drift", drift=0.10),
    Scenario(name="throttling", throttle=0.20),
    Scenario(name="outliers", outlier_chance=0.05),
    Scenario(name="two modes", mode_chance=0.3),
    Scenario(name="heavy tails", heavy_tails=True),
    Scenario(name="noisy", noise=0.05),
    Scenario(
        name="everything", noise=0.02, drift=0.05, throttle=0.20, outlier_chance=0.05, mode_chance=0.3, mode_size=0.05
    ),
)
"""Phones, each with one bad manner, and one with all."""

SLOW_MOVERS = (
    Scenario(name="autoregressive", wander=0.02),
    Scenario(name="random walk", walk=0.005),
    Scenario(name="sticky mode", mode_chance=0.3, mode_sticks=0.9),
)
"""Phones whose neighbouring processes are alike for other reasons than in the model that the methods were chosen with."""

QUANTISED = Scenario(name="quantised", noise=0.005, step=0.01)
"""Latencies in few different values: 100 us, printed in whole microseconds."""

SCENARIOS = (*PHONES, *SLOW_MOVERS, QUANTISED)


def simulate(
    rng: np.random.Generator,
    scenario: Scenario,
    *,
    experiments: int,
    processes: int,
    effect: float = 0.0,
    order: Order = "interleaved",
) -> tuple[Floats, Floats]:
    """Logarithmic latencies of base and head, one row per experiment, one column per block.

    Args:
        rng: source of chance.
        scenario: the phone.
        experiments: how many.
        processes: of each side.
        effect: how much slower head is; 0.03 is 3 %.
        order: both sides in each block in random order, or all of base before all of head.
    """
    environment = _environment(rng, scenario, experiments, 2 * processes)
    if order == "interleaved":
        first = rng.random((experiments, processes)) < 0.5
        even, odd = environment[:, 0::2], environment[:, 1::2]
        base, head = np.where(first, even, odd), np.where(first, odd, even)
    else:
        base, head = environment[:, :processes], environment[:, processes:]
    shape = (experiments, processes)
    ours = base + _process(rng, scenario, shape)
    theirs = head + _process(rng, scenario, shape) + np.log1p(effect)
    return _printed(ours, scenario), _printed(theirs, scenario)


def simulate_cells(
    rng: np.random.Generator, scenario: Scenario, *, experiments: int, blocks: int, effects: Sequence[float]
) -> Floats:
    """Logarithmic latencies of several cells that run in each block in random order: by experiment, cell and block.

    Args:
        rng: source of chance.
        scenario: the phone.
        experiments: how many.
        blocks: in each every cell runs once.
        effects: how much slower each cell is than the environment alone; 0.03 is 3 %.
    """
    cells = len(effects)
    environment = _environment(rng, scenario, experiments, cells * blocks).reshape(experiments, blocks, cells)
    order = rng.random((experiments, blocks, cells)).argsort(axis=2)
    placed = np.take_along_axis(environment, order, axis=2)
    values = placed + _process(rng, scenario, (experiments, blocks, cells)) + np.log1p(np.asarray(effects))
    return _printed(np.asarray(values.transpose(0, 2, 1), dtype=np.float64), scenario)


def inferences(
    rng: np.random.Generator,
    scenario: Scenario,
    *,
    experiments: int,
    count: int,
    effect: float = 0.0,
    within: float = 0.018,
) -> tuple[Floats, Floats]:
    """Logarithmic latencies of single inferences, one process a side: they share whatever befell their process."""
    base, head = simulate(rng, scenario, experiments=experiments, processes=1, effect=effect)
    shape = (experiments, count)
    return base + rng.normal(0, within, shape), head + rng.normal(0, within, shape)


def _environment(rng: np.random.Generator, scenario: Scenario, experiments: int, slots: int) -> Floats:
    time = np.linspace(0, 1, slots)[None, :]
    grown = rng.uniform(0, 1, (experiments, 1)) * np.log1p(scenario.drift)
    # A phone warms up quickly at first, then slowly.
    environment = grown * (1 - np.exp(-3 * time)) / (1 - np.exp(-3))
    start, length = rng.uniform(-0.2, 1, (experiments, 1)), rng.uniform(0.1, 0.6, (experiments, 1))
    step = rng.uniform(0.25, 1, (experiments, 1)) * np.log1p(scenario.throttle)
    environment = environment + step * ((time >= start) & (time < start + length))
    if scenario.wander:
        environment = environment + _autoregression(rng, scenario, experiments, slots)
    if scenario.walk:
        environment = environment + np.cumsum(rng.normal(0, scenario.walk, (experiments, slots)), axis=1)
    if scenario.mode_sticks:
        environment = environment + _sticky(rng, scenario, experiments, slots)
    return np.asarray(environment, dtype=np.float64)


def _autoregression(rng: np.random.Generator, scenario: Scenario, experiments: int, slots: int) -> Floats:
    fresh = rng.normal(0, scenario.wander, (experiments, slots))
    values = np.empty_like(fresh)
    values[:, 0] = fresh[:, 0]
    for slot in range(1, slots):
        kept = scenario.memory
        values[:, slot] = kept * values[:, slot - 1] + np.sqrt(1 - kept**2) * fresh[:, slot]
    return values


def _sticky(rng: np.random.Generator, scenario: Scenario, experiments: int, slots: int) -> Floats:
    drawn = rng.random((experiments, slots)) < scenario.mode_chance
    stays = rng.random((experiments, slots)) < scenario.mode_sticks
    slow = drawn.copy()
    for slot in range(1, slots):
        slow[:, slot] = np.where(stays[:, slot], slow[:, slot - 1], drawn[:, slot])
    return np.asarray(slow * np.log1p(scenario.mode_size), dtype=np.float64)


def _printed(values: Floats, scenario: Scenario) -> Floats:
    """Round latencies to the step in which they are printed."""
    if not scenario.step:
        return values
    return np.asarray(np.log(np.maximum(scenario.step, np.round(np.exp(values) / scenario.step) * scenario.step)))


def _process(rng: np.random.Generator, scenario: Scenario, shape: tuple[int, ...]) -> Floats:
    noise = rng.standard_t(3, shape) if scenario.heavy_tails else rng.standard_normal(shape)
    values: Floats = scenario.noise * noise
    values += (rng.random(shape) < scenario.outlier_chance) * np.log1p(rng.exponential(scenario.outlier_mean, shape))
    if not scenario.mode_sticks:
        values += (rng.random(shape) < scenario.mode_chance) * np.log1p(scenario.mode_size)
    return values
