from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.models.check_samples import bound_samples, random_samples, read_samples, write_samples
from harness.models.tensor_facts import TensorFacts


def facts(name: str, shape: tuple[int, ...], dtype: str = "float32") -> TensorFacts:
    return TensorFacts(name=name, tensor=name, dtype=dtype, shape=shape)


def bound(arrays: dict[str, NDArray[Any]], *inputs: TensorFacts, path: str = "cal.npz") -> dict[str, NDArray[Any]]:
    return bound_samples(arrays, {"serving_default": inputs}, path)["serving_default"]


def test_inputs_are_bound_by_name_and_not_by_place() -> None:
    given = {"b": np.full((2, 3), 2.0), "a": np.ones((2, 3)), "label": np.arange(2)}
    found = bound(given, facts("a", (1, 3)), facts("b", (1, 3)))
    assert list(found) == ["a", "b"]
    assert found["a"].dtype == np.float32
    assert found["a"].shape == (2, 1, 3)
    assert found["b"].mean() == 2.0


def test_a_larger_batch_groups_samples_and_fills_the_last_group() -> None:
    found = bound({"a": np.arange(5.0)[:, np.newaxis]}, facts("a", (2, 1)))
    assert found["a"][..., 0].tolist() == [[0, 1], [2, 3], [4, 0]]


def test_text_becomes_bytes() -> None:
    found = bound({"t": np.array(["naïve", "b"])}, facts("t", (1,), "object"))
    assert found["t"].tolist() == [["naïve".encode()], [b"b"]]


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 4)), "a sample of 'a' is 1x4, the model takes 1x3"),
        (np.full((2, 3), np.nan), "'a' holds 6 values that are NaN or infinite"),
        (np.array([[1, np.inf, 2]]), "'a' holds a value that is NaN or infinite"),
        (np.array([["x", "y", "z"]]), "'a' holds str32, the model takes float32"),
        (np.zeros((0, 3)), "'a' holds no sample"),
    ],
)
def test_what_does_not_fit_names_the_file_and_the_input(array: NDArray[Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"cal.npz: {said}"):
        bound({"a": array}, facts("a", (1, 3)))


def test_every_signature_needs_its_inputs() -> None:
    signatures = {"encode": [facts("x", (1, 2))], "decode": [facts("code", (1, 2))]}
    with pytest.raises(UsageError, match="no samples for the input 'code' of the signature 'decode'") as caught:
        bound_samples({"x": np.zeros((3, 2))}, signatures, "cal.npz")
    assert caught.value.remedy == "it holds 'x'; the model takes 'code'"


def test_random_samples_are_the_same_each_time_and_valid_for_tables() -> None:
    signatures = {"": [facts("a", (1, 3)), facts("ids", (1, 9), "int64"), facts("t", (1, 2), "object")]}
    first, second = random_samples(signatures)[""], random_samples(signatures)[""]
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert set(np.unique(first["ids"])) == {0, 1}
    assert first["a"].dtype == np.float32
    assert isinstance(first["t"].flat[0], bytes)


def test_what_was_written_is_read_with_any_name(tmp_path: Path) -> None:
    samples = {"a/b": {"x:0": np.ones((2, 1)), "../y": np.array([[b"one"], [b"two2"]], dtype=object)}, "empty": {}}
    write_samples(tmp_path / "s.npz", samples)
    found = read_samples(tmp_path / "s.npz")
    assert list(found) == ["a/b", "empty"]
    assert np.array_equal(found["a/b"]["x:0"], np.ones((2, 1)))
    assert found["a/b"]["../y"].tolist() == [[b"one"], [b"two2"]]
