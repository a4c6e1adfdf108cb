from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.multiple_claims import holm, selected_level

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_the_textbook_example() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04, and what comes later is never smaller.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([], []),
        ([0.7], [0.7]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
        ([0.3, 0.001], [0.3, 0.002]),
        ([0.0, 1.0], [0.0, 1.0]),
    ],
)
def test_by_hand(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted)


@given(SHARES)
def test_it_lies_between_the_p_value_and_bonferroni_s(p_values: list[float]) -> None:
    for p_value, found in zip(p_values, holm(p_values), strict=True):
        assert p_value <= found <= min(1.0, len(p_values) * p_value)


@given(SHARES, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(p_values: list[float], chance: object) -> None:
    order = list(range(len(p_values)))
    chance.shuffle(order)  # type: ignore[attr-defined]  # random.Random
    assert holm([p_values[i] for i in order]) == [holm(p_values)[i] for i in order]


@given(SHARES, st.floats(0, 1))
def test_another_cell_makes_no_claim_surer(p_values: list[float], another: float) -> None:
    assert all(now >= before for now, before in zip(holm([*p_values, another]), holm(p_values), strict=False))


@pytest.mark.parametrize(
    ("selected", "count", "level"),
    [(3, 40, 0.99625), (1, 40, 0.99875), (1, 2, 0.975), (39, 40, 0.95125), (40, 40, 0.95), (1, 1, 0.95), (0, 40, 0.95)],
)
def test_the_level_of_picked_intervals_by_hand(selected: int, count: int, level: float) -> None:
    assert selected_level(0.95, selected, count) == pytest.approx(level)


def test_the_level_asked_for_counts() -> None:
    assert selected_level(0.97, 1, 3) == pytest.approx(0.99)
    assert selected_level(0.95, 0, 0) == 0.95
