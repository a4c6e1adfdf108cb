"""The inputs of accuracy trials: samples spread evenly over the user's data, or random ones from a recorded seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.models.arrays_file import Arrays, read_arrays, sample_count
from harness.models.tensor_facts import TensorFacts
from harness.records import ModelInput

_SMALL = 9
"""Largest random number for integers that are not quantised: they are mostly indices of a table, which may be small."""


def chosen_samples(path: Path, count: int) -> tuple[dict[str, NDArray[Any]], NDArray[np.intp]]:
    """Return samples of a file and their indices in it. They are spread evenly, because labelled data are often sorted by class.

    Args:
        path: an .npz file.
        count: how many; fewer if the file has fewer.

    Raises:
        UsageError: the file is missing, damaged or empty, or its arrays disagree.
    """
    arrays = read_arrays(path)
    there = sample_count(arrays, path)
    places = np.unique(np.linspace(0, there - 1, min(count, there)).round().astype(np.intp))
    return {name: array[places] for name, array in arrays.items()}, places


def random_samples(
    inputs: Sequence[TensorFacts], count: int, seed: int, asked: Sequence[ModelInput] = ()
) -> dict[str, NDArray[Any]]:
    """Return random samples for a model's inputs: the same for the same seed.

    Floats are uniform in [-1, 1), quantised tensors over their whole range, booleans either, other integers 0 to 9. A range in the suite
    replaces these, except for booleans.

    Args:
        inputs: what the model takes.
        count: how many.
        seed: of the randomness.
        asked: the suite's shapes and ranges, by tensor or signature name.

    Raises:
        UsageError: an input holds text, or has an open size that the suite does not name.
    """
    by_name: Mapping[str, ModelInput] = {one.name: one for one in asked}
    found: dict[str, NDArray[Any]] = {}
    for number, facts in enumerate(inputs):
        wanted = by_name.get(facts.name) or by_name.get(facts.tensor)
        shape = wanted.shape if wanted is not None else facts.shape
        if any(size < 1 for size in shape):
            raise UsageError(
                f"the input {facts.name!r} has an open size",
                remedy="give its shape: `inputs: [{name: ..., shape: ...}]`",
            )
        rng = np.random.default_rng([seed, number])
        found[facts.name] = _random(facts, (count, *shape), wanted.range if wanted is not None else None, rng)
    return found


def _random(
    facts: TensorFacts, shape: tuple[int, ...], limits: tuple[int, int] | None, rng: np.random.Generator
) -> NDArray[Any]:
    if facts.dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if facts.dtype == "object":
        raise UsageError(f"the input {facts.name!r} holds text, which has no random samples")
    dtype = np.dtype(facts.dtype)
    if dtype.kind == "c":
        raise UsageError(f"the input {facts.name!r} holds complex numbers, which benchmark_model does not take")
    if dtype.kind == "f":
        low, high = limits or (-1, 1)
        return rng.uniform(low, high, shape).astype(dtype)
    if limits is None:
        whole = np.iinfo(dtype)
        limits = (int(whole.min), int(whole.max)) if facts.scale else (0, _SMALL)
    return rng.integers(limits[0], limits[1], shape, endpoint=True, dtype=np.int64).astype(dtype)


def as_values(samples: Arrays, inputs: Sequence[TensorFacts]) -> dict[str, NDArray[Any]]:
    """Return samples of a quantised model as dequantised numbers, which every variant can take."""
    scaled = {one.name: one for one in inputs if one.scale}
    found: dict[str, NDArray[Any]] = {}
    for name, array in samples.items():
        facts = scaled.get(name)
        meant = facts is not None and array.dtype.name == facts.dtype
        found[name] = (
            ((array.astype(np.float64) - facts.zero_point) * facts.scale).astype(np.float32)
            if facts is not None and meant
            else array
        )
    return found
