"""Tests whether two models differ on the same samples: McNemar's exact test for right and wrong, Student's paired test for errors. Pure.

Both look at each sample's difference, so samples that are hard for both models say nothing. Sources: McNemar, Psychometrika 12 (1947);
Student, Biometrika 6 (1908).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.analysis import special

SHOWN_BELOW = 0.05
"""A difference is shown if chance alone gives one as large less often than this."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """Two models on the same samples."""

    test: Literal["mcnemar", "paired-t"]
    n: int
    difference: float
    """Mean of the first minus mean of the second."""
    p_value: float | None
    """Two-sided; None if a single sample cannot tell."""
    only_first: int | None = None
    """McNemar: samples that only the first answers correctly."""
    only_second: int | None = None

    @property
    def shown(self) -> bool:
        """Whether the samples show a difference."""
        return self.p_value is not None and self.p_value < SHOWN_BELOW


def paired_test(first: Floats, second: Floats) -> PairedTest:
    """Compare scores of the same samples: by McNemar's test if all are 0 or 1, else by Student's.

    Raises:
        ValueError: their numbers differ, or there is none.
    """
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ValueError(f"paired scores have the shapes {list(first.shape)} and {list(second.shape)}")
    if is_right_or_wrong(first) and is_right_or_wrong(second):
        return _mcnemar(first, second)
    return _paired_t(first, second)


def is_right_or_wrong(scores: Floats) -> bool:
    """Return whether every score is 0 or 1."""
    return bool(((scores == 0) | (scores == 1)).all())


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value: were the models equal, each sample on which they disagree would be a fair coin."""
    disagree = only_first + only_second
    return min(1.0, 2 * float(special.bdtr(min(only_first, only_second), disagree, 0.5))) if disagree else 1.0


def _mcnemar(first: Floats, second: Floats) -> PairedTest:
    only_first, only_second = int((first > second).sum()), int((second > first).sum())
    return PairedTest(
        test="mcnemar",
        n=len(first),
        difference=(only_first - only_second) / len(first),
        p_value=mcnemar_p(only_first, only_second),
        only_first=only_first,
        only_second=only_second,
    )


def _paired_t(first: Floats, second: Floats) -> PairedTest:
    differences = first - second
    n, mean = len(differences), float(differences.mean())
    p_value: float | None = None
    if not differences.any():
        p_value = 1.0
    elif n > 1:
        spread = float(differences.std(ddof=1))
        p_value = 2 * float(special.stdtr(n - 1, -abs(mean) * math.sqrt(n) / spread)) if spread > 0 else 0.0
    return PairedTest(test="paired-t", n=n, difference=mean, p_value=p_value)
