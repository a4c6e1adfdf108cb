"""Whole tables of runs in the harness's order, in a disturbed environment: any wrong verdict, and coverage. All cells are alike.

Runs of a fixed number of blocks, and adaptive ones, from which cells drop out. An adaptive run orders the cells that are left anew; here
such orders come from a stock, with other cells in the same places.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from benchmarks.adaptive import Adaptive
from benchmarks.orders import HEATS, SQUARES, Disturbance, Ints, environment
from benchmarks.procedures import RULES
from benchmarks.tables import by_kept, intervals, judge_paired, kept_blocks, kept_p
from harness.analysis.block_order import block_orders
from harness.analysis.predecessors import Before
from harness.analysis.sequential import LOOK_LEVEL
from harness.analysis.stop_rule import settled
from harness.records.adaptive_decisions import AdaptivePlan

PLAN = AdaptivePlan(min_blocks=5, max_blocks=30, until=0.02)
_STOCK = 60
_EDGE = float(np.log1p(RULES.min_effect))


@dataclass(frozen=True, slots=True)
class Figures:
    """Of many tables in which nothing differs."""

    wrong: float
    """Tables with any verdict that something differs."""
    covered: float
    """Intervals that hold 1, of the cell with the fewest."""
    period: int
    """Of the disturbance, in processes; 0 if it has none."""


def waves_near(cells: int) -> list[Disturbance]:
    """Square waves that come back about once in a block or two: those that an order of so many cells keeps step with most."""
    periods = {2, cells - 1, cells, cells + 1, cells + 2, cells + 3, cells + 4, 2 * cells}
    return [one for one in SQUARES if one.period in periods]


def worst(found: Sequence[Figures]) -> tuple[Figures, Figures]:
    """The figures with most wrong tables, and those with the least coverage."""
    return max(found, key=lambda one: one.wrong), min(found, key=lambda one: one.covered)


def fixed(disturbance: Disturbance, *, cells: int, blocks: int, noise: float, experiments: int, seed: int) -> Figures:
    """Tables of a run with a fixed number of blocks; the first cell is the baseline, and the second may heat its successor."""
    rng = np.random.default_rng(seed)
    orders = _relabelled(rng, _stock(cells, blocks, False), experiments)
    ran = orders.reshape(experiments, -1)
    values = environment(rng, disturbance, ran) + rng.normal(0, noise, ran.shape)
    places = orders.argsort(axis=2)
    before = np.concatenate([np.full((experiments, 1), -1), ran[:, :-1]], axis=1).reshape(orders.shape)
    by_cell, before_cell = (
        np.take_along_axis(one.reshape(orders.shape), places, axis=2).transpose(0, 2, 1) for one in (values, before)
    )
    heads = np.broadcast_to(np.arange(1, cells)[None, :, None], (experiments, cells - 1, blocks))
    base, base_before = (np.repeat(one[:, :1], cells - 1, axis=1) for one in (by_cell, before_cell))
    judged = judge_paired(base, by_cell[:, 1:], RULES, before=_before(base_before, before_cell[:, 1:], heads))
    covered = judged.covered(0.0).mean(axis=0)
    return Figures(float(judged.differs.any(axis=1).mean()), float(covered.min()), disturbance.period)


def adaptive(disturbance: Disturbance, *, cells: int, noise: float, experiments: int, seed: int) -> Figures:
    """Tables of an adaptive run of 5 to 30 blocks until 2 %, as it stops."""
    found = _run(disturbance, cells=cells, noise=noise, experiments=experiments, seed=seed)
    covered = found.covered(np.zeros(1)).mean(axis=0)
    return Figures(float(found.differs().any(axis=1).mean()), float(covered.min()), disturbance.period)


def _run(disturbance: Disturbance, *, cells: int, noise: float, experiments: int, seed: int) -> Adaptive:
    rng = np.random.default_rng(seed)
    most = PLAN.max_blocks
    # What ran before is known only as the run goes on, so its effect is added there.
    nobody = np.full((experiments, cells * most), -1)
    surroundings = environment(rng, replace(disturbance, carry=0.0), nobody)
    latencies, before = np.full((experiments, cells, most), np.nan), np.full((experiments, cells, most), -1)
    shape = (experiments, cells - 1)
    low, high, above, below = np.zeros((4, *shape))
    blocks, running = np.zeros(shape, dtype=np.int_), np.ones(shape, dtype=np.bool_)
    orders = [(0, one) for one in _relabelled(rng, _stock(cells, most, True), experiments)]
    slots, processes, last = np.zeros((3, experiments), dtype=np.int_)
    last[:] = -1
    for n in range(1, most + 1):
        active = np.nonzero(running.any(axis=1))[0]
        for run in active:
            start, planned = orders[run]
            order = planned[n - 1 - start]
            ran_before = np.concatenate([last[run : run + 1], order[:-1]])
            here = surroundings[run, slots[run] : slots[run] + len(order)]
            latencies[run, order, n - 1] = here + np.log1p(disturbance.carry) * (ran_before == 1)
            before[run, order, n - 1] = ran_before
            slots[run], processes[run], last[run] = slots[run] + len(order), processes[run] + len(order), order[-1]
        latencies[active, :, n - 1] += rng.normal(0, noise, (len(active), cells))
        if n < PLAN.min_blocks:
            continue
        rows, columns = np.nonzero(running)
        base, head = latencies[rows, 0, :n], latencies[rows, columns + 1, :n]
        ran = _before(before[rows, 0, :n], before[rows, columns + 1, :n], (columns + 1)[:, None])
        differences, keep = head - base, kept_blocks(base, head, ran)
        known = by_kept(differences, keep, partial(settled, blocks=n, plan=PLAN, cells=cells - 1)) > 0
        ends = known | (n == most)
        where = rows[ends], columns[ends]
        if ends.any():
            low[where], high[where] = intervals(differences[ends], keep[ends], LOOK_LEVEL)
            above[where] = by_kept(differences[ends], keep[ends], lambda kept: kept_p(kept, _EDGE))
            below[where] = by_kept(differences[ends], keep[ends], lambda kept: kept_p(-kept, _EDGE))
        blocks[where], running[where] = n, False
        for run in np.unique(rows[ends]):
            left = np.concatenate([[0], np.nonzero(running[run])[0] + 1])
            if len(left) > 1:
                orders[run] = n, _for_those_left(rng, left, int(last[run]))
    return Adaptive(low, high, above, below, blocks, processes, PLAN)


def _before(base: Ints, head: Ints, heads: Ints) -> Before:
    return Before(np.asarray(base != head), ((base == heads) * 1.0 + (head == heads)) / 2)


@lru_cache(maxsize=64)
def _stock(cells: int, blocks: int, open_end: bool) -> Ints:
    chance = random.Random(f"{cells}/{blocks}")  # noqa: S311  # a simulation
    drawn = [block_orders(range(cells), blocks, chance, open_end=open_end) for _ in range(_STOCK)]
    return np.asarray(drawn, dtype=np.int_)


def _relabelled(rng: np.random.Generator, stock: Ints, experiments: int) -> Ints:
    """Orders of the stock with other cells in the same places."""
    chosen = stock[rng.integers(0, len(stock), experiments)]
    labels = rng.random((experiments, stock.shape[2])).argsort(axis=1)
    return np.asarray(np.take_along_axis(labels[:, None], chosen, axis=2))


def _for_those_left(rng: np.random.Generator, left: Ints, last: int) -> Ints:
    """An order of the cells that are left, which begins with the one that ran last."""
    stock = _stock(len(left), PLAN.max_blocks, True)
    order = stock[rng.integers(0, len(stock))]
    labels = rng.permutation(left)
    if last in left:
        place = int(np.nonzero(labels == last)[0][0])
        first = int(order[0, 0])
        labels[[place, first]] = labels[[first, place]]
    return np.asarray(labels[order])


def carry_over(cells: int, noise: float, experiments: int, seed: int) -> tuple[Figures, ...]:
    """The second cell heats its successor by 3 %: after 5, 10 and 20 blocks, and an adaptive run as it stops."""
    found = [
        fixed(HEATS, cells=cells, blocks=blocks, noise=noise, experiments=experiments, seed=seed)
        for blocks in (5, 10, 20)
    ]
    return (*found, adaptive(HEATS, cells=cells, noise=noise, experiments=experiments, seed=seed))
