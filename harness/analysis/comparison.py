"""Compares two sets of results cell by cell. Pure.

Cells of one run that took turns share blocks and are compared block by block. Cells of two runs share no blocks, nor do cells of a run
that did not interleave or that was made of recorded logs. Their processes are two independent samples, and the interval allows for a drift
between them only as far as it shows within either (a note says so).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.analysis.between_runs import BetweenRuns
from harness.analysis.cell_selection import Pair
from harness.analysis.cells import CellResults
from harness.analysis.comparability import Note, Side, compare_conditions
from harness.analysis.control import Controls
from harness.analysis.estimate_notes import sample_notes, ways_of_comparing
from harness.analysis.failure_rates import LEVEL as FAILURE_LEVEL
from harness.analysis.failure_rates import fails_more_p
from harness.analysis.held_back import NO_TURNS, SEPARATE, only_suspected, without_good_news
from harness.analysis.metrics import Metric
from harness.analysis.multiple_claims import holm
from harness.analysis.op_claims import diffs_of, judge_ops
from harness.analysis.op_diff import OpDiff
from harness.analysis.pair_estimates import Difference, Estimator, PairEstimate
from harness.analysis.predecessors import sequence_of
from harness.analysis.ratio_interval import Estimate, pooled
from harness.analysis.samples import MIN_BLOCKS
from harness.analysis.sequential import Looks
from harness.analysis.shared_blocks import few_blocks_note
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
from harness.analysis.verdict import Judgement, Rules, Verdict, judge, judged
from harness.records import CellKey, Status

State = Literal["measured", "unmeasured", "skipped", "missing", "incomparable"]
"""`unmeasured`: a side has results, but none that is ok. `skipped`: it could not run there. `missing`: a side has no such cell.
`incomparable`: one side was measured, the other replayed or modelled. Such a pair has a ratio, but no interval, no verdict and no matched
ops: chance between processes does not explain the difference between a measurement and a model."""
Breach = Literal["slower", "suspected", "not_measured", "interrupted", "fails_more", "too_few"]
"""Reason why a cell breaks the gate. `suspected`: it looks slower, but the sides were measured at different times: in separate runs without
a control, or in one run without taking turns. `not_measured`: base has a number, head has none. `interrupted`: head's run ended before
this cell had all its processes, and those that it has decide nothing. `fails_more`: head fails significantly more often. `too_few`: base
has processes enough for a verdict, and head has not."""


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
    difference: Difference | None = None
    """Head minus base, where not every value is positive: then there is no ratio."""
    control: str | None = None
    """The control that both sides were divided by."""
    spread: BetweenRuns | None = None
    """Spread between runs that the interval allows for."""
    sure: bool = True
    """Whether a verdict can be sure. Between two separate runs without a control, and between cells of one run that did not take turns, it
    is `suspected` at most."""
    apparent: Verdict = Verdict.INCONCLUSIVE
    """The verdict if nothing but chance lay between the two sides, and `same` needed no more processes than the other verdicts. A gate
    only asks whether head is slower."""
    fails_more: float | None = None
    """P-value of "head fails no more often", corrected for all cells, where it is at most 1 %."""

    @property
    def synthetic(self) -> bool:
        """Whether a number of either side was replayed or modelled, not measured."""
        return self.base.synthetic or self.head.synthetic

    @property
    def output_differs(self) -> bool:
        """Whether the outputs of either side are beyond the limits: a gain is never shown without that mark."""
        return self.base.output_differs or self.head.output_differs

    @property
    def verdict(self) -> Verdict | None:
        """The verdict; None unless both sides were measured."""
        return self.judgement.verdict if self.state == "measured" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """The comparison of one cell over all devices that measured it."""

    model: str
    delegate: str
    threads: int
    cpus: str
    binary: str
    variant: str
    devices: tuple[str, ...]
    estimate: Estimate
    judgement: Judgement
    synthetic: bool = False
    """Whether the numbers are synthetic on all its devices. Measured and synthetic ones are never pooled."""
    output_differs: bool = False
    """Whether outputs are beyond the limits on any of its devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A whole comparison."""

    comparisons: tuple[Comparison, ...]
    overall: tuple[Overall, ...]
    rules: Rules
    metric: Metric
    incomplete: tuple[Incomplete, ...] = ()
    """Sides whose runs did not finish."""
    one_run: bool = False
    """Whether both sides are of one run."""

    @property
    def gate_broken(self) -> bool:
        """Whether a gate is set and any cell breaks it."""
        return any(failed_gate(one, self.rules) for one in self.comparisons)

    @property
    def control_missing(self) -> bool:
        """Whether any sides were compared that did not take turns and have no control: see `Comparison.sure`."""
        return any(one.state == "measured" and not one.sure for one in self.comparisons)

    @property
    def base_measured(self) -> bool:
        """Whether base has a number in any cell that can be judged. Without one, a gate has nothing to compare head with."""
        return any(one.base.n for one in self.comparisons if one.state != "incomparable")


def gate_breach(one: Comparison, rules: Rules) -> Breach | None:
    """Return why a cell breaks the gate, or None. Missing data must not look good: what base can decide, head must decide, too."""
    if rules.gate is None or one.state == "incomparable":
        return None
    if one.judgement.gate_broken:
        return "slower" if one.sure else "suspected"
    if one.base.n and not one.head.n:
        return "not_measured"
    if one.fails_more is not None:
        return "fails_more"
    if one.head.left and one.state == "measured" and one.apparent is Verdict.INCONCLUSIVE:
        return "interrupted"
    return "too_few" if one.base.n >= needed_processes(one) > one.head.n > 0 else None


def needed_processes(one: Comparison) -> int:
    """Return how many processes a side must have for any verdict on a cell, in a table of this size."""
    return one.judgement.least or MIN_BLOCKS


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
    spread: Callable[[Pair], BetweenRuns | None] = lambda _: None,
) -> Table:
    """Compare paired cells.

    Args:
        pairs: from `pair_cells`.
        base: the run of the base cells.
        head: the run of the head cells.
        metric: the metric to compare.
        rules: how verdicts are reached.
        apart: keys in which the sides differ on purpose; notes leave them out.
        ops: split the differences by op too; for hundreds of pairs this takes seconds.
        spread: returns the known spread between runs for a pair, or None; used for separate runs without a control.
    """
    apart = tuple(apart)
    same_run = base.run_id == head.run_id
    # The same run on both sides looked once, so its plan counts once.
    looks = Looks(tuple(dict.fromkeys(plan for plan in (base.adaptive, head.adaptive) if plan is not None)))
    controls = Controls(base, head, metric)
    pairs = [pair for pair in pairs if not controls.is_control(pair)]
    estimator = Estimator(
        metric=metric,
        rules=rules,
        looks=looks,
        controls=controls,
        same_run=same_run,
        spread=spread,
        before=sequence_of(head.cells) if same_run else {},
    )
    found = [estimator.estimate(pair) for pair in pairs]
    mixed = [half_synthetic(pair) for pair in pairs]
    judgements = judge([one.judged for one in found], rules)
    judgements = [_NO_VERDICT if bare else one for one, bare in zip(judgements, mixed, strict=True)]
    found = [replace(one, judged=judged(one.judged, verdict)) for one, verdict in zip(found, judgements, strict=True)]
    turns = [same_run and took_turns(pair) for pair in pairs]
    diffs = diffs_of([pair if ops and not bare else None for pair, bare in zip(pairs, mixed, strict=True)], turns)
    apart_words = NO_TURNS if same_run else SEPARATE
    op_judgements = judge_ops(diffs, rules, sure=turns, what=apart_words)
    comparisons = _with_failures(
        [
            _comparison(pair, base, head, metric, estimate, judgement, diff, verdicts, apart)
            for pair, estimate, judgement, diff, verdicts in zip(
                pairs, found, judgements, diffs, op_judgements, strict=True
            )
        ]
    )
    return Table(
        comparisons=comparisons,
        overall=_overall(comparisons, rules, looks, apart_words),
        rules=rules,
        metric=metric,
        incomplete=tuple(incomplete_sides(base, head)),
        one_run=same_run,
    )


_IN_TURN = (
    "suspected only, as the two sides did not take turns. To be sure, measure them in turn in one run: `order: {interleave: true}`, as "
    "suites do by default"
)
_HARDLY_A_BLOCK = "suspected only, as the two sides share hardly a block. To be sure, measure both again where their processes do not fail"
_NO_VERDICT = Judgement(verdict=Verdict.INCONCLUSIVE, reasons=("one side is synthetic",))


def _with_failures(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Say where head fails more often. A process without a value that counts has failed, whatever its status."""
    tested = [i for i, one in enumerate(comparisons) if one.base.total and one.head.total]
    found = list(comparisons)
    p_values = []
    for i in tested:
        ours, theirs = found[i].base, found[i].head
        p_values.append(fails_more_p(ours.total - ours.n, ours.total, theirs.total - theirs.n, theirs.total))
    for i, p_value in zip(tested, holm(p_values), strict=True):
        if p_value <= FAILURE_LEVEL:
            one = found[i]
            text = (
                f"HEAD fails more often: {one.head.total - one.head.n} of {one.head.total} processes gave no value, "
                f"against {one.base.total - one.base.n} of {one.base.total} (Fisher's exact test, p {p_value:.2g})"
            )
            found[i] = replace(one, fails_more=p_value, notes=(*one.notes, Note("fails_more", text, False)))
    return tuple(found)


def _comparison(
    pair: Pair,
    base: RunContext,
    head: RunContext,
    metric: Metric,
    estimate: PairEstimate,
    judgement: Judgement,
    diff: OpDiff | None,
    op_judgements: tuple[Judgement | None, ...],
    apart: Sequence[str],
) -> Comparison:
    wanted = pair.shown.key
    ours = summary_of_side(pair.base, metric, base, signed=estimate.signed, wanted=wanted)
    theirs = summary_of_side(pair.head, metric, head, signed=estimate.signed, wanted=wanted)
    shown, difference = estimate.shown(estimate.judged)
    # The spread between runs does not shrink with more processes, so no forecast holds.
    apparent = judgement if estimate.spread is None else replace(judgement, more_processes=None)
    if any(side.odd.no_number or (side.odd.kinds and not estimate.signed) for side in (ours, theirs)):
        apparent = without_good_news(apparent)
    notes = list(failure_notes(ours, theirs, metric))
    if pair.base is not None and pair.head is not None:
        if base.run_id == head.run_id and not took_turns(pair):
            notes.append(
                Note("not_interleaved", "the two sides did not take turns: a drift may look like a difference", False)
            )
        elif base.run_id == head.run_id and estimate.judged.design == "unpaired" and ours.n and theirs.n:
            notes.append(few_blocks_note(by_block(pair.base, metric), by_block(pair.head, metric)))
        notes += compare_conditions(
            _side(base, pair.base),
            _side(head, pair.head),
            apart=apart,
            controlled=estimate.control is not None or estimate.spread is not None,
        )
        notes += sample_notes(shown)
        notes += ways_of_comparing(estimate, metric)
    verdict = apparent
    if not estimate.sure:
        verdict = only_suspected(apparent, NO_TURNS if base.run_id == head.run_id else SEPARATE)
    if verdict.verdict is Verdict.SUSPECTED and base.run_id == head.run_id:
        notes.append(Note("suspected", _HARDLY_A_BLOCK if took_turns(pair) else _IN_TURN, False))
    return Comparison(
        key=pair.shown.key,
        mask=pair.shown.mask,
        metric=metric,
        state=_state(pair, ours, theirs),
        base=ours,
        head=theirs,
        estimate=shown,
        judgement=verdict,
        notes=tuple(notes),
        ops=diff,
        op_judgements=op_judgements,
        difference=difference,
        control=estimate.control.name if estimate.control else None,
        spread=estimate.spread,
        sure=estimate.sure,
        apparent=Verdict.SAME if apparent.looks_same else apparent.verdict,
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


def _overall(comparisons: Sequence[Comparison], rules: Rules, looks: Looks, what: str) -> tuple[Overall, ...]:
    groups: dict[tuple[str, str, int, str, str, str, bool], list[Comparison]] = {}
    for one in comparisons:
        if one.state == "measured" and one.judgement.q_value is not None and one.difference is None:
            key = one.key
            # Replayed numbers of one device are never pooled with measured ones of another.
            asked = (key.model, key.delegate, key.threads, key.cpus, key.binary, key.variant, one.synthetic)
            groups.setdefault(asked, []).append(one)
    # Where some devices took turns and others did not, their ratios cannot be averaged block by block.
    several = {
        key: group
        for key, group in groups.items()
        if len({one.key.device for one in group}) > 1 and len({one.estimate.design for one in group}) == 1
    }
    estimates = [
        looks.corrected(pooled([one.estimate for one in group], level=looks.level)) for group in several.values()
    ]
    judgements = judge(estimates, rules)
    return tuple(
        Overall(
            model=asked[0],
            delegate=asked[1],
            threads=asked[2],
            cpus=asked[3],
            binary=asked[4],
            variant=asked[5],
            devices=tuple(one.key.device for one in group),
            estimate=judged(estimate, judgement),
            # The mean of several devices does not allow for their spread between runs.
            judgement=judgement
            if all(one.sure and one.spread is None for one in group)
            else only_suspected(judgement, what),
            synthetic=asked[6],
            output_differs=any(one.output_differs for one in group),
        )
        for (asked, group), estimate, judgement in zip(several.items(), estimates, judgements, strict=True)
    )
