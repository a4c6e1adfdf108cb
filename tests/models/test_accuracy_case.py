"""What a device gave back against what it should be: sizes, order, limits, quantised outputs, values that are not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.models.accuracy_case import AccuracyCase, WrongSize
from harness.models.tensor_facts import TensorFacts
from harness.records.accuracy import AccuracyFigures, AccuracyLimits, AccuracyPlan

F = np.float32


def _facts(name: str, dtype: str = "float32", scale: float = 0.0, zero_point: int = 0) -> TensorFacts:
    return TensorFacts(name=name, tensor=name, dtype=dtype, shape=(1, 4), scale=scale, zero_point=zero_point)


def _case(
    expected: dict[str, NDArray[Any]],
    *,
    order: tuple[str, ...] | None = None,
    facts: dict[str, TensorFacts] | None = None,
    reference: dict[str, NDArray[Any]] | None = None,
    limits: AccuracyLimits | None = None,
) -> AccuracyCase:
    plan = AccuracyPlan(samples=2, reference="fp32", seed=1, **({"limits": limits} if limits else {}))
    return AccuracyCase(
        plan=plan,
        count=2,
        inputs_from="random, seed 1",
        layers=(),
        outputs=order or tuple(expected),
        facts=facts or {name: _facts(name, array.dtype.name) for name, array in expected.items()},
        expected=expected,
        reference=reference,
        reference_variant="fp32" if reference else None,
    )


A = np.array([[[0, 1, 2, 3]], [[3, 2, 1, 0]]], F)
B = np.array([[[5]], [[7]]], np.int64)


def _bytes(*arrays: NDArray[Any]) -> bytes:
    """As the tool writes them: all outputs of the first sample, then those of the second."""
    return b"".join(array[sample].tobytes() for sample in range(2) for array in arrays)


def test_equal_outputs_have_no_error_at_all() -> None:
    found = _case({"a": A, "b": B}, order=("b", "a")).judge(_bytes(B, A))
    assert (found.output.max_abs, found.output.max_rel, found.output.argmax) == (0.0, 0.0, 1.0)
    assert (found.output.equal, found.output.snr_db, found.output.nan, found.outside) == (True, None, 0, ())
    assert found.reference is None


def test_outputs_in_another_order_differ() -> None:
    other = A + 100
    case = _case({"a": A, "c": other}, order=("a", "c"))
    assert case.judge(_bytes(A, other)).outside == ()
    assert len(case.judge(_bytes(other, A)).outside) == 2


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "the tool wrote no outputs"),
        (_bytes(A)[:-1], r"31 bytes came back, and 2 times 16 were expected \(a 16\)"),
    ],
)
def test_sizes_are_checked_since_the_tool_is_silent(raw: bytes, says: str) -> None:
    with pytest.raises(WrongSize, match=says):
        _case({"a": A}).judge(raw)


def _of(actual: NDArray[Any], **limits: float) -> AccuracyFigures:
    return _case({"a": A}, limits=AccuracyLimits(**limits)).judge(_bytes(actual))


def test_the_largest_difference_is_measured_against_the_range() -> None:
    off = A.copy()
    off[1, 0, 0] += 0.3
    found = _of(off, max_rel=0.2)
    assert found.output.max_abs == pytest.approx(0.3)
    assert found.output.max_rel == pytest.approx(0.1)
    assert found.outside == ()
    assert _of(off, max_rel=0.09).outside == (
        "a is 10.0% of the range from the host's built-in kernels, the limit is 0.09",
    )


@pytest.mark.parametrize(
    ("limits", "held"),
    [
        ({"max_abs": 0.31}, True),
        ({"max_abs": 0.29}, False),
        ({"snr_db": 24.0}, True),
        ({"snr_db": 26.0}, False),
        ({"cosine": 0.99}, True),
        ({"cosine": 0.9999}, False),
        ({"argmax": 0.5}, True),
        ({"argmax": 1.0}, True),
    ],
)
def test_each_limit_judges_its_figure(limits: dict[str, float], held: bool) -> None:
    off = A.copy()
    off[1, 0, 0] += 0.3
    assert (_of(off, **limits).outside == ()) is held


def test_another_argmax_is_found() -> None:
    off = A.copy()
    off[0, 0, 0] = 9
    found = _of(off, argmax=0.9)
    assert found.output.argmax == 0.5
    assert found.outside == ("a has the argmax of the host's built-in kernels in 50.0% of samples, the limit is 0.9",)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_on_one_side_only_are_beyond_every_limit(value: float) -> None:
    off = A.copy()
    off[0, 0, 1] = value
    found = _of(off)
    assert (found.output.nan, len(found.outside)) == (1, 1)
    # A model that is not a number on either side is wrong, but not because of the delegate.
    assert _case({"a": off}).judge(_bytes(off)).outside == ()


def test_a_constant_output_is_measured_against_its_value() -> None:
    flat = np.full((2, 1, 4), 10, F)
    noisy = flat.copy()
    noisy[0, 0, 0] += 1e-4
    found = _case({"a": flat}).judge(_bytes(noisy))
    assert found.output.max_rel == pytest.approx(1e-5, rel=0.01)
    assert found.outside == ()


def test_outputs_that_should_be_zero_and_are_not_differ() -> None:
    found = _case({"a": np.zeros((2, 1, 4), F)}).judge(_bytes(A))
    assert len(found.outside) == 1
    assert found.output.max_rel is None


def test_quantised_outputs_are_compared_as_numbers_and_two_steps_are_within() -> None:
    facts = {"a": _facts("a", "int8", 0.5, -3)}
    stored = np.array([[[-3, -2, -1, 0]], [[0, -1, -2, -3]]], np.int8)
    found = _case({"a": stored}, facts=facts).judge(_bytes(stored + np.int8(2)))
    assert found.output.max_abs == 1.0
    assert found.outside == ()
    assert len(_case({"a": stored}, facts=facts).judge(_bytes(stored + np.int8(3))).outside) == 1


def test_the_reference_is_compared_beside_the_hosts_kernels() -> None:
    found = _case({"a": A}, reference={"a": A + 1}).judge(_bytes(A))
    assert found.output.equal
    assert found.reference is not None
    assert found.reference.max_abs == 1
    assert found.outside == ("a is 33.3% of the range from fp32, the limit is 0.2",)


def test_a_reference_of_another_shape_differs() -> None:
    found = _case({"a": A}, reference={"a": A[:, :, :2]}).judge(_bytes(A))
    assert found.outside == ("a has the shape 1x4, and 1x2 in fp32",)
