from __future__ import annotations

import numpy as np
import pytest

from harness.errors import UsageError
from harness.models.contents import ShownTensor
from harness.models.random_samples import random_samples


def tensor(
    dtype: str, shape: tuple[int, ...] = (1, 500), scale: float | None = None, zero: int | None = None
) -> ShownTensor:
    return ShownTensor(name="x", tensor="x", dtype=dtype, shape=shape, scale=scale, zero_point=zero)


def test_equal_seeds_give_equal_samples_and_others_do_not() -> None:
    one = tensor("float32")
    first, again, other = (random_samples([one], [one], 3, seed)["x"] for seed in (7, 7, 8))
    assert first.shape == (3, 1, 500)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_two_inputs_differ() -> None:
    one, two = tensor("float32"), ShownTensor(name="y", tensor="y", dtype="float32", shape=(1, 500))
    made = random_samples([one, two], [one, two], 1, 7)
    assert not np.array_equal(made["x"], made["y"])


@pytest.mark.parametrize(
    ("one", "low", "high"),
    [
        (tensor("float32"), -1, 1),
        (tensor("int32"), 0, 99),
        (tensor("uint8"), 0, 255),
        (tensor("int8", scale=0.5, zero=-128), 0, 127.5),
        (tensor("bool"), 0, 1),
    ],
)
def test_ranges(one: ShownTensor, low: float, high: float) -> None:
    values = random_samples([one], [one], 4, 1)["x"].astype(float)
    assert low <= values.min() < low + 0.1 * (high - low)
    assert high - 0.1 * (high - low) < values.max() <= high


def test_a_quantised_side_gives_the_range_and_a_fixed_side_the_size() -> None:
    made = random_samples([tensor("float32", (-1, 500))], [tensor("int8", (2, 500), 0.5, 0)], 4, 1)["x"]
    assert made.shape == (4, 2, 500)
    assert made.dtype == np.float32
    assert made.max() > 60


def test_text_has_no_random_values() -> None:
    with pytest.raises(UsageError, match="'x' is string"):
        random_samples([tensor("string")], [tensor("string")], 1, 1)
