"""The level of the nights before a night, how far single nights lie from it, and how alike neighbours are. Pure.

All of it is robust: nights far out count as if they lay `CLIP` deviations away. A night's distance is measured in its own deviation, which
joins the spread between nights with the error of the night's own processes, so a night with few or noisy processes counts less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.analysis.centre import MAD_TO_SD
from harness.analysis.ranks import Floats

WINDOW = 120
"""Most nights that a level comes from: a lab's conditions wander over a year."""
CLIP = 2.5
"""Deviations from which a night counts no more."""
FAR = 3.0
"""Deviations from which a night is a bad one by itself."""
_SHARE_OF_SQUARES = 0.9775
"""Mean square of normal values clipped at `CLIP`."""
_ROUNDS = 5
_PRIOR_NIGHTS = 10
"""Weight, in nights, of the assumption that neighbouring nights are unlike, before any are seen."""
_CHANCE_MEMORY = 0.11
"""Independent nights may easily look this much alike."""
_CARE = 3.0
"""Likeness beyond that is multiplied by this: nights that are more alike than they look cause false alarms, and few nights show it."""
MOST_MEMORY = 0.9


@dataclass(frozen=True, slots=True)
class Levels:
    """Level and spread of the nights up to each night, from the start of its segment on, at most `WINDOW`. An entry for each night."""

    level: Floats
    between: Floats
    """Variance between nights, without what the processes of a night explain."""
    error: Floats
    """Usual standard error of a night between its processes."""
    memory: Floats
    """Correlation of neighbouring nights: 0 is none."""
    nights: Floats
    """Number of nights that the level comes from."""
    freedom: Floats
    """Degrees of freedom of the spread."""
    far_above: Floats
    """Number of these nights more than `FAR` deviations above the level."""
    far_below: Floats


@dataclass(frozen=True, slots=True)
class NightSpread:
    """The spread between nights, as earlier segments of the same series show it."""

    between: float
    freedom: float


def levels_of(values: Floats, errors: Floats, *, least: float, before: NightSpread | None = None) -> Levels:
    """Return level and spread of the nights of a segment up to each of them.

    Args:
        values: one value a night, on a scale where noise adds.
        errors: standard error of each between the processes of its night.
        least: smallest believable standard deviation between nights.
        before: the spread of the nights before the segment; it counts beside that of the segment.
    """
    return _estimated(_windows(values), _windows(errors), least, before)


def level_of(values: Floats, errors: Floats, *, least: float, before: NightSpread | None = None) -> Levels:
    """Return level and spread of all these nights together, as the only entry."""
    return _estimated(values[None], errors[None], least, before)


def _estimated(here: Floats, errors: Floats, least: float, before: NightSpread | None) -> Levels:
    """Level and spread of each row; unknown values are NaN."""
    known = np.isfinite(here)
    count = known.sum(axis=1).astype(np.float64)
    level = _medians(here, count)
    away = np.abs(here - level[:, None])
    own = np.nan_to_num(errors) ** 2
    usual = (own * known).sum(axis=1) / count
    between = np.maximum(least**2, (MAD_TO_SD * _medians(away, count)) ** 2 - usual)
    freedom = np.maximum(count - 1, 1e-9)
    for _ in range(_ROUNDS):
        variance = between[:, None] + own
        deviation = np.sqrt(variance)
        clipped = np.where(known, np.clip((here - level[:, None]) / deviation, -CLIP, CLIP), 0.0)
        weights = known / variance
        level = level + (weights * deviation * clipped).sum(axis=1) / weights.sum(axis=1)
        squares = (clipped**2).sum(axis=1) / _SHARE_OF_SQUARES
        if before is None:
            grown = squares / freedom
        else:
            old = (before.between + usual) / (between + usual)
            grown = (squares + before.freedom * old) / (freedom + before.freedom)
        between = np.maximum(least**2, (between + usual) * grown - usual)
    variance = between[:, None] + own
    away = np.where(known, (here - level[:, None]) / np.sqrt(variance), 0.0)
    return Levels(
        level=level,
        between=between,
        error=np.sqrt(usual),
        memory=_memory(np.clip(away, -CLIP, CLIP), count),
        nights=count,
        freedom=freedom + (before.freedom if before else 0.0),
        far_above=(away > FAR).sum(axis=1).astype(np.float64),
        far_below=(away < -FAR).sum(axis=1).astype(np.float64),
    )


def variance_of_mean(count: Floats | float, memory: Floats | float) -> Floats:
    """Return the variance of the mean of so many neighbouring nights of variance 1, each alike to the next by `memory`."""
    n, kept = np.asarray(count, dtype=np.float64), np.asarray(memory, dtype=np.float64)
    # 1/n * (1 + 2 * sum of (1 - j/n) * kept^j), summed in closed form.
    series = kept / (1 - kept) - kept * (1 - kept**n) / (n * (1 - kept) ** 2)
    return np.asarray((1 + 2 * series) / n, dtype=np.float64)


def _windows(values: Floats) -> Floats:
    width = min(WINDOW, len(values))
    padded = np.concatenate([np.full(width - 1, math.nan), values])
    return np.array(np.lib.stride_tricks.sliding_window_view(padded, width))


def _medians(rows: Floats, count: Floats) -> Floats:
    """Return the median of each row's known values; the unknown ones are NaN, and sorted last."""
    ordered = np.sort(rows, axis=1)
    whole: npt.NDArray[np.intp] = count.astype(np.intp)
    every = np.arange(len(rows))
    return np.asarray((ordered[every, (whole - 1) // 2] + ordered[every, whole // 2]) / 2, dtype=np.float64)


def _memory(clipped: Floats, count: Floats) -> Floats:
    squares = (clipped**2).sum(axis=1)
    products = (clipped[:, 1:] * clipped[:, :-1]).sum(axis=1)
    plain = np.divide(products, squares, out=np.zeros_like(products), where=squares > 0)
    # Short stretches make neighbours look less alike than they are, by about (1 + 4 memory) / n.
    unbiased = plain + (1 + 4 * np.maximum(plain, 0)) / np.maximum(count, 4)
    seen = count * unbiased / (count + _PRIOR_NIGHTS)
    careful = seen + _CARE * np.maximum(0.0, seen - _CHANCE_MEMORY)
    return np.asarray(np.clip(careful, 0.0, MOST_MEMORY), dtype=np.float64)
