"""Compares two sets of results cell by cell. Pure.

Cells of one run that took turns share blocks and are compared block by block. Cells of two runs share none, nor do those of a run that
did not interleave or was made of recorded logs: their processes are two independent samples, and the interval allows for a drift between
them only as far as it shows within either (a note says so).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.analysis.cell_selection import Pair
from harness.analysis.cells import CellResults
from harness.analysis.comparability import Note, Side, compare_conditions
from harness.analysis.metrics import Metric
from harness.analysis.op_diff import OpDiff, op_diff
from harness.analysis.op_profile import profile_of
from harness.analysis.ratio_interval import LEVEL, MIN_BLOCKS, Estimate, paired, pooled, unpaired
from harness.analysis.sequential import Looks
from harness.analysis.sides import (
    Incomplete,
    RunContext,
    SideSummary,
    by_block,
    failure_notes,
    half_synthetic,
    incomplete_sides,
    summary_of_side,
    took_turns,
)
from harness.analysis.verdict import Judgement, Rules, Verdict, judge
from harness.records import CellKey, Status

State = Literal["measured", "unmeasured", "skipped", "missing", "incomparable"]
"""`unmeasured`: a side has results, but none that is ok. `skipped`: it could not run there. `missing`: a side has no such cell.
`incomparable`: one side was measured, the other replayed or modelled. Such a pair has a ratio, but no interval, no verdict and no matched
ops: chance between processes does not explain the difference between a measurement and a model."""
Breach = Literal["slower", "not_measured", "interrupted"]
"""Reason why a cell breaks the gate. `not_measured`: base has a number and head has none. `interrupted`: head's run ended before this cell
had all its processes, and those that it has decide nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One cell of base against one of head."""

    key: CellKey
    mask: str
    """Mask of the cores, bare hex."""
    metric: Metric
    state: State
    base: SideSummary
    head: SideSummary
    estimate: Estimate
    judgement: Judgement
    notes: tuple[Note, ...]
    ops: OpDiff | None
    op_judgements: tuple[Judgement | None, ...] = ()
    """Judgements on `ops.changes`, in the same order; None for an op with too few profiled processes."""

    @property
    def synthetic(self) -> bool:
        """Whether a number of either side was replayed or modelled, not measured."""
        return self.base.synthetic or self.head.synthetic

    @property
    def verdict(self) -> Verdict | None:
        """The verdict; None unless both sides were measured."""
        return self.judgement.verdict if self.state == "measured" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """One cell's comparison over all devices that measured it."""

    model: str
    delegate: str
    threads: int
    cpus: str
    binary: str
    devices: tuple[str, ...]
    estimate: Estimate
    judgement: Judgement
    synthetic: bool = False
    """Whether the numbers are synthetic on all its devices. Measured and synthetic ones are never pooled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A whole comparison."""

    comparisons: tuple[Comparison, ...]
    overall: tuple[Overall, ...]
    rules: Rules
    metric: Metric
    incomplete: tuple[Incomplete, ...] = ()
    """Sides whose runs did not finish."""

    @property
    def gate_broken(self) -> bool:
        """Whether any cell breaks the gate, if one is set."""
        return any(failed_gate(one, self.rules) for one in self.comparisons)

    @property
    def base_measured(self) -> bool:
        """Whether base has a number in any cell that can be judged. Without one, a gate has nothing to hold head against."""
        return any(one.base.n for one in self.comparisons if one.state != "incomparable")


def gate_breach(one: Comparison, rules: Rules) -> Breach | None:
    """Return why a cell breaks the gate, or None. Missing data must not look good: head must measure what base measured."""
    if rules.gate is None:
        return None
    if one.judgement.gate_broken:
        return "slower"
    if one.base.n and not one.head.n:
        return "not_measured"
    return "interrupted" if one.head.left and one.verdict is Verdict.INCONCLUSIVE else None


def failed_gate(one: Comparison, rules: Rules) -> bool:
    """Say whether a cell breaks the gate."""
    return gate_breach(one, rules) is not None


def compare(
    pairs: Sequence[Pair],
    base: RunContext,
    head: RunContext,
    *,
    metric: Metric,
    rules: Rules,
    apart: Iterable[str] = (),
    ops: bool = True,
) -> Table:
    """Compare paired cells.

    Args:
        pairs: from `pair_cells`.
        base: the run of the base cells.
        head: the run of the head cells.
        metric: the metric to compare.
        rules: how verdicts are reached.
        apart: keys in which the sides differ on purpose; no note mentions them.
        ops: split the differences by op, too; for hundreds of pairs this takes seconds.
    """
    apart = tuple(apart)
    same_run = base.run_id == head.run_id
    # The same run on both sides looked once, so its plan counts once.
    looks = Looks(tuple(dict.fromkeys(plan for plan in (base.adaptive, head.adaptive) if plan is not None)))
    estimates = [looks.corrected(_estimate(pair, metric, looks.level, same_run=same_run)) for pair in pairs]
    mixed = [half_synthetic(pair) for pair in pairs]
    estimates = [_bare(one) if bare else one for one, bare in zip(estimates, mixed, strict=True)]
    judgements = [_NO_VERDICT if bare else one for one, bare in zip(judge(estimates, rules), mixed, strict=True)]
    diffs = [
        _op_diff(pair, interleaved=same_run and took_turns(pair)) if ops and not bare else None
        for pair, bare in zip(pairs, mixed, strict=True)
    ]
    op_judgements = _judge_ops(diffs, rules)
    comparisons = tuple(
        _comparison(pair, base, head, metric, estimate, judgement, diff, verdicts, apart)
        for pair, estimate, judgement, diff, verdicts in zip(
            pairs, estimates, judgements, diffs, op_judgements, strict=True
        )
    )
    return Table(
        comparisons=comparisons,
        overall=_overall(comparisons, rules, looks),
        rules=rules,
        metric=metric,
        incomplete=tuple(incomplete_sides(base, head)),
    )


def _estimate(pair: Pair, metric: Metric, level: float, *, same_run: bool) -> Estimate:
    ours, theirs = (by_block(cell, metric) for cell in (pair.base, pair.head))
    if same_run and (shared := [block for block in ours if block in theirs]):
        return paired([_mean_log(theirs[block]) - _mean_log(ours[block]) for block in shared], level=level)
    flat = [[math.log(value) for block in sorted(side) for value in side[block]] for side in (ours, theirs)]
    return unpaired(flat[0], flat[1], level=level)


def _bare(estimate: Estimate) -> Estimate:
    """The ratio alone: between a measurement and a model, interval and p-value mean nothing."""
    return replace(estimate, ci_low=None, ci_high=None, p_value=None, drift=0.0)


_NO_VERDICT = Judgement(verdict=Verdict.INCONCLUSIVE, reasons=("one side is synthetic",))


def _mean_log(values: Sequence[float]) -> float:
    return math.fsum(math.log(value) for value in values) / len(values)


def _op_diff(pair: Pair, *, interleaved: bool) -> OpDiff | None:
    if pair.base is None or pair.head is None:
        return None
    ours, theirs = profile_of(pair.base.results), profile_of(pair.head.results)
    return op_diff(ours, theirs, interleaved=interleaved) if ours and theirs else None


def _judge_ops(diffs: Sequence[OpDiff | None], rules: Rules) -> list[tuple[Judgement | None, ...]]:
    """Judge all ops of all cells together, since the correction counts them all."""
    everything = [change.estimate for diff in diffs if diff for change in diff.changes]
    judged = iter(judge([one for one in everything if one is not None], rules))
    return [
        tuple(next(judged) if change.estimate is not None else None for change in diff.changes) if diff else ()
        for diff in diffs
    ]


def _comparison(
    pair: Pair,
    base: RunContext,
    head: RunContext,
    metric: Metric,
    estimate: Estimate,
    judgement: Judgement,
    diff: OpDiff | None,
    op_judgements: tuple[Judgement | None, ...],
    apart: Sequence[str],
) -> Comparison:
    ours, theirs = summary_of_side(pair.base, metric, base), summary_of_side(pair.head, metric, head)
    notes = list(failure_notes(ours, theirs))
    if pair.base is not None and pair.head is not None:
        if base.run_id == head.run_id and not took_turns(pair):
            notes.append(
                Note("not_interleaved", "the two sides did not take turns: a drift may look like a difference", False)
            )
        notes += compare_conditions(_side(base, pair.base), _side(head, pair.head), apart=apart)
        notes += _sample_notes(estimate)
    return Comparison(
        key=pair.shown.key,
        mask=pair.shown.mask,
        metric=metric,
        state=_state(pair, ours, theirs),
        base=ours,
        head=theirs,
        estimate=estimate,
        judgement=judgement,
        notes=tuple(notes),
        ops=diff,
        op_judgements=op_judgements,
    )


def _side(source: RunContext, cell: CellResults) -> Side:
    return Side(
        run_id=source.run_id,
        results=cell.results,
        device=source.devices.get(cell.key.device),
        harness_version=source.harness_version,
    )


def _state(pair: Pair, ours: SideSummary, theirs: SideSummary) -> State:
    if pair.base is None or pair.head is None:
        return "missing"
    if ours.n and theirs.n:
        return "incomparable" if ours.synthetic != theirs.synthetic else "measured"
    if any(set(side.statuses) == {str(Status.SKIPPED)} for side in (ours, theirs)):
        return "skipped"
    return "unmeasured"


def _sample_notes(estimate: Estimate) -> Iterable[Note]:
    if estimate.level > LEVEL:
        text = (
            f"the run chose its number of processes itself: the interval is at {100 * estimate.level:.1f} %, which over all its looks "
            "together holds at 95 %, and the p-value allows for all of them"
        )
        yield Note("adaptive", text, False)
    elif estimate.design == "paired" and estimate.n == MIN_BLOCKS:
        yield Note("level", "five blocks give an interval of 93.75 %, not 95 %", False)
    if estimate.drift:
        text = f"the runs drifted by up to {100 * estimate.drift:.1f} % while they ran: the interval allows for as much between them"
        yield Note("drift", text, False)


def _overall(comparisons: Sequence[Comparison], rules: Rules, looks: Looks) -> tuple[Overall, ...]:
    groups: dict[tuple[str, str, int, str, str, bool], list[Comparison]] = {}
    for one in comparisons:
        if one.state == "measured" and one.judgement.q_value is not None:
            key = one.key
            # Replayed numbers of one device are never pooled with measured ones of another.
            asked = (key.model, key.delegate, key.threads, key.cpus, key.binary, one.synthetic)
            groups.setdefault(asked, []).append(one)
    several = {key: group for key, group in groups.items() if len({one.key.device for one in group}) > 1}
    estimates = [
        looks.corrected(pooled([one.estimate for one in group], level=looks.level)) for group in several.values()
    ]
    return tuple(
        Overall(
            model=asked[0],
            delegate=asked[1],
            threads=asked[2],
            cpus=asked[3],
            binary=asked[4],
            devices=tuple(one.key.device for one in group),
            estimate=estimate,
            judgement=judgement,
            synthetic=asked[5],
        )
        for (asked, group), estimate, judgement in zip(several.items(), estimates, judge(estimates, rules), strict=True)
    )
