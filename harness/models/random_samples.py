"""Random inputs for a comparison: reproducible from a seed, and within the range of the input's type and quantisation."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.models.contents import ShownTensor

FLOAT_RANGE = (-1.0, 1.0)
"""For float inputs without quantisation: most models take images scaled to this range, or to a part of it."""
WHOLE_RANGE = (0, 99)
"""For integer inputs of more than 8 bits, which are mostly indices and tokens. `benchmark_model` uses it for int32 and int64."""

_FLOATS = ("float32", "float64", "float16")
_WHOLE = ("int32", "int64", "uint32", "uint64", "int16", "uint16")


def random_samples(
    inputs: Sequence[ShownTensor], others: Sequence[ShownTensor], count: int, seed: int
) -> dict[str, NDArray[Any]]:
    """Make samples that two models can take.

    If either model quantises an input, it gets floats over the range that the tensor can store. Open sizes become 1.

    Args:
        inputs: of the first model.
        others: of the second model, in the same order.
        count: number of samples.
        seed: equal seeds give equal samples.

    Raises:
        UsageError: an input has no random values, such as text.
    """
    return {
        one.name: _values(one, other, count, np.random.default_rng((seed, zlib.crc32(one.name.encode()))))
        for one, other in zip(inputs, others, strict=True)
    }


def _values(one: ShownTensor, other: ShownTensor, count: int, rng: np.random.Generator) -> NDArray[Any]:
    shape = (
        count,
        *(first if first > 0 else max(second, 1) for first, second in zip(one.shape, other.shape, strict=True)),
    )
    quantised = next((side for side in (one, other) if side.scale is not None), None)
    if quantised is not None and quantised.scale is not None and quantised.dtype in ("int8", "uint8", "int16"):
        limits = np.iinfo(quantised.dtype)
        zero = quantised.zero_point or 0
        low, high = (quantised.scale * (end - zero) for end in (int(limits.min), int(limits.max)))
        return rng.uniform(low, high, shape).astype(np.float32)
    if one.dtype in _FLOATS:
        return rng.uniform(*FLOAT_RANGE, shape).astype(one.dtype)
    if one.dtype in ("int8", "uint8"):
        limits = np.iinfo(one.dtype)
        return rng.integers(limits.min, limits.max, shape, np.dtype(one.dtype), endpoint=True)
    if one.dtype in _WHOLE:
        return rng.integers(*WHOLE_RANGE, shape, endpoint=True).astype(one.dtype)
    if one.dtype == "bool":
        return rng.integers(0, 1, shape, endpoint=True).astype(bool)
    raise UsageError(
        f"the input {one.name!r} is {one.dtype}: there are no random values of it", remedy="--inputs FILE.npz"
    )
