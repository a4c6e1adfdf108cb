"""An adaptive run resumed after a long rest: a look knows, as `harness compare` does, that nothing is left of what ran before."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import group_by_cell
from harness.analysis.comparison import compare
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.stopping import Stopping, process_of
from harness.analysis.verdict import Rules
from harness.records import Result
from harness.records.adaptive_decisions import AdaptivePlan
from tests.analysis.made_up import BEGAN, ran

PLAN = AdaptivePlan(min_blocks=8, max_blocks=8, until=0.02)
HEAT = 0.05


def measured(rest: timedelta) -> list[Result]:
    """Two cells that alternate, gpu heats its successor; before the sixth block the device rests."""
    order = [(block, cell) for block in range(8) for cell in ((0, 1) if block % 2 == 0 else (1, 0))]
    noise = np.random.default_rng(4).normal(0, 0.001, len(order))
    logs, before = [], None
    for place, (_, cell) in enumerate(order):
        heated = before == 1 and not (place == 10 and rest > timedelta(hours=1))
        logs.append(math.log(1000.0) + HEAT * heated + float(noise[place]))
        before = cell
    found = ran(order, logs)
    return [replace(one, started_at=one.started_at + rest) if place >= 10 else one for place, one in enumerate(found)]


@pytest.mark.parametrize("rest", [timedelta(0), timedelta(hours=2)])
def test_the_look_and_the_comparison_set_the_same_blocks_aside(rest: timedelta) -> None:
    results = measured(rest)
    stopping = Stopping(PLAN, [one.trial for one in results], {"delegate": "cpu"})
    (decided,) = stopping.step({one.trial.trial_id: process_of(one) for one in results}, [], BEGAN).decisions
    cells = tuple(group_by_cell(results))
    source = RunContext(run_id="r", adaptive=PLAN, cells=cells)
    pairs = pair_cells(
        [one for one in cells if one.key.delegate == "cpu"],
        [one for one in cells if one.key.delegate == "gpu"],
        apart=("delegate",),
    )
    (one,) = compare(pairs, source, source, metric=Metric.INFERENCE_AVG, rules=Rules(), apart=("delegate",)).comparisons
    assert one.estimate.unlike_before == (2 if rest else 1), "the first block, and the one after the rest"
    assert (decided.ratio, decided.ci_low, decided.ci_high) == pytest.approx(
        (one.estimate.ratio, one.estimate.ci_low, one.estimate.ci_high)
    )
