"""Whole tables of equal cells in the harness's order, under waves and carry-over: the truth is known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
import pytest

from benchmarks import order_tables
from harness.analysis import calm_order
from harness.analysis.calm_order import calm_orders
from harness.analysis.order_resonance import waves

EXPERIMENTS = 150


@pytest.mark.parametrize("cells", [3, 5])
def test_no_wave_makes_a_table_of_equal_cells_say_that_they_differ(cells: int) -> None:
    """Before, an adaptive run of five cells said so in 6 %, and eight blocks of five cells did."""
    waves = order_tables.waves_near(cells)
    ways = [
        [order_tables.adaptive(one, cells=cells, noise=0.002, experiments=EXPERIMENTS, seed=3) for one in waves],
        [order_tables.fixed(one, cells=cells, blocks=8, noise=0.002, experiments=400, seed=3) for one in waves],
    ]
    for found in ways:
        most, _ = order_tables.worst(found)
        assert most.wrong <= 0.045, most


def test_intervals_hold_where_a_cell_heats_its_successor() -> None:
    for found in order_tables.carry_over(5, 0.02, 400, 3):
        assert found.covered >= 0.93 - 2 * (0.93 * 0.07 / 400) ** 0.5, found


def test_an_order_begins_after_what_ran_and_is_the_same_for_the_same_chance() -> None:
    first, again = (calm_orders((4, 7, 9), 20, 9, random.Random(1)) for _ in range(2))
    assert first == again
    assert all(sorted(order) == [4, 7, 9] for order in first)
    begins = sum(calm_orders((4, 7, 9), 1, 9, random.Random(seed))[0][0] == 9 for seed in range(60))
    assert begins > 30, "three of four and some by chance; without knowing what ran, a third"


Run = Sequence[Sequence[int]]


def explained(run: Run, slowed: Sequence[float]) -> list[float]:
    """Of each two cells, the share of the squares of their differences that the mean explains, where each process is slowed by so much."""
    at = {(block, cell): place for place, (block, cell) in enumerate((b, c) for b, one in enumerate(run) for c in one)}
    found = []
    for one, two in combinations(sorted(run[0]), 2):
        differences = [slowed[at[block, one]] - slowed[at[block, two]] for block in range(len(run))]
        squares = sum(difference**2 for difference in differences)
        found.append(sum(differences) ** 2 / (len(run) * squares) if squares else 0.0)
    return found


def cost(run: Run, columns: Sequence[Sequence[float]], kinds: Sequence[int]) -> float:
    """Of the worst wave and of all, of cubes; of what cells leave behind likewise; of three and four cells another one first."""
    cubes: dict[int, list[float]] = {}
    for wave, kind in zip(columns, kinds, strict=True):
        cubes.setdefault(kind, []).append(float(np.mean([share**3 for share in explained(run, wave)])))
    of_waves = [float(np.mean(one)) for one in cubes.values()]
    flat = [cell for order in run for cell in order]
    left = [
        share
        for cell in sorted(run[0])
        for share in explained(run, [0.0, *(float(before == cell) for before in flat[:-1])])
    ]
    another_first = len(run) > 1 and run[-1][0] != run[-2][-1]
    costs = {3: 0.18, 4: 0.05}.get(len(run[0]), 0.0)
    behind = 0.15 * (max(left) + float(np.mean(left)))
    return max(of_waves) + float(np.mean(of_waves)) + behind + costs * another_first / len(run)


@pytest.mark.parametrize(("cells", "blocks", "tries"), [(3, 7, 24), (4, 5, 24), (8, 2, 22), (12, 1, 15), (24, 1, 7)])
def test_each_block_is_the_calmest_of_those_that_are_tried(
    monkeypatch: pytest.MonkeyPatch, cells: int, blocks: int, tries: int
) -> None:
    """The more cells, the fewer are tried: 180 over the number of cells, at most 24."""
    tried: list[list[int]] = []
    draw = calm_order._shuffled

    def seen(count: int, before: int | None, rng: random.Random) -> list[int]:
        tried.append(draw(count, before, rng))
        return tried[-1]

    monkeypatch.setattr(calm_order, "_shuffled", seen)
    orders = calm_orders(range(cells), blocks, None, random.Random(2))
    assert len(tried) == tries * blocks
    if cells > 8:
        return  # by hand it takes too long
    columns, kinds = waves(blocks * cells)
    for block in range(blocks):
        costs = [
            cost([*orders[:block], one], columns.T.tolist(), kinds.tolist())
            for one in tried[block * tries : (block + 1) * tries]
        ]
        chosen = cost(orders[: block + 1], columns.T.tolist(), kinds.tolist())
        assert chosen == pytest.approx(min(costs), rel=1e-3)
        assert max(costs) > 1.05 * chosen or block == 0, "after the first block of all they are alike"


def test_three_cells_of_a_run_that_may_end_early_often_begin_with_the_one_that_ran_last() -> None:
    begins = 0
    for seed in range(10):
        orders = calm_orders(range(3), 10, None, random.Random(seed))
        begins += sum(one[-1] == two[0] for one, two in pairwise(orders))
    assert begins >= 0.65 * 90, "if waves alone decided, about half"
