"""What the order of a run's processes is worth when what ran before, or the time, matters: `python -m benchmarks.orders`.

Synthetic latencies of cells that are all alike (the true ratio is 1), in a disturbed environment: one cell heats whatever follows it,
everything is slower every few processes (2 to 24, as a sawtooth or a square wave), noise that remembers, a phone that warms up. Prints for
several orders the bias of the ratio, the share of false verdicts and the coverage of the interval; exit code 1 where the harness's own
order errs in more than 2 %.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

# Run as a script, Python puts this folder first on the path, where `statistics` would stand for the library's.
if __name__ == "__main__" and sys.path and Path(sys.path[0]).resolve() == Path(__file__).resolve().parent:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np
import numpy.typing as npt

from benchmarks.adaptive import run_adaptively
from benchmarks.latency_model import Floats
from benchmarks.procedures import RULES
from benchmarks.tables import by_kept, judge_paired, kept_blocks
from harness.analysis.block_order import block_orders
from harness.analysis.order_resonance import PERIODS
from harness.analysis.predecessors import Before
from harness.analysis.ratio_interval import BUDGET
from harness.analysis.samples import paired_many
from harness.analysis.sequential import look_alpha
from harness.records.adaptive_decisions import AdaptivePlan

Ints = npt.NDArray[np.int_]

MOST_FALSE = 0.02
SEED = 11
"""Of chance."""
_LOOKS = (5, 30)
"""Smallest and largest number of blocks of a run that may end after any block between them."""
_HEAD = 1
"""The cell whose successor is slowed: the head of the comparison; cell 0 is its base."""


@dataclass(frozen=True, slots=True)
class Design:
    """A way to order the processes of a run."""

    draw: Callable[[int, int, random.Random], Sequence[Sequence[int]]]
    """(cells, blocks, chance) to the order of the cells in each block."""
    open_end: bool = False
    """The run may end after any block, so a look has a level of its own."""


def plain(cells: int, blocks: int, rng: random.Random) -> list[list[int]]:
    """A fresh shuffle for each block, as the harness had it before."""
    return [rng.sample(range(cells), cells) for _ in range(blocks)]


def mirrored(cells: int, blocks: int, rng: random.Random) -> list[list[int]]:
    """One order forwards and backwards in turn; of two cells AB BA throughout."""
    first = rng.sample(range(cells), cells)
    return [first[:: 1 if block % 2 == 0 else -1] for block in range(blocks)]


def williams_square(cells: int) -> list[list[int]]:
    """Orders in which within blocks each cell follows each other equally often (Williams 1949): once where the number of cells is even, in
    as many blocks; twice where it is odd, in twice as many."""
    zigzag = [(step + 1) // 2 if step % 2 else (cells - step // 2) % cells for step in range(cells)]
    rows = [[(cell + shift) % cells for cell in zigzag] for shift in range(cells)]
    return rows if cells % 2 == 0 else rows + [row[::-1] for row in rows]


def williams(cells: int, blocks: int, rng: random.Random) -> list[list[int]]:
    """Williams squares, cells relabelled and orders in random sequence, as many as it takes; the last is cut off."""
    found: list[list[int]] = []
    while len(found) < blocks:
        labels = rng.sample(range(cells), cells)
        rows = williams_square(cells)
        found += [[labels[cell] for cell in row] for row in rng.sample(rows, len(rows))]
    return found[:blocks]


def own(cells: int, blocks: int, rng: random.Random) -> Sequence[Sequence[int]]:
    """The harness's own."""
    return block_orders(range(cells), blocks, rng)


def own_open(cells: int, blocks: int, rng: random.Random) -> Sequence[Sequence[int]]:
    """The harness's own where the run may end after any block."""
    return block_orders(range(cells), blocks, rng, open_end=True)


OWN, OWN_OPEN = Design(own), Design(own_open, open_end=True)
DESIGNS = {
    "plain shuffle": Design(plain),
    "mirrored": Design(mirrored),
    "Williams": Design(williams),
    "harness": OWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """What slows processes, as shares: 0.03 is 3 %."""

    name: str
    carry: float = 0.0
    """How much slower the process after the head is, whichever it is."""
    period: int = 0
    """A sawtooth: each process is slower than the one before, by `height / period`, until it begins anew."""
    height: float = 0.0
    square: bool = False
    """No sawtooth: half of the processes of a period are slower by `height`."""
    memory: float = 0.0
    """Correlation of neighbours, AR(1), with a standard deviation of `wander`."""
    wander: float = 0.0
    drift: float = 0.0
    """From the first process to the last, evenly."""


HEATS = Disturbance(name="head heats its successor, 3 %", carry=0.03)
SAWTOOTHS = tuple(
    Disturbance(name=f"sawtooth of {period} processes, 10 %", period=period, height=0.10) for period in PERIODS
)
SQUARES = tuple(
    Disturbance(name=f"square wave of {period} processes, 10 %", period=period, height=0.10, square=True)
    for period in PERIODS
)
SLOW = (
    Disturbance(name="AR(1), 0.9, 3 %", memory=0.9, wander=0.03),
    Disturbance(name="linear drift, 10 %", drift=0.10),
)
GROUPS: dict[str, tuple[Disturbance, ...]] = {
    HEATS.name: (HEATS,),
    "sawtooth of 10 %, 2 to 24 processes": SAWTOOTHS,
    "square wave of 10 %, 2 to 24": SQUARES,
    **{one.name: (one,) for one in SLOW},
}


@dataclass(frozen=True, slots=True)
class Figures:
    """Of many experiments in which nothing differs: mean of the ratio less 1, share of verdicts, share of intervals that hold 1."""

    bias: float
    false: float
    covered: float
    period: int
    """Of the disturbance, in processes; 0 if it has none."""


def figures(
    design: Design, disturbance: Disturbance, *, cells: int, blocks: int, noise: float, experiments: int, seed: int
) -> Figures:
    """Compare cell 1 with cell 0 in many runs of cells that are all alike.

    Args:
        design: the order of the processes.
        disturbance: what slows them.
        cells: how many.
        blocks: in each every cell runs once.
        noise: standard deviation of a process, as a share.
        experiments: how many.
        seed: of chance.
    """
    orders, values = simulated(
        design, disturbance, cells=cells, blocks=blocks, noise=noise, experiments=experiments, seed=seed
    )
    base, head = sides(orders, values)
    rules = replace(RULES, alpha=look_alpha(RULES.alpha, *_LOOKS)) if design.open_end else RULES
    before = ran_before(orders)
    of_cells = Before(before.apart[:, None], before.after_head[:, None])
    judged = judge_paired(base[:, None], head[:, None], rules, before=of_cells)
    kept = kept_blocks(base, head, before)
    centres = by_kept(head - base, kept, lambda one: paired_many(one).centre)
    return Figures(
        bias=float(np.expm1(centres.mean())),
        false=float(judged.differs.mean()),
        covered=float(judged.covered(0.0).mean()),
        period=disturbance.period,
    )


def worst(
    design: Design,
    group: Sequence[Disturbance],
    *,
    cells: int,
    blocks: int,
    noise: float,
    experiments: int,
    seed: int = SEED,
) -> Figures:
    """The figures under the disturbance of a group in which most verdicts are false; arguments as of `figures`."""
    found = [
        figures(design, one, cells=cells, blocks=blocks, noise=noise, experiments=experiments, seed=seed)
        for one in group
    ]
    return max(found, key=lambda one: one.false)


def sides(orders: Ints, values: Floats) -> tuple[Floats, Floats]:
    """Values of base and head by run and block."""
    by_cell = np.take_along_axis(values.reshape(orders.shape), orders.argsort(axis=2), axis=2)
    return by_cell[:, :, 0], by_cell[:, :, _HEAD]


def ran_before(orders: Ints) -> Before:
    """What ran before base and head, by run and block."""
    ran = orders.reshape(len(orders), -1)
    last = np.concatenate([np.full((len(ran), 1), -1), ran[:, :-1]], axis=1).reshape(orders.shape)
    by_cell = np.take_along_axis(last, orders.argsort(axis=2), axis=2)
    return Before.of(by_cell[:, :, 0], by_cell[:, :, _HEAD], _HEAD)


def adaptive_coverage(disturbance: Disturbance, *, noise: float, experiments: int, seed: int = SEED) -> float:
    """Two cells of an adaptive run of 5 to 30 blocks until 2 %: how often the interval holds the true ratio."""
    plan = AdaptivePlan(min_blocks=_LOOKS[0], max_blocks=_LOOKS[1], until=0.02)
    orders, values = simulated(
        OWN_OPEN, disturbance, cells=2, blocks=plan.max_blocks, noise=noise, experiments=experiments, seed=seed
    )
    found = run_adaptively(np.stack(sides(orders, values), axis=1), plan, before=ran_before(orders))
    return float(found.covered(np.zeros(1)).mean())


def simulated(
    design: Design, disturbance: Disturbance, *, cells: int, blocks: int, noise: float, experiments: int, seed: int
) -> tuple[Ints, Floats]:
    """Simulate runs of cells that are all alike: the order by run, block and place; logarithms by run, in the order of running."""
    rng = np.random.default_rng(seed)
    orders = _drawn(design, cells, blocks, experiments, seed)
    ran = orders.reshape(experiments, -1)
    return orders, environment(rng, disturbance, ran) + rng.normal(0, noise, ran.shape)


@lru_cache(maxsize=32)
def _drawn(design: Design, cells: int, blocks: int, experiments: int, seed: int) -> Ints:
    chance = random.Random(seed)  # noqa: S311  # a simulation
    return np.asarray([design.draw(cells, blocks, chance) for _ in range(experiments)], dtype=np.int_)


def environment(rng: np.random.Generator, disturbance: Disturbance, ran: Ints) -> Floats:
    """What disturbs each process, as logarithms: a row for each run, whose cells `ran` in that order."""
    experiments, processes = ran.shape
    at = np.arange(processes)
    found: Floats = np.zeros(ran.shape) + np.log1p(disturbance.drift) * at / (processes - 1)
    found[:, 1:] += np.log1p(disturbance.carry) * (ran[:, :-1] == _HEAD)
    if disturbance.period:
        begin = rng.integers(0, disturbance.period, (experiments, 1))
        phase = (at + begin) % disturbance.period / disturbance.period
        found += np.log1p(disturbance.height) * ((phase < 1 / 2) if disturbance.square else phase)
    if disturbance.wander:
        fresh = rng.normal(0, disturbance.wander, ran.shape)
        fresh[:, 1:] *= np.sqrt(1 - disturbance.memory**2)
        for process in range(1, processes):
            fresh[:, process] += disturbance.memory * fresh[:, process - 1]
        found += fresh
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all tables. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--experiments", type=int, default=1000, help="per number in a table (default: 1000)")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    print(
        f"Synthetic latencies, {options.experiments} experiments a number, seed {SEED}; each: bias, false verdicts, coverage"
    )
    most = 0.0
    for cells, blocks in ((2, BUDGET), (3, BUDGET), (4, BUDGET), (8, BUDGET), (2, 5), (2, 20), (3, 20), (3, 30)):
        for noise in (0.002, 0.01):
            most = max(most, _table(cells, blocks, noise, options.experiments))
    print(f"\nFalse verdicts of the harness's own order: at most {most:.1%} (allowed: {MOST_FALSE:.0%}); ", end="")
    print(f"{'holds' if most <= MOST_FALSE else 'DOES NOT HOLD'}; {time.monotonic() - began:.0f} s")
    return 0 if most <= MOST_FALSE else 1


def _table(cells: int, blocks: int, noise: float, experiments: int) -> float:
    """Print one table, and return the largest share of false verdicts of the harness's own order."""
    print(f"\n{cells} cells, {blocks} blocks, {noise:.1%} of noise; of waves, the period with most false verdicts")
    designs = DESIGNS | {"harness, open end": OWN_OPEN}
    print(f"{'':<36}" + "".join(f"{name:>32}" for name in designs))
    most = 0.0
    for words, group in GROUPS.items():
        found = {
            name: worst(design, group, cells=cells, blocks=blocks, noise=noise, experiments=experiments)
            for name, design in designs.items()
        }
        print(
            f"{words:<36}"
            + "".join(
                f"{one.bias:>+13.2%}{one.false:>8.1%}{one.covered:>7.0%} {one.period or '':>3}"
                for one in found.values()
            ),
            flush=True,
        )
        most = max([most, *(one.false for name, one in found.items() if name.startswith("harness"))])
    return most


if __name__ == "__main__":
    sys.exit(main())
