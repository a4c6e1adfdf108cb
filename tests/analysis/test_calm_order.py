"""Whole tables of equal cells in the harness's order, under waves and carry-over: the truth is known."""

from __future__ import annotations

import random

import pytest

from benchmarks import order_tables
from harness.analysis.calm_order import calm_orders

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
