"""Facts about an input or output, as a runtime reports them; quantises and dequantises its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFacts:
    """An input or output of a model."""

    name: str
    """The signature's name for it; the tensor's own in a model without signatures."""
    tensor: str
    """The tensor's own name, which `benchmark_model` uses."""
    dtype: str
    """NumPy's name: `float32`, `int8`, `object` for strings."""
    shape: tuple[int, ...]
    """-1 for an open size."""
    scale: float = 0.0
    """Of a tensor that is quantised as a whole: value = scale * (stored - zero_point). 0 if it is not quantised."""
    zero_point: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {**asdict(self), "shape": list(self.shape)}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> TensorFacts:
        """Return what `as_json` wrote."""
        return TensorFacts(**{**value, "shape": tuple(value["shape"])})


def as_stored(samples: NDArray[Any], facts: TensorFacts) -> NDArray[Any]:
    """Return samples as the tensor stores them, first axis = samples.

    A sample may leave out a first size of 1 (the batch). If the tensor is quantised, floats become quantised integers. Values that already
    have the tensor's type stay as they are. Other casts may lose only float precision.

    Raises:
        UsageError: shape or type do not fit, or a value is not finite where the tensor holds integers.
    """
    shape = samples.shape[1:]
    if len(shape) == len(facts.shape) - 1 and facts.shape[0] in (1, -1):
        samples, shape = samples[:, np.newaxis], (1, *shape)
    if len(shape) != len(facts.shape) or any(
        want not in (-1, have) for want, have in zip(facts.shape, shape, strict=True)
    ):
        want = "x".join("?" if size == -1 else str(size) for size in facts.shape) or "a single number"
        have = "x".join(map(str, samples.shape[1:])) or "a single number"
        raise UsageError(f"a sample of {facts.name!r} is {have}, the model takes {want}")
    if samples.dtype.name == facts.dtype:
        return samples
    if facts.dtype not in NUMERIC or samples.dtype.kind not in "fiub":
        raise UsageError(f"{facts.name!r} holds {samples.dtype.name}, the model takes {facts.dtype}")
    target = np.dtype(facts.dtype)
    if target.kind == "f":
        return samples.astype(target)
    if samples.dtype.kind == "f":
        if not facts.scale:
            raise UsageError(f"{facts.name!r} holds {samples.dtype.name}, the model takes {facts.dtype}")
        if not np.isfinite(samples).all():
            raise UsageError(f"{facts.name!r} holds NaN or infinite values")
        limits = np.iinfo(target)
        stored = np.rint(samples.astype(np.float64) / facts.scale) + facts.zero_point
        clipped: NDArray[Any] = np.clip(stored, limits.min, limits.max).astype(target)
        return clipped
    if target.kind == "b":
        return samples.astype(bool)
    limits = np.iinfo(target)
    if samples.size and (int(samples.min()) < limits.min or int(samples.max()) > limits.max):
        raise UsageError(f"{facts.name!r} holds {samples.min()} to {samples.max()}, beyond {facts.dtype}")
    return samples.astype(target)


def dequantised(stored: NDArray[Any], facts: TensorFacts) -> NDArray[Any]:
    """Return dequantised values: floats for a quantised tensor, other values as they are."""
    if not facts.scale:
        return stored
    return (stored.astype(np.float64) - facts.zero_point) * facts.scale


NUMERIC = frozenset(
    ("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
)
"""Types that hold numbers: not text, resources and variants."""
