"""The simulated tables judge as `harness compare` does: the same numbers through both give the same verdicts and intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.tables import Judged, holm_many, judge_paired, judge_unpaired
from harness.analysis.multiple_claims import holm
from harness.analysis.ratio_interval import Estimate, paired, unpaired
from harness.analysis.samples import SAME_FROM
from harness.analysis.verdict import Rules, Verdict, judge, judged

RULES = Rules(gate=0.03)
EFFECTS = np.log1p(np.array([0.0, 0.0, 0.004, 0.012, 0.03, 0.05, 0.3, -0.2]))


def compared(estimates: list[Estimate], found: Judged, table: int) -> set[Verdict]:
    """Hold the verdicts of one table against each other."""
    judgements = judge(estimates, RULES)
    for cell, (one, judgement) in enumerate(zip(estimates, judgements, strict=True)):
        at = table, cell
        verdict = (
            Verdict.SLOWER
            if found.slower[at]
            else Verdict.FASTER
            if found.faster[at]
            else Verdict.SAME
            if found.same[at]
            else Verdict.INCONCLUSIVE
        )
        assert judgement.verdict is verdict
        assert judgement.gate_broken == found.gate[at]
        shown = judged(one, judgement)
        assert shown.ci_low == pytest.approx(math.exp(found.low[at]))
        assert shown.ci_high == pytest.approx(math.exp(found.high[at]))
    return {one.verdict for one in judgements}


@pytest.mark.parametrize("processes", [5, 7, 8, 10, 20])
@pytest.mark.parametrize("resolution", [0.0, 0.002])
def test_tables_of_one_run(processes: int, resolution: float) -> None:
    rng = np.random.default_rng(processes)
    shape = (30, len(EFFECTS), processes)
    base, head = (
        rng.normal(0, 0.003, (2, *shape)) + 0.002 * rng.standard_t(2, (2, *shape)) + rng.normal(0, 0.1, shape[2:])
    )
    head += EFFECTS[:, None] + math.log(10) * (rng.random(shape) < 0.02)
    found = judge_paired(base, head, RULES, slack=math.log1p(resolution))
    verdicts = set()
    for table in range(len(base)):
        estimates = [
            paired(list(theirs - ours), means=list((ours + theirs) / 2), resolution=resolution)
            for ours, theirs in zip(base[table], head[table], strict=True)
        ]
        verdicts |= compared(estimates, found, table)
    assert {Verdict.SLOWER, Verdict.FASTER, Verdict.INCONCLUSIVE} <= verdicts
    assert (Verdict.SAME in verdicts) == (processes >= SAME_FROM)


@pytest.mark.parametrize("sizes", [(6, 7), (8, 8), (12, 9), (20, 20)])
@pytest.mark.parametrize("drifts", [True, False])
def test_tables_of_separate_runs(sizes: tuple[int, int], drifts: bool) -> None:
    """No ratio lies within the region: the simulated `same` of separate runs leaves out Welch's test, and may be said more often."""
    rng = np.random.default_rng(sum(sizes))
    base, head = (rng.normal(0, 0.002, (30, len(EFFECTS), size)) for size in sizes)
    head = head + np.where(np.abs(EFFECTS) < 0.01, 0.01, EFFECTS)[:, None]
    found = judge_unpaired(base, head, RULES, drifts=drifts)
    verdicts = set()
    for table in range(len(base)):
        estimates = [
            unpaired(list(ours), list(theirs), drifts=drifts)
            for ours, theirs in zip(base[table], head[table], strict=True)
        ]
        verdicts |= compared(estimates, found, table)
    assert verdicts == {Verdict.SLOWER, Verdict.FASTER, Verdict.INCONCLUSIVE}


def test_holm_of_many_tables_is_holm_of_each() -> None:
    p_values = np.round(np.random.default_rng(1).random((50, 6)), 1)
    assert holm_many(p_values) == pytest.approx(np.array([holm(list(row)) for row in p_values]))


def test_what_is_a_wrong_verdict() -> None:
    yes, no = np.array([[True]]), np.array([[False]])
    ends = np.zeros((1, 1))

    def wrong(slower: bool = False, faster: bool = False, same: bool = False, truth: float = 0.0) -> bool:
        table = Judged(
            slower=yes if slower else no,
            faster=yes if faster else no,
            same=yes if same else no,
            gate=no,
            low=ends,
            high=ends,
        )
        return bool(table.wrong(np.log1p(truth), RULES)[0, 0])

    assert wrong(slower=True, truth=0.01)
    assert not wrong(slower=True, truth=0.0101)
    assert wrong(slower=True, truth=-0.2)
    assert wrong(faster=True, truth=1 / 1.01 - 1)
    assert not wrong(faster=True, truth=1 / 1.0101 - 1)
    assert not wrong(same=True, truth=0.01)
    assert wrong(same=True, truth=0.0101)
    assert wrong(same=True, truth=1 / 1.0101 - 1)
    assert not wrong(truth=5.0)
