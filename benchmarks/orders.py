"""What the order of a run's processes is worth when what ran before, or the time, matters: `python -m benchmarks.orders`.

Synthetic latencies of cells that are all alike (the true ratio is 1), in a disturbed environment: one cell heats whatever follows it,
everything is slower every few processes, noise that remembers, a phone that warms up. Prints for several orders the bias of the ratio,
the share of false verdicts and the coverage of the interval; exit code 1 where the harness's own order errs in more than 2 %.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

# Run as a script, Python puts this folder first on the path, where `statistics` would stand for the library's.
if __name__ == "__main__" and sys.path and Path(sys.path[0]).resolve() == Path(__file__).resolve().parent:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np
import numpy.typing as npt

from benchmarks.latency_model import Floats
from benchmarks.procedures import RULES
from benchmarks.tables import judge_paired
from harness.analysis.block_order import block_orders
from harness.analysis.ratio_interval import BUDGET
from harness.analysis.samples import paired_many

Ints = npt.NDArray[np.int_]
Design = Callable[[int, int, random.Random], Sequence[Sequence[int]]]
"""(cells, blocks, chance) to the order of the cells in each block."""

MOST_FALSE = 0.02
_SEED = 11
_HEATS = 1
"""The cell whose successor is slowed: the head of the comparison; cell 0 is its base."""


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


DESIGNS: dict[str, Design] = {"plain shuffle": plain, "mirrored": mirrored, "Williams": williams, "harness": own}


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """What slows processes, as shares: 0.03 is 3 %."""

    name: str
    carry: float = 0.0
    """How much slower the process after the head is, whichever it is."""
    period: int = 0
    """A sawtooth: each process is slower than the one before, by `height / period`, until it begins anew."""
    height: float = 0.0
    memory: float = 0.0
    """Correlation of neighbours, AR(1), with a standard deviation of `wander`."""
    wander: float = 0.0
    drift: float = 0.0
    """From the first process to the last, evenly."""


DISTURBANCES = (
    Disturbance(name="head heats its successor, 3 %", carry=0.03),
    *(
        Disturbance(name=f"sawtooth of {period} processes, {height:.0%}", period=period, height=height)
        for period in (2, 3, 4, 5)
        for height in (0.03, 0.10)
    ),
    Disturbance(name="AR(1), 0.9, 3 %", memory=0.9, wander=0.03),
    Disturbance(name="linear drift, 10 %", drift=0.10),
)

BEYOND = tuple(
    Disturbance(name=f"sawtooth of {period} processes, 10 %", period=period, height=0.10)
    for period in (6, 7, 8, 10, 12)
)
"""Longer periods, for which nothing is promised; printed all the same."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of many experiments in which nothing differs: mean of the ratio less 1, share of verdicts, share of intervals that hold 1."""

    bias: float
    false: float
    covered: float


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
    by_cell = np.take_along_axis(values.reshape(orders.shape), orders.argsort(axis=2), axis=2)
    base, head = by_cell[:, None, :, 0], by_cell[:, None, :, _HEATS]
    judged = judge_paired(base, head, RULES)
    return Figures(
        bias=float(np.expm1(paired_many((head - base)[:, 0]).centre.mean())),
        false=float(judged.differs.mean()),
        covered=float(judged.covered(0.0).mean()),
    )


def simulated(
    design: Design, disturbance: Disturbance, *, cells: int, blocks: int, noise: float, experiments: int, seed: int
) -> tuple[Ints, Floats]:
    """Simulate runs of cells that are all alike: the order by run, block and place; logarithms by run, in the order of running."""
    chance, rng = random.Random(seed), np.random.default_rng(seed)  # noqa: S311  # a simulation
    orders = np.asarray([design(cells, blocks, chance) for _ in range(experiments)], dtype=np.int_)
    ran = orders.reshape(experiments, -1)
    return orders, environment(rng, disturbance, ran) + rng.normal(0, noise, ran.shape)


def environment(rng: np.random.Generator, disturbance: Disturbance, ran: Ints) -> Floats:
    """What disturbs each process, as logarithms: a row for each run, whose cells `ran` in that order."""
    experiments, processes = ran.shape
    at = np.arange(processes)
    found: Floats = np.zeros(ran.shape) + np.log1p(disturbance.drift) * at / (processes - 1)
    found[:, 1:] += np.log1p(disturbance.carry) * (ran[:, :-1] == _HEATS)
    if disturbance.period:
        begin = rng.integers(0, disturbance.period, (experiments, 1))
        found += np.log1p(disturbance.height) * ((at + begin) % disturbance.period) / disturbance.period
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
    parser.add_argument("--experiments", type=int, default=2000, help="per number in a table (default: 2000)")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    print(
        f"Synthetic latencies, {options.experiments} experiments a number, seed {_SEED}; each: bias, false verdicts, coverage"
    )
    worst = 0.0
    for cells, blocks in ((2, BUDGET), (3, BUDGET), (8, BUDGET), (2, 20), (3, 20)):
        for noise in (0.002, 0.01):
            worst = max(worst, _table(cells, blocks, noise, options.experiments))
    print(f"\nFalse verdicts of the harness's own order: at most {worst:.1%} (allowed: {MOST_FALSE:.0%}); ", end="")
    print(f"{'holds' if worst <= MOST_FALSE else 'DOES NOT HOLD'}; {time.monotonic() - began:.0f} s")
    return 0 if worst <= MOST_FALSE else 1


def _table(cells: int, blocks: int, noise: float, experiments: int) -> float:
    """Print one table, and return the largest share of false verdicts of the harness's own order where something is promised."""
    print(f"\n{cells} cells, {blocks} blocks, {noise:.1%} of noise")
    designs = DESIGNS | ({"harness, open end": own_open} if cells == 2 else {})
    print(f"{'':<36}" + "".join(f"{name:>28}" for name in designs))
    worst = 0.0
    for disturbance in (*DISTURBANCES, *BEYOND):
        measure = partial(
            figures,
            disturbance=disturbance,
            cells=cells,
            blocks=blocks,
            noise=noise,
            experiments=experiments,
            seed=_SEED,
        )
        found = {name: measure(design) for name, design in designs.items()}
        print(
            f"{disturbance.name:<36}"
            + "".join(f"{one.bias:>+13.2%}{one.false:>8.1%}{one.covered:>7.0%}" for one in found.values()),
            flush=True,
        )
        if disturbance not in BEYOND:
            worst = max([worst, *(one.false for name, one in found.items() if name.startswith("harness"))])
    return worst


if __name__ == "__main__":
    sys.exit(main())
