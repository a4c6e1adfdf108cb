"""Which trials of an adaptive run come next on a device, and which it no longer needs. Pure.

Every cell is compared with its baseline cell on the same device: one log ratio for each block in which both processes are ok. After
each block, from the least number on, every comparison that still goes on ends if its interval is narrow enough. A cell whose comparison has
ended drops out of later blocks; a baseline runs as long as any of its comparisons goes on, so that pairs stay within blocks. The
intervals hold whatever ends a comparison, so that one may also end for want of time.

What is decided follows from the stored results alone: a run that goes on after a kill decides the same. A decision that was recorded
stands, and so does one to go on that was acted upon.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.analysis.block_order import LaterBlocks
from harness.analysis.cells import baseline_key, key_of
from harness.analysis.metrics import Metric, counts
from harness.analysis.ratio_interval import Estimate, paired
from harness.analysis.sequential import METHOD, look_level
from harness.records import CellKey, Purpose, Result, Scalar, Trial
from harness.records.adaptive_decisions import AdaptivePlan, Decision, StopReason

_Ended = Mapping[CellKey | None, int]
"""Comparisons that have ended, by their head, with the last block that they took part in."""


@dataclass(frozen=True, slots=True)
class ProcessSummary:
    """What the decision needs to know of a finished process: its average latency if it counts, and how long it kept the device."""

    value_us: float | None
    device_s: float


def process_of(result: Result) -> ProcessSummary:
    """A result as the decision sees it."""
    kept_s = result.device_s
    if kept_s is None:  # a run of a harness that did not count it: the last attempt alone
        kept_s = result.duration_s + (result.conditions.waited_s or 0.0)
    return ProcessSummary(counts(result, Metric.INFERENCE_AVG, Purpose.LATENCY), kept_s)


def prepare(plan: AdaptivePlan) -> None:
    """Work out the level of a look, which may take seconds, before anything is measured that this might disturb."""
    look_level(plan.min_blocks, plan.max_blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is known when a block is complete, and what comes next."""

    device: str
    blocks: int
    """Complete blocks."""
    trials: tuple[Trial, ...]
    """To run now, in order: what is left of the block. None where the device has been measured enough."""
    decisions: tuple[Decision, ...] = ()
    """New ones, to be recorded before the trials run."""
    earlier: tuple[Decision, ...] = ()
    """Those recorded before."""
    compared: int = 0
    """Cells that are compared with a baseline."""
    going_on: int = 0
    """How many of them are measured on."""
    widest: float | None = None
    """The widest interval of those, as `AdaptivePlan.until` counts it; None where there is none yet."""
    spared: int = 0
    """Trials that all decisions so far have made unnecessary."""


class Stopping:
    """One device of an adaptive run.

    Args:
        plan: as agreed on.
        trials: all latency trials of the device up to the largest number of blocks, in order.
        baseline: of the suite.
        balanced: order blocks from which cells have dropped out anew, so that predecessors stay balanced. False keeps the planned order.
    """

    def __init__(
        self,
        plan: AdaptivePlan,
        trials: Sequence[Trial],
        baseline: Mapping[str, Scalar] | None,
        *,
        balanced: bool = False,
    ) -> None:
        self._plan = plan
        self._device = trials[0].device if trials else ""
        blocks: dict[int, list[tuple[CellKey, Trial]]] = {}
        for trial in trials:
            blocks.setdefault(trial.block, []).append((key_of(trial), trial))
        self._blocks = [blocks[number] for number in sorted(blocks)]
        keys = list(dict.fromkeys(key for block in self._blocks for key, _ in block))
        self._numbers = {key: number for number, key in enumerate(keys)}
        self._later: LaterBlocks | None = None
        if balanced:
            planned = [[self._numbers[key] for key, _ in block] for block in self._blocks]
            # The ids in planned order stand for the suite's seed.
            self._later = LaterBlocks(planned, "/".join(trial.trial_id for trial in trials))
        pairs = {key: baseline_key(key, keys, baseline) for key in keys}
        self._base_of = {head: base for head, base in pairs.items() if base is not None and base != head}

    def step(self, processes: Mapping[str, ProcessSummary], decided: Iterable[Decision], now: datetime) -> Step:
        """What comes next.

        Args:
            processes: the finished ones by trial id; of other devices and purposes too.
            decided: what is recorded.
            now: the time to note with a new decision.
        """
        recorded = [one for one in decided if one.device == self._device]
        ended = {one.head: one.block for one in recorded}
        new: list[Decision] = []
        widest: float | None = None
        for index in range(len(self._blocks)):
            left = tuple(trial for _, trial in self._wanted(index, ended) if trial.trial_id not in processes)
            if left:
                return self._step(index, self._in_order(index, left, ended), recorded, new, widest)
            # Where the next block has begun, it has been decided that this comparison goes on, by whichever version of the harness.
            acted_upon = any(t.trial_id in processes for block in self._blocks[index + 1 : index + 2] for _, t in block)
            if index + 1 >= self._plan.min_blocks and not acted_upon:
                found, widest = self._look(index, processes, ended, now)
                ended |= {one.head: one.block for one in found}
                new += found
        last = max(ended.values(), default=-1)
        ran = sum(block[0][1].block <= last for block in self._blocks)
        return self._step(ran, (), recorded, new, widest)

    def _step(
        self,
        blocks: int,
        trials: tuple[Trial, ...],
        recorded: Sequence[Decision],
        new: Sequence[Decision],
        widest: float | None,
    ) -> Step:
        ended = {one.head: one.block for one in (*recorded, *new)}
        return Step(
            device=self._device,
            blocks=blocks,
            trials=trials,
            decisions=tuple(new),
            earlier=tuple(recorded),
            compared=len(self._base_of),
            going_on=sum(head not in ended for head in self._base_of),
            widest=widest,
            spared=sum(len(block) - len(self._wanted(index, ended)) for index, block in enumerate(self._blocks)),
        )

    def _wanted(self, index: int, ended: _Ended) -> list[tuple[CellKey, Trial]]:
        """What of a block runs: all of it up to the least number, then what a comparison needs that has not ended before."""
        block = self._blocks[index]
        if index < self._plan.min_blocks:
            return block
        number = block[0][1].block
        needed = {cell for pair in self._base_of.items() if ended.get(pair[0], number) >= number for cell in pair}
        return [(key, trial) for key, trial in block if key in needed]

    def _in_order(self, index: int, left: tuple[Trial, ...], ended: _Ended) -> tuple[Trial, ...]:
        if self._later is None:
            return left
        ran = [frozenset(self._numbers[key] for key, _ in self._wanted(block, ended)) for block in range(index + 1)]
        place = {number: place for place, number in enumerate(self._later.order(ran))}
        return tuple(sorted(left, key=lambda trial: place[self._numbers[key_of(trial)]]))

    def _look(
        self, index: int, processes: Mapping[str, ProcessSummary], ended: _Ended, now: datetime
    ) -> tuple[list[Decision], float | None]:
        """Decisions after a block, and the widest interval of the comparisons that go on."""
        so_far = self._blocks[: index + 1]
        spent_s = math.fsum(
            processes[trial.trial_id].device_s for block in so_far for _, trial in block if trial.trial_id in processes
        )
        block = so_far[-1][0][1].block

        def decision(
            head: CellKey | None, reason: StopReason, pairs: int, estimate: Estimate | None = None
        ) -> Decision:
            return Decision(
                device=self._device,
                head=head,
                base=self._base_of[head] if head is not None else None,
                reason=reason,
                block=block,
                blocks=pairs,
                ratio=estimate.ratio if estimate else None,
                ci_low=estimate.ci_low if estimate else None,
                ci_high=estimate.ci_high if estimate else None,
                level=estimate.level if estimate else None,
                method=METHOD,
                device_s=round(spent_s, 3),
                at=now,
            )

        if not self._base_of:
            return ([] if None in ended else [decision(None, "nothing_to_compare", 0)]), None
        late = self._plan.device_s is not None and spent_s >= self._plan.device_s
        values = _values(so_far, processes)
        found: list[Decision] = []
        widths: list[float] = []
        for head, base in self._base_of.items():
            if head in ended:
                continue
            pairs = [cells[head] - cells[base] for cells in values if head in cells and base in cells]
            estimate = paired(pairs, level=look_level(self._plan.min_blocks, self._plan.max_blocks))
            width = _width(estimate)
            enough = len(pairs) >= self._plan.min_blocks
            reason: StopReason | None = None
            if not pairs:
                reason = "unmeasured"
            elif enough and width is not None and width <= self._plan.until:
                reason = "narrow"
            elif index + 1 == len(self._blocks):
                reason = "max_blocks"
            elif late:
                reason = "max_device_time"
            if reason is not None:
                found.append(decision(head, reason, len(pairs), estimate if pairs else None))
            elif width is not None:
                widths.append(width)
        return found, max(widths, default=None)


def _values(
    blocks: Sequence[Sequence[tuple[CellKey, Trial]]], processes: Mapping[str, ProcessSummary]
) -> list[dict[CellKey, float]]:
    """Of each block the logarithms of the latencies that count, by cell."""
    return [
        {
            key: math.log(value)
            for key, trial in block
            if trial.trial_id in processes and (value := processes[trial.trial_id].value_us) is not None
        }
        for block in blocks
    ]


def _width(estimate: Estimate) -> float | None:
    if estimate.ci_low is None or estimate.ci_high is None:
        return None
    return estimate.ci_high / estimate.ci_low - 1
