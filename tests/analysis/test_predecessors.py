"""Blocks that are set aside because what ran before differs between the two sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from benchmarks.orders import HEATS, OWN, OWN_OPEN, Disturbance, adaptive_coverage, figures, ran_before
from harness.analysis.cell_selection import Pair
from harness.analysis.cells import group_by_cell, key_of
from harness.analysis.comparison import compare
from harness.analysis.metrics import Metric
from harness.analysis.predecessors import Before, sequence_of, to_leave_out
from harness.analysis.ratio_interval import paired
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules
from harness.records import Status
from tests.analysis.made_up import BEGAN, ran, result

HEAD_FIRST = [0, 1, 1, 0, 1, 0, 1, 0, 1, 0]
"""AB BA BA AB BA ...: the second of the equal blocks, and the first of all, have unlike predecessors."""


def before() -> Before:
    found = ran_before(np.array([[(first, 1 - first) for first in HEAD_FIRST]]))
    return Before(found.apart[0], found.after_head[0])


def means(carry: float, noise: float = 0.001) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    rng = np.random.default_rng(1)
    return np.asarray(rng.normal(0, noise, len(HEAD_FIRST)) + carry * before().after_head)


def test_blocks_with_unlike_predecessors_are_left_out_where_these_matter() -> None:
    assert np.flatnonzero(before().apart).tolist() == [0, 2]
    assert np.flatnonzero(to_leave_out(means(0.03), before())).tolist() == [0, 2]
    assert not to_leave_out(means(0.0), before()).any()
    assert not to_leave_out(means(0.03)[:4], Before(before().apart[:4], before().after_head[:4])).any(), (
        "four are too few"
    )


def test_with_many_cells_predecessors_are_balanced_over_the_run() -> None:
    most = Before(np.array([True] * 5 + [False] * 5), before().after_head)
    assert not to_leave_out(means(0.03), most).any()
    assert to_leave_out(means(0.03), replace(most, apart=np.array([True] * 4 + [False] * 6))).sum() == 4


@pytest.mark.parametrize(("in_errors", "found"), [(2.9, False), (3.1, True), (-2.9, False), (-3.1, True)])
def test_an_effect_of_three_standard_errors_counts(in_errors: float, found: bool) -> None:
    """Eight steps between blocks, all of which turn: what is left of them has a sum of squares of 8, on 7 degrees of freedom."""
    turning = Before(np.array([True] + [False] * 8), np.array([0.0, 1.0] * 4 + [0.0]))
    turns = np.diff(turning.after_head)
    left = np.array([1.0, 1.0, -1.0, -1.0] * 2)
    assert float((left * turns).sum()) == 0.0, "nothing of it looks like an effect"
    steps = left + in_errors * np.sqrt(8 / 7 / 8) * turns
    assert to_leave_out(np.concatenate([[0.0], np.cumsum(steps)]), turning).tolist() == [found] + [False] * 8


def test_one_process_of_a_block_that_follows_another_cell_than_before_is_enough() -> None:
    """A single turn, by half: the step of 0.015 is an effect of 0.03 of a whole one, among steps of 0.001."""
    half = Before(np.array([True] + [False] * 8), np.array([0.0] * 4 + [0.5] * 5))
    calm = np.array([0.0, 0.001] * 4 + [0.0])
    assert to_leave_out(calm + 0.03 * half.after_head, half).tolist() == [True] + [False] * 8
    assert not to_leave_out(calm, half).any()


def test_predecessors_that_never_change_tell_nothing() -> None:
    always = Before(np.array([True] + [False] * 9), np.ones(10))
    assert not to_leave_out(means(0.03), always).any()


def test_an_estimate_leaves_them_out_and_counts_them() -> None:
    ratios = [-0.03 if apart else 0.001 * (-1) ** block for block, apart in enumerate(before().apart)]
    found = paired(ratios, means=list(means(0.03)), before=before())
    assert (found.n, found.values, found.set_aside, found.unlike_before) == (10, 10, 2, 2)
    assert found.ratio == pytest.approx(1.0, abs=0.001)
    plain = paired(ratios, means=list(means(0.03)))
    assert (plain.set_aside, plain.unlike_before) == (0, 0)
    assert (plain.ci_low or 0) < (found.ci_low or 0)


def test_what_is_left_of_five_blocks_gives_no_verdict() -> None:
    few = Before(before().apart[:5], before().after_head[:5])
    slow = paired([0.5] * 5, means=list(means(0.03)[:5]), before=few)
    assert (slow.set_aside, slow.p_above(0.01)) == (2, 1.0)


def test_what_ran_before_is_told_by_the_times_of_all_cells() -> None:
    results = [
        replace(
            result(1000.0, delegate=delegate, block=block, status=status),
            started_at=BEGAN + timedelta(seconds=second),
        )
        for delegate, block, status, second in (
            ("cpu", 0, Status.OK, 0),
            ("gpu", 0, Status.FAILED, 1),
            ("nnapi", 0, Status.SKIPPED, 2),
            ("cpu", 1, Status.OK, 4),
            ("gpu", 1, Status.OK, 3),
        )
    ]
    told = sequence_of(group_by_cell(results))
    cpu, gpu = key_of(results[0].trial), key_of(results[1].trial)
    assert [told.get(one.trial.trial_id) for one in results] == [None, cpu, None, gpu, gpu]
    assert results[2].trial.trial_id not in told, "it never ran"
    found = Before.of([None, gpu], [cpu, gpu], gpu)
    assert (found.apart.tolist(), found.after_head.tolist()) == ([True, False], [0.0, 1.0])


def test_cells_that_are_named_anew_have_the_same_predecessors() -> None:
    """A report tells two model files of one name apart, so its cells have other keys than their trials."""
    order = [(block, cell) for block, first in enumerate(HEAD_FIRST) for cell in (first, 1 - first)]
    before_each = [-1, *(cell for _, cell in order)]
    logs = [7.0 + 0.03 * (was == 1) + 0.0001 * (place % 3) for place, was in enumerate(before_each[:-1])]
    cells = group_by_cell(ran(order, logs))
    found = []
    for model in ("m", "m (1a2b)"):
        base, head = sorted(
            (replace(one, key=replace(one.key, model=model)) for one in cells), key=lambda one: one.key.delegate
        )
        run = RunContext(run_id="r", cells=(base, head))
        table = compare([Pair(base=base, head=head)], run, run, metric=Metric.INFERENCE_AVG, rules=Rules())
        found.append(table.comparisons[0].estimate.unlike_before)
    assert found == [2, 2]


def test_after_a_long_rest_nothing_has_run_before() -> None:
    """As where a run goes on hours later; a process lasts a second."""
    cpu, gpu, later = ran([(0, 0), (0, 1), (1, 0)], [7.0] * 3)
    for rest_s, known in ((599.5, key_of(gpu.trial)), (600.0, None)):
        again = replace(later, started_at=gpu.started_at + timedelta(seconds=1 + rest_s))
        assert sequence_of(group_by_cell([cpu, gpu, again]))[again.trial.trial_id] == known, rest_s


@pytest.mark.parametrize("blocks", [5, 8, 10, 20])
def test_two_cells_cover_the_ratio_that_would_be_without_carry_over(blocks: int) -> None:
    """93 % at least; of 400, less than 89.5 % is four standard deviations below."""
    for design in (OWN, OWN_OPEN):
        for noise in (0.002, 0.01):
            found = figures(design, HEATS, cells=2, blocks=blocks, noise=noise, experiments=400, seed=5)
            assert found.covered >= 0.895, (noise, found)
            assert abs(found.bias) <= 0.002


def test_an_adaptive_run_of_two_cells_covers_it_too() -> None:
    assert adaptive_coverage(HEATS, noise=0.005, experiments=300) >= 0.89
    assert adaptive_coverage(Disturbance(name="nothing"), noise=0.005, experiments=300) >= 0.89
