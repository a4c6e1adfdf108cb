"""Finds blocks that an outlier spoils, without looking at which side it is on. Pure.

A process that takes ten times as long as its neighbours says nothing about the ratio, but makes a rank interval of ten blocks wide. The
*mean* over both sides decides whether a block is set aside. If base and head differ only by a factor, swapping them within a block changes
the sign of the difference and leaves the mean as it is. So a choice by the means favours neither side, and tests on the signs stay exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.analysis.centre import MAD_TO_SD
from harness.analysis.ranks import Floats

FROM = 8
"""Least number of blocks in which outliers are looked for: fewer do not show what is usual."""
DEVIATIONS = 6.0
"""Distance from the neighbours' median, in robust standard deviations, from which a block is an outlier."""
LARGEST_SHARE = 1 / 3
"""Largest share of the blocks that may be set aside; if there are more, they are no outliers but a habit of the phone."""

_WINDOW = 5


def outlying(means: Floats) -> npt.NDArray[np.bool_]:
    """Return which blocks to set aside.

    Each block is held against the median of itself and two neighbours on either side, so that a slow drift or a phase of throttling is no
    outlier. The yardstick is the median step from one block to the next.

    Args:
        means: mean of the logarithms of both sides, in the order of the blocks along the last axis.
    """
    n = means.shape[-1]
    if n < FROM:
        return np.zeros(means.shape, dtype=np.bool_)
    reach = _WINDOW // 2
    mirrored = np.concatenate([means[..., reach:0:-1], means, means[..., -2 : -reach - 2 : -1]], axis=-1)
    usual = np.median(np.lib.stride_tricks.sliding_window_view(mirrored, _WINDOW, axis=-1), axis=-1)
    distance = np.abs(means - usual)
    step = np.median(np.abs(np.diff(means, axis=-1)), axis=-1, keepdims=True) * MAD_TO_SD / np.sqrt(2)
    farthest_first = np.argsort(np.argsort(-distance, axis=-1, kind="stable"), axis=-1, kind="stable")
    # Without any usual step (quantised values) nothing can be told from an outlier.
    far = (distance > DEVIATIONS * step) & (step > 0)
    return np.asarray(far & (farthest_first < int(n * LARGEST_SHARE)), dtype=np.bool_)
