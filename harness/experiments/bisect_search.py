"""The search of a bisection: chooses the next revision to measure, and decides when the answer is sure. Pure; a callable measures.

Places are numbers: 0 is the good revision, `count` the bad one, and those between are in the order of history. The search first measures
the ends against each other; if they do not surely differ, it stops. Then it measures the middle of the remaining places against the good
one until its side is sure, and repeats this. At last it measures the two remaining neighbours against each other: this gives the change
itself, with fresh numbers as a check.

Each decision may be wrong with its own chance, and all together with less than `ERROR`: the remaining chance is divided into equal parts,
one more than the decisions that may still come, and each decision takes one part. The last measurement is such a decision too: it could
turn a creep into a jump.

A history need not have a single step. In any case good lies on one side and bad on the other, so some revision between them makes the
ratio jump. The search ends at such a revision, and its last measurement shows the jump, or that there is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.analysis.ratio_interval import Estimate
from harness.analysis.sequential import LOOK_LEVEL
from harness.experiments.bisect_decision import (
    MOST,
    Pair,
    PairDecision,
    Side,
    blocks_to_go,
    estimated,
    first_blocks,
    side_of,
    surely_beyond,
    surely_short_of,
)
from harness.experiments.bisect_records import BisectAnswer, BisectStep, Measure, Measured, Outcome, Part, Watcher

ERROR = 0.05
"""Upper limit of the chance that any decision is wrong."""
MIN_EFFECT = 0.01
_FIRST_OF_ENDS = 10
"""Blocks of the first look at both ends, as many as a suite runs by default: all later steps depend on the size of the change."""


@dataclass(slots=True)
class Search:
    """A bisection.

    Args:
        count: number of revisions after the good one; the last is the bad one.
        program: returns an identifier of a place's program, such as a hash; None if there is none, then `why_not` gives the reason. Both
            ends have a program.
        measure: measures two places.
        why_not: returns the reason why a place has no program.
        min_effect: smallest change that counts, as a share.
        budget_s: device seconds for everything; no new run begins once they are spent.
        watcher: is notified of the progress.
        named: returns the name of a place for notes.
    """

    count: int
    program: Callable[[int], str | None]
    measure: Measure
    why_not: Callable[[int], str] = lambda _: "it does not build"
    min_effect: float = MIN_EFFECT
    budget_s: float | None = None
    watcher: Watcher = field(default_factory=Watcher)
    named: Callable[[int], str] = str
    _steps: list[BisectStep] = field(default_factory=list)
    _skipped: dict[int, str] = field(default_factory=dict)
    _spent_s: float = 0.0
    _per_block_s: float = 0.0
    """Device seconds of a block in one cell."""
    _cells: int = 1
    """Number of cells in which the ends were measured."""
    _error: float = 0.0
    _cell: str | None = None
    _size: float = 0.0

    def run(self) -> BisectAnswer:
        """Search until the answer is sure, or the budget is spent."""
        low, high = 0, self.count
        if self.program(low) == self.program(high):
            self._add(
                BisectStep(
                    part="ends", base=low, head=high, verdict="good", estimate=None, cell=None, same_program=True
                )
            )
            return self._answer("no_difference", "good and bad are the same program, byte for byte", low, high)
        ends = self._ends()
        if ends.estimate is None:
            return self._answer("undecided", "no cell gave numbers of both good and bad", low, high)
        if ends.verdict != "bad":
            same = ends.verdict == "good"
            why = "good and bad do not differ" if same else f"good and bad do not surely differ{self._out_of_budget()}"
            return self._answer("no_difference" if same else "undecided", why, low, high)
        while (middle := self._middle(low, high)) is not None:
            step = self._midpoint(middle, low, high)
            if step is None:
                continue
            if step.verdict == "undecided":
                return self._answer("undecided", f"a revision's side is not sure{self._out_of_budget()}", low, high)
            low, high = (middle, high) if step.verdict == "good" else (low, middle)
            self.watcher.decided(step, low, high)
        return self._conclude(low, high)

    def _conclude(self, low: int, high: int) -> BisectAnswer:
        change = self._change(low, high)
        self.watcher.decided(change, low, high)
        if change.verdict == "good":
            # An earlier decision was wrong, or the change came in small steps: any revision may be the cause.
            why = "the last two neighbours do not differ: no single revision makes the change, or an earlier decision was wrong"
            return self._answer("undecided", why, 0, self.count)
        if change.verdict == "undecided":
            why = f"the last two neighbours do not surely differ{self._out_of_budget()}"
            return self._answer("undecided", why, low, high)
        if high - low > 1:
            return self._answer("range", "the revisions in between cannot be measured", low, high)
        return self._answer("found", "", low, high)

    def _ends(self) -> BisectStep:
        """Measure all cells until one surely differs, and choose the largest sure slowdown, else the largest sure gain."""
        alpha = ERROR / (_decisions(self.count) + 3)
        gathered: dict[str, list[Pair]] = {}
        runs: list[str] = []
        began_s = self._spent_s
        blocks = max(_FIRST_OF_ENDS, first_blocks(alpha))
        verdict: Side | Literal["undecided"] = "undecided"
        estimates: dict[str, Estimate] = {}
        while blocks and (took := self._measured(0, self.count, "ends", len(runs), blocks, None)) is not None:
            runs.append(took.run)
            for cell, pairs in took.cells.items():
                gathered.setdefault(cell, []).extend(pairs)
            if not any(gathered.values()):
                break
            estimates, verdict, blocks = self._look_at_ends(gathered, alpha)
            blocks = blocks if len(runs) < MOST // 2 else 0
        self._error += alpha
        # If no cell surely differs, show the one that seems to differ most.
        shown = self._cell or max(estimates, key=lambda cell: abs(_log(estimates[cell])), default=None)
        step = BisectStep(
            part="ends",
            base=0,
            head=self.count,
            verdict=verdict,
            estimate=estimates[shown].at(LOOK_LEVEL) if shown is not None else None,
            cell=shown,
            level=alpha,
            runs=tuple(runs),
            device_s=self._spent_s - began_s,
        )
        self._add(step)
        self.watcher.decided(step, 0, self.count)
        return step

    def _look_at_ends(
        self, gathered: Mapping[str, Sequence[Pair]], alpha: float
    ) -> tuple[dict[str, Estimate], Side | Literal["undecided"], int]:
        """Return each cell's estimate, the verdict over all of them, and how many more blocks to run."""
        edge = math.log1p(self.min_effect)
        each = alpha / len(gathered)
        estimates = {cell: estimated(pairs, each) for cell, pairs in gathered.items() if pairs}
        sure = {cell: one for cell, one in estimates.items() if _surely_differs(one, edge, each)}
        if sure:
            # Prefer a slowdown; a log ratio below 0 is a gain.
            self._cell = max(sure, key=lambda cell: (_log(sure[cell]) > 0, abs(_log(sure[cell]))))
            self._size = _log(sure[self._cell])
            return estimates, "bad", 0
        if all(_surely_same(one, edge, each) for one in estimates.values()):
            return estimates, "good", 0
        open_ones = [blocks_to_go(one, _margin(_log(one), edge), each) for one in estimates.values()]
        return estimates, "undecided", min(filter(None, open_ones), default=0)

    def _middle(self, low: int, high: int) -> int | None:
        """Return the place with a program that is nearest to the middle; None if there is none left."""
        middle = (low + high) // 2
        for place in sorted(range(low + 1, high), key=lambda place: (abs(place - middle), place)):
            if place in self._skipped:
                continue
            if self.program(place) is not None:
                return place
            self._skip(place, self.why_not(place))
        return None

    def _midpoint(self, place: int, low: int, high: int) -> BisectStep | None:
        """Decide a place's side; return None if it cannot be measured."""
        if (side := self._like_a_known(place, low, high)) is not None:
            step = BisectStep(
                part="midpoint", base=0, head=place, verdict=side, estimate=None, cell=self._cell, same_program=True
            )
            self._add(step)
            return step
        alpha = self._alpha(high - low)

        def decide(pairs: Sequence[Pair]) -> PairDecision:
            return side_of(pairs, size=self._size, alpha=alpha)

        decided = self._decided(0, place, "midpoint", alpha, first_blocks(alpha), decide)
        if decided is None:
            self._skip(place, "it gives no number")
            return None
        self._error += alpha
        self._add(decided)
        return decided

    def _like_a_known(self, place: int, low: int, high: int) -> Side | None:
        """Return the side of a place if its program equals that of a place with a known side."""
        own = self.program(place)
        if own == self.program(low):
            return "good"
        return "bad" if own == self.program(high) else None

    def _change(self, low: int, high: int) -> BisectStep:
        alpha = self._alpha(0)
        edge = math.log1p(self.min_effect)

        def decide(pairs: Sequence[Pair]) -> PairDecision:
            estimate = estimated(pairs, alpha)
            side: Side | None = None
            if surely_beyond(estimate, edge, alpha, self._size):
                side = "bad"
            elif surely_short_of(estimate, max(edge, abs(self._size) / 2), alpha, self._size):
                side = "good"
            more = 0 if side is not None else blocks_to_go(estimate, _margin(_log(estimate), edge), alpha)
            return PairDecision(side=side, between=False, estimate=estimate.at(LOOK_LEVEL), more=more)

        step = self._decided(low, high, "change", alpha, max(_FIRST_OF_ENDS, first_blocks(alpha)), decide)
        if step is None:
            step = BisectStep(part="change", base=low, head=high, verdict="undecided", estimate=None, cell=self._cell)
        else:
            self._error += alpha
        self._add(step)
        return step

    def _decided(
        self,
        base: int,
        head: int,
        part: Part,
        alpha: float,
        blocks: int,
        decide: Callable[[Sequence[Pair]], PairDecision],
    ) -> BisectStep | None:
        """Measure until the decision is sure; return None if head gives no number."""
        pairs: list[Pair] = []
        runs: list[str] = []
        began_s = self._spent_s
        decision: PairDecision | None = None
        while blocks:
            took = self._measured(base, head, part, len(runs), blocks, self._cell)
            if took is None:
                break
            runs.append(took.run)
            pairs += [pair for several in took.cells.values() for pair in several]
            if not pairs:
                if took.head_fails:
                    return None
                break
            decision = decide(pairs)
            # Limit the runs too: blocks without a value do not count, so a device whose processes fail would run for ever.
            blocks = decision.more if len(runs) < MOST // 2 else 0
        return BisectStep(
            part=part,
            base=base,
            head=head,
            verdict=decision.side or "undecided" if decision is not None else "undecided",
            estimate=decision.estimate if decision is not None else None,
            cell=self._cell,
            between=decision is not None and decision.between,
            level=alpha,
            runs=tuple(runs),
            device_s=self._spent_s - began_s,
        )

    def _measured(
        self, base: int, head: int, part: Part, number: int, blocks: int, cell: str | None
    ) -> Measured | None:
        """Measure some blocks, fewer if the budget ends earlier; return None if it is spent."""
        if self.budget_s is not None:
            left_s = self.budget_s - self._spent_s
            if self._per_block_s:
                blocks = min(blocks, int(left_s / (self._per_block_s * (1 if cell is not None else self._cells))))
            if left_s <= 0 or blocks < 1:
                return None
        took = self.measure(base, head, part=part, number=number, blocks=blocks, cell=cell)
        self._spent_s += took.device_s
        if cell is None:
            self._cells = max(1, len(took.cells))
        self._per_block_s = took.device_s / (max(1, took.blocks) * (1 if cell is not None else self._cells))
        return took

    def _alpha(self, remaining: int) -> float:
        """Return the allowed error of a decision: on a midpoint among `remaining` places, or with 0, in the last measurement."""
        still = _decisions(remaining) + 1 if remaining else 1
        return (ERROR - self._error) / (still + 1)

    def _out_of_budget(self) -> str:
        spent = self.budget_s is not None and self._spent_s + self._per_block_s > self.budget_s
        return ", and the budget is spent" if spent else f" after {MOST} blocks"

    def _skip(self, place: int, reason: str) -> None:
        self._skipped[place] = reason
        self.watcher.skipped(place, reason)

    def _add(self, step: BisectStep) -> None:
        self._steps.append(step)

    def _answer(self, outcome: Outcome, reason: str, low: int, high: int) -> BisectAnswer:
        return BisectAnswer(
            outcome=outcome,
            reason=reason,
            after=low,
            upto=high,
            steps=tuple(self._steps),
            error=self._error,
            skipped=dict(sorted(self._skipped.items())),
            cell=self._cell,
            notes=tuple(self._inconsistencies()),
            device_s=self._spent_s,
        )

    def _inconsistencies(self) -> Iterator[str]:
        """Yield notes on measured places that do not fit a single step."""
        whole = abs(self._size)
        for step in self._steps:
            if step.part == "ends" or step.estimate is None or step.verdict == "undecided" or not whole:
                continue
            ratio = step.estimate.ratio
            if step.part == "midpoint" and (step.between or self._unlike_a_step(step, whole)):
                yield (
                    f"{self.named(step.head)} takes {ratio:.3f} times as long as {self.named(0)}, and is like neither end: "
                    "more than one revision changes the speed"
                )
            if step.part == "change" and surely_short_of(step.estimate, whole * 3 / 4, 0.01, self._size):
                yield (
                    f"{self.named(step.head)} takes {ratio:.3f} times as long as {self.named(step.base)}, and {self.named(self.count)} "
                    f"{math.exp(self._size):.3f} times as long as {self.named(0)}: another revision changes the speed, too"
                )

    def _unlike_a_step(self, step: BisectStep, whole: float) -> bool:
        assert step.estimate is not None  # noqa: S101
        if step.verdict == "good":
            return surely_beyond(step.estimate, max(whole / 4, math.log1p(self.min_effect)), 0.01, self._size)
        return surely_beyond(step.estimate, whole * 3 / 2, 0.01, self._size) or surely_short_of(
            step.estimate, whole * 3 / 4, 0.01, self._size
        )


def _decisions(remaining: int) -> int:
    """Number of midpoints that the search takes if it skips none."""
    return math.ceil(math.log2(remaining)) if remaining > 1 else 0


def _log(estimate: Estimate) -> float:
    return math.log(estimate.ratio) if estimate.ratio is not None else 0.0


def _margin(size: float, edge: float) -> float:
    """Distance to the edge of a decision, with a lower limit so that a forecast stays possible."""
    return max(abs(abs(size) - edge), edge / 4)


def _surely_differs(estimate: Estimate, edge: float, alpha: float) -> bool:
    """Whether it is surely beyond the edge, and beyond half of its own size."""
    size = _log(estimate)
    return surely_beyond(estimate, max(edge, abs(size) / 2), alpha, size)


def _surely_same(estimate: Estimate, edge: float, alpha: float) -> bool:
    return surely_beyond(estimate, -edge, alpha) and surely_short_of(estimate, edge, alpha)
