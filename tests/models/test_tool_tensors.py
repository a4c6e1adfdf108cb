"""The order in which the tool takes inputs and writes outputs, and the samples that it is fed with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import ModelFailed, UsageError
from harness.models.accuracy_samples import as_values, chosen_samples, random_samples
from harness.models.tensor_facts import TensorFacts
from harness.models.tool_tensors import tool_tensors
from harness.records import ModelInput
from tests.litert_host.models import add, crossed_orders, two_signatures


def test_the_order_is_that_of_the_subgraph_under_the_names_of_the_signature(tmp_path: Path) -> None:
    found = tool_tensors(str(crossed_orders(tmp_path / "m.tflite")), None)
    assert found.inputs == (("a", "first:0"), ("b", "second:0"))
    assert (found.outputs, found.signature) == (("difference", "total"), "serving_default")


def test_one_of_two_signatures(tmp_path: Path) -> None:
    path = str(two_signatures(tmp_path / "m.tflite"))
    assert tool_tensors(path, "two").inputs == (("a", "two_a:0"), ("b", "two_b:0"))
    assert tool_tensors(path, None).signature == "add"
    with pytest.raises(ModelFailed, match="no signature 'three'"):
        tool_tensors(path, "three")


def test_a_model_without_signatures_goes_by_its_tensors(tmp_path: Path) -> None:
    found = tool_tensors(str(add(tmp_path / "m.tflite")), None)
    assert found.signature is None
    assert all(name == tensor for name, tensor in found.inputs)


def test_samples_are_spread_over_the_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.arange(11), label=np.arange(11) * 10)
    samples, places = chosen_samples(tmp_path / "d.npz", 3)
    assert places.tolist() == [0, 5, 10]
    assert (samples["x"].tolist(), samples["label"].tolist()) == ([0, 5, 10], [0, 50, 100])
    assert chosen_samples(tmp_path / "d.npz", 99)[1].tolist() == list(range(11))


def _facts(dtype: str, shape: tuple[int, ...] = (1, 400), scale: float = 0.0) -> TensorFacts:
    return TensorFacts(name="x", tensor="x:0", dtype=dtype, shape=shape, scale=scale, zero_point=-3 if scale else 0)


@pytest.mark.parametrize(
    ("dtype", "scale", "low", "high"),
    [("float32", 0.0, -1, 1), ("int32", 0.0, 0, 9), ("int8", 0.5, -128, 127), ("bool", 0.0, 0, 1)],
)
def test_random_samples_are_those_of_their_seed(dtype: str, scale: float, low: float, high: float) -> None:
    facts = [_facts(dtype, scale=scale)]
    once, again, other = (random_samples(facts, 2, seed, ())["x"] for seed in (1, 1, 2))
    assert (once == again).all()
    assert (once != other).any()
    assert (once.shape, once.dtype.name) == ((2, 1, 400), dtype)
    assert low <= once.min() < once.max() <= high


def test_the_suites_shape_and_range_come_first() -> None:
    asked = [ModelInput(name="x", shape=(1, 50), range=(3, 4))]
    found = random_samples([_facts("int64", (-1, -1))], 2, 1, asked)["x"]
    assert (found.shape, set(found.ravel().tolist())) == ((2, 1, 50), {3, 4})
    with pytest.raises(UsageError, match="open size"):
        random_samples([_facts("int64", (-1, -1))], 2, 1)
    with pytest.raises(UsageError, match="text"):
        random_samples([_facts("object")], 2, 1)


def test_samples_of_a_quantised_model_become_numbers_that_fit_every_variant() -> None:
    found = as_values({"x": np.array([[-3, 1]], np.int8)}, [_facts("int8", scale=0.5)])
    assert (found["x"].dtype.name, found["x"].tolist()) == ("float32", [[0.0, 2.0]])
