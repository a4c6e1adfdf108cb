"""The error of an output against its reference: the figures of `models diff` and of accuracy trials."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputError:
    """Error of an output against its reference, over all samples. Values that are not finite in either count in `nan` only."""

    name: str
    max_abs: float | None
    """Largest absolute difference; None if no element is finite in both."""
    max_rel: float | None
    """`max_abs` divided by the range (largest minus smallest value) of the reference; None if that range is 0 and they differ."""
    snr_db: float | None
    """Signal to noise ratio, 10 log10(sum of squares of the reference / sum of squared differences); None if they are equal
    (the ratio is infinite) or the reference is all zero."""
    cosine: float | None
    """Cosine of the angle between them; None if one is all zero."""
    argmax: float | None
    """Share of samples whose largest element is at the same place; None for outputs with one element per sample."""
    nan: int
    """Number of elements that are NaN or infinite in the output or its reference. Equal infinities in both do not count."""
    equal: bool
    """Whether all elements are equal, bit patterns of NaN aside."""
    samples: int


def output_error(name: str, reference: NDArray[Any], actual: NDArray[Any]) -> OutputError:
    """Compare an output with its reference. The first axis of both counts samples; pass quantised values dequantised.

    Raises:
        ValueError: their shapes differ.
    """
    if reference.shape != actual.shape:
        raise ValueError(f"{name!r} has the shape {list(actual.shape)} and its reference {list(reference.shape)}")
    count = reference.shape[0] if reference.ndim else 1
    ours = np.asarray(actual, dtype=np.float64).reshape(count, -1)
    base = np.asarray(reference, dtype=np.float64).reshape(count, -1)
    same = (ours == base) | (np.isnan(ours) & np.isnan(base))
    both = np.isfinite(ours) & np.isfinite(base)
    odd = ~both & ~(np.isinf(ours) & (ours == base))
    a, b = ours[both], base[both]
    argmax = None
    if base.shape[1] > 1 and count:
        # NaN is never the largest, as in the code of an app that compares with `>`.
        largest = [np.where(np.isnan(values), -np.inf, values).argmax(axis=1) for values in (ours, base)]
        argmax = float((largest[0] == largest[1]).mean())
    return OutputError(
        name=name,
        **_distances(a, b),
        argmax=argmax,
        nan=int(odd.sum()),
        equal=bool(same.all()),
        samples=count,
    )


def _distances(ours: NDArray[np.float64], base: NDArray[np.float64]) -> dict[str, float | None]:
    if not ours.size:
        return {"max_abs": None, "max_rel": None, "snr_db": None, "cosine": None}
    scale = float(max(np.abs(ours).max(), np.abs(base).max()))
    largest = float(np.abs(ours - base).max())
    span = float(base.max() - base.min())
    relative = 0.0 if largest == 0 else (largest / span if span > 0 else None)
    if scale == 0:
        return {"max_abs": largest, "max_rel": relative, "snr_db": None, "cosine": None}
    # Squares of large values overflow; both ratios are free of scale.
    ours, base = ours / scale, base / scale
    noise, signal, own = (float(np.square(values).sum()) for values in (ours - base, base, ours))
    snr = 10 * math.log10(signal / noise) if noise > 0 and signal > 0 else None
    cosine = float((ours * base).sum() / math.sqrt(signal * own)) if signal > 0 and own > 0 else None
    return {
        "max_abs": largest,
        "max_rel": relative,
        "snr_db": snr,
        "cosine": None if cosine is None else max(-1.0, min(1.0, cosine)),
    }
