"""What the orders of blocks draw from chance, with chance held at one end or the other."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from harness.analysis.block_order import _chained, _repeats
from harness.analysis.calm_order import _shuffled


class Held(random.Random):
    """Shuffles as ever, but draws a given share of whatever range a number is drawn from."""

    share = 0.0

    def random(self) -> float:
        return self.share

    def uniform(self, a: float, b: float) -> float:
        return a + self.share * (b - a)

    def getrandbits(self, k: int, /) -> int:
        return super().getrandbits(k)


def held(share: float, seed: int = 1) -> Held:
    made = Held(seed)
    made.share = share
    return made


def test_the_shortest_stretches_of_two_cells_by_hand() -> None:
    """2.5 blocks at first, each 1.3 times the one before: 2.5, 3.25, 4.225, 5.4925, 7.14, 9.28, rounded and added up."""
    assert _repeats(20, held(0.0), open_end=True) == {2, 5, 9, 14, 21}
    assert _repeats(22, held(0.0), open_end=True) == {2, 5, 9, 14, 21, 30}


def test_the_longest_stretches_of_two_cells_by_hand() -> None:
    """7 blocks at first, each 2.3 times the one before: 7, 16.1, 37.03."""
    assert _repeats(20, held(1.0), open_end=True) == {7, 23}
    assert _repeats(40, held(1.0), open_end=True) == {7, 23, 60}


def test_of_a_fixed_number_of_blocks_any_but_the_first_may_repeat_the_one_before() -> None:
    found = [_repeats(5, random.Random(seed), open_end=False) for seed in range(100)]
    assert {block for one in found for block in one} == {1, 2, 3, 4}
    assert {len(one) for one in found} == {1}
    assert _repeats(1, random.Random(1), open_end=False) == set()
    assert _repeats(2, random.Random(1), open_end=False) == {1}


@pytest.mark.parametrize(
    ("cells", "share"), [(3, 3 / 12), (5, 5 / 12), (7, 7 / 12), (8, 8 / 12), (9, 8 / 12), (24, 8 / 12)]
)
def test_a_twelfth_of_the_blocks_that_are_tried_for_each_cell_begins_with_any_at_most_two_thirds(
    cells: int, share: float
) -> None:
    def begin_with_the_last(at: float) -> int:
        chance = held(at)
        return sum(_shuffled(cells, 1, chance)[0] == 1 for _ in range(20))

    assert begin_with_the_last(share + 0.001) == 20
    assert begin_with_the_last(share - 0.001) < 20
    assert sorted(_shuffled(cells, None, held(1.0))) == list(range(cells)), "nothing ran before"


def test_of_three_cells_in_a_run_of_known_length_fifteen_percent_of_the_blocks_begin_with_any() -> None:
    def begin_with_the_last(at: float) -> int:
        orders = _chained([4, 7, 9], 20, 7, held(at))
        assert all(sorted(order) == [4, 7, 9] for order in orders)
        return sum(one[-1] == two[0] for one, two in pairwise([(7,), *orders]))

    assert begin_with_the_last(0.151) == 20, "the first, too, after what ran before"
    assert begin_with_the_last(0.149) < 20
