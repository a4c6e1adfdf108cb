"""Decides when the comparison of two cells of an adaptive run is known well enough. Pure.

A narrow interval is not enough: with little noise five blocks give one, but no verdict in a table of many cells. So a comparison whose
ratio seems to lie beyond the region of indifference goes on until its verdict stands, as long as that seems near.

Everything works along the last axis, so that thousands of simulated experiments cost one call.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from harness.analysis import special
from harness.analysis.one_sided import T_SHARE, paired_p
from harness.analysis.ranks import Floats
from harness.analysis.ratio_interval import BUDGET
from harness.analysis.required_processes import least_processes
from harness.analysis.samples import LEVEL, paired_many
from harness.analysis.sequential import look_alpha
from harness.analysis.verdict import Rules
from harness.records.adaptive_decisions import AdaptivePlan

STOP_LEVEL = 0.93
"""Level of the plain interval whose width a plan's `until` limits. Chosen such that an interval of 2 % takes ten processes where processes
differ by 1 %, as many as a suite runs by default."""

_PATIENCE = 8
"""Number of further blocks that may be spent on a verdict in a table of one cell."""
_PATIENCE_PER_DOUBLING = 1
"""Further blocks for each doubling of the table, whose correction asks for more."""


def plain_width(differences: Floats) -> Floats:
    """Return the width that a plan's `until` limits: upper over lower end, less 1, of the narrower plain interval at `STOP_LEVEL`.

    The narrower of the rank interval and Student's counts. It only decides when to stop, so it need not allow for looking again and again.

    Args:
        differences: log ratios of the blocks that are not set aside; at least two.
    """
    n = differences.shape[-1]
    ranks = paired_many(differences, level=STOP_LEVEL)
    student = 2 * special.stdtrit(n - 1, 0.5 + STOP_LEVEL / 2) * differences.std(axis=-1, ddof=1) / math.sqrt(n)
    return np.asarray(np.expm1(np.minimum(np.minimum(ranks.high - ranks.low, student), 700.0)), dtype=np.float64)


def settled(
    differences: Floats, *, blocks: int, plan: AdaptivePlan, cells: int, rules: Rules | None = None, slack: float = 0.0
) -> npt.NDArray[np.bool_]:
    """Return whether a comparison may stop because its ratio is known.

    Args:
        differences: log ratios of the blocks that are not set aside; at least two.
        blocks: number of blocks, with those that are set aside.
        plan: the limits of the run.
        cells: number of cells in the table that the verdict will stand in.
        rules: how the verdict will be reached.
        slack: logarithm by which the verdict will allow for the steps in which the values are printed.
    """
    rules = rules or Rules()
    edge = math.log1p(rules.min_effect)
    looks = ((plan.min_blocks, plan.max_blocks),)
    single = look_alpha(rules.alpha / max(1, cells), *looks[0])
    plain = paired_many(differences, level=LEVEL)
    within = (plain.low - slack >= -edge) & (plain.high + slack <= edge)
    decided = np.minimum(paired_p(differences, edge + slack), paired_p(-differences, edge + slack)) <= single
    patience = round(_PATIENCE + _PATIENCE_PER_DOUBLING * math.log2(max(1, cells)))
    last = min(plan.max_blocks, max(BUDGET, blocks) + patience)
    least = least_processes(max(1, cells), rules.alpha, looks=looks) or plan.max_blocks + 1
    margin = np.abs(plain.centre) - edge - slack
    spread = differences.std(axis=-1, ddof=1)
    # Up to the number that a suite runs by default, a ratio that seems to lie beyond the region is always worth a block more.
    near = (margin > 0) & (blocks < min(BUDGET, plan.max_blocks))
    for later in range(max(blocks + 1, least), last + 1):
        # If the estimate and the spread stayed as they are, would so many blocks give a verdict?
        near |= margin > special.stdtrit(later - 1, 1 - single * T_SHARE) * spread / math.sqrt(later)
    # Where the interval leaves the region, it goes on at least until a verdict is possible at all.
    hopeless = ~near & (blocks >= min(least, plan.max_blocks))
    return np.asarray((plain_width(differences) <= plan.until) & (within | decided | hopeless), dtype=np.bool_)
