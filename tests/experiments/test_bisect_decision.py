"""On which side of a change a revision lies."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.experiments.bisect_decision import MOST, Pair, first_blocks, side_of

ALPHA = 0.01


def blocks(ratio: float, count: int, noise: float = 0.002, seed: int = 1) -> list[Pair]:
    """Blocks in which head takes `ratio` times as long as base."""
    rng = np.random.default_rng(seed)
    ours, theirs = (rng.normal(0, noise, count) for _ in range(2))
    return [(1e4 * math.exp(a), 1e4 * ratio * math.exp(b)) for a, b in zip(ours, theirs, strict=True)]


@pytest.mark.parametrize("ratio", [1.10, 1 / 1.10])
@pytest.mark.parametrize("like", ["good", "bad"])
def test_a_revision_is_like_the_end_that_it_is_near(ratio: float, like: str) -> None:
    found = side_of(blocks(ratio if like == "bad" else 1.0, 8), size=math.log(ratio), alpha=ALPHA)
    assert (found.side, found.between, found.more) == (like, False, 0)


@pytest.mark.parametrize("ratio", [1.10, 1 / 1.10])
def test_half_of_the_change_is_neither_and_the_estimate_decides(ratio: float) -> None:
    size = math.log(ratio)
    low = side_of(blocks(math.exp(size * 0.499), 30), size=size, alpha=ALPHA)
    high = side_of(blocks(math.exp(size * 0.501), 30), size=size, alpha=ALPHA)
    assert low.between
    assert high.between
    assert {low.side, high.side} <= {"good", "bad"}


def test_with_much_noise_more_blocks_are_asked_for_until_there_are_enough() -> None:
    size = math.log(1.10)
    few = side_of(blocks(1.0, 5, noise=0.3), size=size, alpha=ALPHA)
    assert few.side is None
    assert few.more >= first_blocks(ALPHA) - 5
    most = side_of(blocks(1.05, MOST, noise=0.3), size=size, alpha=ALPHA)
    assert (most.side, most.more) == (None, 0)


def test_the_less_it_may_err_the_more_blocks_it_takes() -> None:
    needed = [first_blocks(alpha) for alpha in (0.025, 0.005, 0.0005)]
    assert needed == sorted(needed)
    assert needed[0] >= 5
    assert needed[-1] > needed[0]


def test_the_wrong_side_is_rarer_than_stated_when_it_may_stop_after_any_block() -> None:
    """Looks after each block, at the noise where a mistake is easiest: a change as small as the noise."""
    size, wrong, experiments = math.log(1.02), 0, 300
    for seed in range(experiments):
        pairs = blocks(1.0, MOST, noise=0.02, seed=seed)
        sides = (side_of(pairs[:count], size=size, alpha=0.05).side for count in range(5, MOST + 1, 5))
        wrong += next(filter(None, sides), None) == "bad"
    assert wrong / experiments <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / experiments)
