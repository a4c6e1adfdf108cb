"""Decides which trials of an adaptive run come next on a device, and which it no longer needs. Pure.

Each cell is compared with its baseline cell on the same device: one log ratio for each block in which both processes count. From the
smallest number of blocks on, each open comparison ends after a block if its ratio is known well enough (`stop_rule`). Its cell then drops
out of later blocks; a baseline runs as long as any of its comparisons is open, so pairs stay within blocks. Lack of time may end one too.

Decisions depend on the stored results alone: a run resumed after a kill decides the same. Recorded decisions stand, and so does a
decision to go on once the next block has begun.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.analysis.block_order import LaterBlocks
from harness.analysis.cells import baseline_key, key_of, matches
from harness.analysis.metrics import Metric, counts
from harness.analysis.predecessors import REST_S, Before
from harness.analysis.ranks import Floats
from harness.analysis.ratio_interval import Estimate, paired
from harness.analysis.resolution import ratio_resolution
from harness.analysis.samples import PairedSample
from harness.analysis.sequential import METHOD, Looks, repeated_p
from harness.analysis.stop_rule import plain_width, settled
from harness.records import CellKey, Purpose, Result, Scalar, Trial
from harness.records.adaptive_decisions import AdaptivePlan, Decision, StopReason

_Ended = Mapping[CellKey | None, int]
"""The last block of each ended comparison, by its head."""


@dataclass(frozen=True, slots=True)
class ProcessSummary:
    """What decisions need of a finished process: its average latency if it counts, how long it kept the device, and when it ran."""

    value_us: float | None
    device_s: float
    began: datetime | None = None
    ended: datetime | None = None
    """None if nobody asks for what it left to the next process."""


def process_of(result: Result) -> ProcessSummary:
    """Summarise a result for the decision."""
    kept_s = result.device_s
    if kept_s is None:  # older versions did not record it: take the last attempt alone
        kept_s = result.duration_s + (result.conditions.waited_s or 0.0)
    return ProcessSummary(
        counts(result, Metric.INFERENCE_AVG, Purpose.LATENCY),
        kept_s,
        began=result.started_at,
        ended=result.started_at + timedelta(seconds=result.duration_s),
    )


def compared_cells(trials: Iterable[Trial], baseline: Mapping[str, Scalar] | None) -> dict[CellKey, CellKey]:
    """Return each cell that is compared, with its baseline. The trials are those of one device."""
    keys = list(dict.fromkeys(key_of(trial) for trial in trials))
    pairs = {key: baseline_key(key, keys, baseline) for key in keys}
    return {head: base for head, base in pairs.items() if base is not None and base != head}


def prepare(plan: AdaptivePlan) -> None:
    """Simulate the looks before measuring begins: it may take seconds of CPU, which would disturb a measurement."""
    repeated_p(1.0, plan.min_blocks, plan.max_blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The state after the complete blocks, and the trials that come next."""

    device: str
    blocks: int
    """Number of complete blocks."""
    trials: tuple[Trial, ...]
    """Trials to run now, in order: the rest of the block. Empty when the device is done."""
    decisions: tuple[Decision, ...] = ()
    """New decisions: record them before the trials run."""
    earlier: tuple[Decision, ...] = ()
    """Decisions recorded before."""
    compared: int = 0
    """Number of cells compared with a baseline."""
    going_on: int = 0
    """Number of them whose comparison is open."""
    widest: float | None = None
    """Widest interval of the open comparisons, as `AdaptivePlan.until` counts it; None if there is none yet."""
    spared: int = 0
    """Number of trials that all decisions so far made unnecessary."""


class Stopping:
    """The decisions for one device of an adaptive run.

    Args:
        plan: the run's limits.
        trials: all latency trials of the device up to the largest number of blocks, in order.
        baseline: the suite's baseline.
        cells: number of comparisons that verdicts are corrected for, on all devices together; None: those of this device.
        control: keys of the control, by which separate runs are compared; its cells run in every block that runs.
        balanced: order blocks from which cells have dropped out anew, so that predecessors stay balanced. False keeps the planned order.
    """

    def __init__(
        self,
        plan: AdaptivePlan,
        trials: Sequence[Trial],
        baseline: Mapping[str, Scalar] | None,
        *,
        cells: int | None = None,
        balanced: bool = False,
        control: Mapping[str, Scalar] | None = None,
    ) -> None:
        self._plan = plan
        self._looks = Looks((plan,))
        self._device = trials[0].device if trials else ""
        blocks: dict[int, list[tuple[CellKey, Trial]]] = {}
        for trial in trials:
            blocks.setdefault(trial.block, []).append((key_of(trial), trial))
        self._blocks = [blocks[number] for number in sorted(blocks)]
        self._block_numbers = sorted(blocks)
        keys = list(dict.fromkeys(key for block in self._blocks for key, _ in block))
        self._numbers = {key: number for number, key in enumerate(keys)}
        self._later: LaterBlocks | None = None
        if balanced:
            planned = [[self._numbers[key] for key, _ in block] for block in self._blocks]
            # The ids in planned order stand for the suite's seed.
            self._later = LaterBlocks(planned, "/".join(trial.trial_id for trial in trials))
        self._base_of = compared_cells(trials, baseline)
        self._controls = {key for key in keys if control and matches(key, control)}
        self._cells = cells if cells is not None else len(self._base_of)

    def step(self, processes: Mapping[str, ProcessSummary], decided: Iterable[Decision], now: datetime) -> Step:
        """Decide what comes next.

        Args:
            processes: finished processes by trial id; may hold those of other devices and purposes.
            decided: the recorded decisions.
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
            # Once the next block has begun, some version of the harness has decided to go on.
            acted_upon = any(t.trial_id in processes for block in self._blocks[index + 1 : index + 2] for _, t in block)
            if index + 1 >= self._plan.min_blocks and not acted_upon:
                found, widest = self._look(index, processes, ended, now)
                ended |= {one.head: one.block for one in found}
                new += found
        last = max(ended.values(), default=-1)
        ran = sum(number <= last for number in self._block_numbers)
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
        """The part of a block that runs: up to the smallest number of blocks all of it, then the cells of open comparisons."""
        block = self._blocks[index]
        if index < self._plan.min_blocks:
            return block
        number = self._block_numbers[index]
        needed = {cell for pair in self._base_of.items() if ended.get(pair[0], number) >= number for cell in pair}
        if needed:
            needed |= self._controls
        return [(key, trial) for key, trial in block if key in needed]

    def _orders(self, index: int, ended: _Ended) -> list[list[CellKey]]:
        """The cells of each block so far, in the order of running."""
        ran = [[key for key, _ in self._wanted(number, ended)] for number in range(index + 1)]
        if self._later is None:
            return ran
        keys = list(self._numbers)
        orders = self._later.orders([frozenset(self._numbers[key] for key in cells) for cells in ran])
        return [[keys[number] for number in order] for order in orders]

    def _before(
        self, index: int, ended: _Ended, processes: Mapping[str, ProcessSummary]
    ) -> list[dict[CellKey, CellKey | None]]:
        """Of each block so far, which cell ran before each; None after a long rest, as after a run was resumed."""
        found = []
        last: CellKey | None = None
        rests: datetime | None = None
        for number, order in enumerate(self._orders(index, ended)):
            ran = {key: processes.get(trial.trial_id) for key, trial in self._blocks[number]}
            before: dict[CellKey, CellKey | None] = {}
            for key in order:
                one = ran[key]
                long = one and one.began and rests and (one.began - rests).total_seconds() >= REST_S
                before[key] = None if long else last
                last, rests = key, one.ended if one else None
            found.append(before)
        return found

    def _in_order(self, index: int, left: tuple[Trial, ...], ended: _Ended) -> tuple[Trial, ...]:
        if self._later is None:
            return left
        place = {key: place for place, key in enumerate(self._orders(index, ended)[-1])}
        return tuple(sorted(left, key=lambda trial: place[key_of(trial)]))

    def _look(
        self, index: int, processes: Mapping[str, ProcessSummary], ended: _Ended, now: datetime
    ) -> tuple[list[Decision], float | None]:
        """Decisions after a block, and the widest interval of the comparisons still open."""
        so_far = self._blocks[: index + 1]
        spent_s = math.fsum(
            processes[trial.trial_id].device_s for ran in so_far for _, trial in ran if trial.trial_id in processes
        )
        block = self._block_numbers[index]

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
        before = self._before(index, ended, processes)
        found: list[Decision] = []
        widths: list[float] = []
        for head, base in self._base_of.items():
            if head in ended:
                continue
            shared = [at for at, cells in enumerate(values) if head in cells and base in cells]
            pairs = [(values[at][base], values[at][head]) for at in shared]
            logs = [(math.log(ours), math.log(theirs)) for ours, theirs in pairs]
            estimate = self._looks.corrected(
                paired(
                    [theirs - ours for ours, theirs in logs],
                    means=[(ours + theirs) / 2 for ours, theirs in logs],
                    level=self._looks.level,
                    resolution=ratio_resolution([ours for ours, _ in pairs], [theirs for _, theirs in pairs]),
                    before=Before.of([before[at][base] for at in shared], [before[at][head] for at in shared], head),
                )
            )
            kept = estimate.sample.kept if isinstance(estimate.sample, PairedSample) else None
            width = float(plain_width(kept)) if kept is not None else None
            reason: StopReason | None = None
            if not pairs:
                reason = "unmeasured"
            elif (
                kept is not None
                and len(pairs) >= self._plan.min_blocks
                and self._settled(kept, len(pairs), estimate.slack)
            ):
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

    def _settled(self, kept: Floats, blocks: int, slack: float) -> bool:
        return bool(settled(kept, blocks=blocks, plan=self._plan, cells=self._cells, slack=slack))


def _values(
    blocks: Sequence[Sequence[tuple[CellKey, Trial]]], processes: Mapping[str, ProcessSummary]
) -> list[dict[CellKey, float]]:
    """The latencies that count, by cell, for each block."""
    return [
        {
            key: value
            for key, trial in block
            if trial.trial_id in processes and (value := processes[trial.trial_id].value_us) is not None
        }
        for block in blocks
    ]
