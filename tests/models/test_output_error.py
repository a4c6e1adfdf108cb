from __future__ import annotations

import math

import numpy as np
import pytest

from harness.models.output_error import output_error


def test_equal_outputs_have_an_error_of_exactly_zero() -> None:
    values = np.array([[0.1, 0.7, 0.2], [3.0, 1.0, 2.0]], np.float32)
    found = output_error("y", values, values.copy())
    assert (found.max_abs, found.max_rel, found.snr_db, found.argmax, found.nan) == (0.0, 0.0, None, 1.0, 0)
    assert found.equal
    assert found.cosine == pytest.approx(1.0)


def test_known_distances() -> None:
    found = output_error("y", np.array([[3.0, 4.0]]), np.array([[3.0, 4.5]]))
    assert found.max_abs == 0.5
    assert found.max_rel == 0.5  # the range of the reference is 1
    assert found.snr_db == pytest.approx(20.0)  # 25 / 0.25
    assert found.cosine == pytest.approx((9 + 18) / (5 * math.hypot(3, 4.5)))


def test_argmax_counts_samples() -> None:
    reference = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    actual = np.array([[1.0, 0.0], [1.0, 0.0], [0.9, 0.0], [0.0, 0.1]])
    assert output_error("y", reference, actual).argmax == 0.75
    assert output_error("y", reference[:, :1], actual[:, :1]).argmax is None


def test_values_that_are_not_finite_are_counted_and_leave_the_other_figures() -> None:
    reference = np.array([[1.0, 2.0, 3.0, np.inf]])
    actual = np.array([[1.0, np.nan, 3.5, np.inf]])
    found = output_error("y", reference, actual)
    assert (found.nan, found.max_abs, found.equal) == (1, 0.5, False)
    nothing = output_error("y", reference, np.full((1, 4), np.nan))
    assert (nothing.nan, nothing.max_abs, nothing.snr_db) == (4, None, None)


def test_huge_values_do_not_overflow() -> None:
    found = output_error("y", np.array([[1e200, 0.0]]), np.array([[1e200, 1e199]]))
    assert found.snr_db == pytest.approx(20.0)


def test_all_zero_outputs() -> None:
    found = output_error("y", np.array([[1.0, 2.0]]), np.zeros((1, 2)))
    assert (found.max_abs, found.cosine) == (2.0, None)
    assert found.snr_db == pytest.approx(0.0)


def test_another_shape_is_no_comparison() -> None:
    with pytest.raises(ValueError, match=r"'y' has the shape \[1, 3\]"):
        output_error("y", np.zeros((1, 2)), np.zeros((1, 3)))
