"""How much an order keeps step, against disturbances that are made and tested one by one, by scipy's t-test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from harness.analysis.order_resonance import _left_behind, _t_squares, resonances
from harness.analysis.order_resonance import waves as columns_and_kinds

Order = Sequence[Sequence[int]]


def waves(processes: int) -> list[list[list[float]]]:
    """Sawtooths and square waves that come back after 2 to 24 processes, each in as many phases as it has, but at most twelve."""
    found = []
    for period in range(2, 25):
        begins = range(period) if period <= 12 else [math.floor(period * twelfth / 12) for twelfth in range(12)]
        places = [[(at + begin) % period for at in range(processes)] for begin in begins]
        found.append([[place / period for place in one] for one in places])
        found.append([[1.0 if 2 * place < period else 0.0 for place in one] for one in places])
    return found


def left_behind(order: Order) -> list[list[list[float]]]:
    """Each cell slows down what runs after it."""
    flat = [cell for block in order for cell in block]
    return [[[0.0, *(float(before == cell) for before in flat[:-1])]] for cell in sorted(set(flat))]


def t_square(differences: Sequence[float]) -> float:
    """Student's; what has no spread counts as if its mean explained all but a hundred-thousandth of the squares."""
    n = len(differences)
    most = (n - 1) * 99_999
    if np.std(differences) < 1e-9:
        return most if abs(differences[0]) > 1e-9 else 0.0
    return min(most, float(stats.ttest_1samp(differences, 0).statistic) ** 2)


def per_disturbance(order: Order, end: int) -> list[list[list[float]]]:
    """The squares of t of each two cells after so many blocks, for each phase of each disturbance."""
    flat = [(block, cell) for block, one in enumerate(order) for cell in one]
    found: list[list[list[float]]] = []
    for phases in (*waves(len(flat)), *left_behind(order)):
        found.append([])
        for wave in phases:
            slow = {place: wave[at] for at, place in enumerate(flat)}
            pairs = combinations(sorted(order[0]), 2)
            found[-1].append([t_square([slow[at, one] - slow[at, two] for at in range(end)]) for one, two in pairs])
    return found


TWO = [(0, 1), (1, 0), (1, 0), (0, 1), (0, 1), (1, 0), (0, 1)]
THREE = [(0, 1, 2), (2, 0, 1), (1, 0, 2), (2, 1, 0), (0, 2, 1), (1, 2, 0)]


@pytest.mark.parametrize("order", [TWO, TWO[:2], THREE, THREE[:4]])
def test_a_run_of_fixed_length_is_as_bad_as_its_worst_disturbance(order: Order) -> None:
    worst = np.max([phase for phases in per_disturbance(order, len(order)) for phase in phases])
    needed = float(stats.t.ppf(0.995, len(order) - 1)) ** 2
    assert resonances([order]) == pytest.approx(np.array([worst / needed]), rel=2e-2)


@pytest.mark.parametrize("order", [TWO, THREE, TWO[:5], TWO[:3]])
def test_a_run_that_may_end_early_is_as_bad_as_the_share_of_phases_in_which_it_is_fooled(order: Order) -> None:
    """From the fifth block on, at a thousandth: of the worst wave for any two cells, and of all on average."""
    ends = range(min(5, len(order)), len(order) + 1)
    fooled = [
        [np.array(phases) > float(stats.t.ppf(0.999, end - 1)) ** 2 for phases in per_disturbance(order, end)]
        for end in ends
    ]
    shares = [np.any(by_end, axis=0).mean(axis=0) for by_end in zip(*fooled, strict=True)]
    assert len(shares) == 2 * 23 + len(order[0])
    assert resonances([order], open_end=True) == pytest.approx(np.array([np.max(shares) + np.mean(shares)]))


def test_many_orders_are_each_as_alone() -> None:
    orders = [THREE, THREE[::-1], [THREE[0]] * 6]
    assert resonances(orders).tolist() == [float(resonances([one])[0]) for one in orders]
    assert resonances(orders, open_end=True).tolist() == [float(resonances([one], open_end=True)[0]) for one in orders]
    assert resonances(orders).argmax() == 2


def test_a_single_block_has_no_spread_and_so_no_t() -> None:
    assert resonances([[(0, 1)]]).tolist() == [0.0]


def test_the_waves_by_hand() -> None:
    columns, kinds = columns_and_kinds(6)
    # 2 + 3 + ... + 12 phases, then twelve each of thirteen to twenty-four; a sawtooth and a square wave of each.
    assert columns.shape == (6, 2 * (77 + 12 * 12))
    assert sorted(set(kinds.tolist())) == list(range(46))

    def kind(number: int) -> list[list[float]]:
        return sorted(columns[:, kinds == number].T.astype(np.float64).round(4).tolist())

    assert kind(0) == [[0.0, 0.5] * 3, [0.5, 0.0] * 3]
    assert kind(1) == [[0.0, 1.0] * 3, [1.0, 0.0] * 3]
    assert kind(2) == [[0.0, 0.3333, 0.6667] * 2, [0.3333, 0.6667, 0.0] * 2, [0.6667, 0.0, 0.3333] * 2]
    assert kind(3) == [[0.0, 1.0, 1.0] * 2, [1.0, 0.0, 1.0] * 2, [1.0, 1.0, 0.0] * 2]
    begins = [round(one[0] * 24) for one in kind(44)]
    assert begins == list(range(0, 24, 2)), "every other of 24 phases"


def test_what_is_left_behind_by_hand() -> None:
    found = _left_behind(np.array([[1, 0, 2], [2, 1, 0]]))
    # After nothing, 1, 0, 2, 2, 1: a row each, the cells 0, 1 and 2 in columns.
    assert found.tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 1, 0]]


def test_squares_of_t_are_scipy_s() -> None:
    values = np.random.default_rng(1).normal(0.5, 1, (9, 1, 4)).astype(np.float32)
    for ends in ([9], [5, 7, 9]):
        found = _t_squares(values, np.array(ends))
        assert found.shape == (len(ends), 1, 4)
        for row, end in zip(found[:, 0], ends, strict=True):
            known = stats.ttest_1samp(values[:end, 0].astype(float), 0).statistic ** 2
            assert row == pytest.approx(known, rel=1e-3)
    assert _t_squares(np.zeros((5, 1, 1), dtype=np.float32), np.array([5])).tolist() == [[[0.0]]]
    assert float(_t_squares(np.ones((5, 1, 1), dtype=np.float32), np.array([5]))[0, 0, 0]) == pytest.approx(
        4 * 99_999, rel=0.02
    )
