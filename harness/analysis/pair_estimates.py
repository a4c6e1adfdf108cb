"""The estimate of a pair of cells: by blocks in one run, by a control between two, by differences where there is no ratio. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.analysis.between_runs import BetweenRuns, allowing_for
from harness.analysis.cell_selection import Pair
from harness.analysis.centre import centre
from harness.analysis.control import Controlled, Controls
from harness.analysis.metrics import Metric, purpose_for
from harness.analysis.odd_values import odd_values
from harness.analysis.predecessors import Before
from harness.analysis.ratio_interval import Estimate, paired, unpaired
from harness.analysis.resolution import ratio_resolution
from harness.analysis.sequential import Looks
from harness.analysis.shared_blocks import blocks_to_pair
from harness.analysis.sides import by_block, half_synthetic
from harness.analysis.verdict import Rules
from harness.records import CellKey

_Blocks = Mapping[int, Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Head minus base with its interval, in the metric's unit."""

    value: float | None
    low: float | None
    high: float | None
    edge: float
    """Differences up to this count as none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEstimate:
    """The estimate of a pair of cells."""

    judged: Estimate
    """What the verdict rests on. A difference is scaled to a ratio, such that its edge falls on the edge of the region of indifference."""
    edge: float | None = None
    """For a difference: up to this it counts as none, in the metric's unit."""
    unit: float = 1.0
    """For a difference: how much of the metric's unit one unit of the logarithm stands for."""
    control: Controlled | None = None
    no_control: str | None = None
    """Why the control that was named does not count."""
    spread: BetweenRuns | None = None
    """Spread between runs that the interval allows for."""
    sure: bool = True
    """Whether a verdict can be sure: within one run if the sides share blocks; between two runs if a control or a known spread shows how
    far apart they may have started."""

    @property
    def signed(self) -> bool:
        """Whether zero and negative values count."""
        return self.edge is not None

    def shown(self, judged: Estimate) -> tuple[Estimate, Difference | None]:
        """Return the judged estimate as tables show it: as a difference if there is no ratio."""
        if self.edge is None:
            return judged, None
        difference = Difference(
            value=_log(judged.ratio, self.unit),
            low=_log(judged.ci_low, self.unit),
            high=_log(judged.ci_high, self.unit),
            edge=self.edge,
        )
        return replace(judged, ratio=None, ci_low=None, ci_high=None, drift=0.0), difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator:
    """Estimates pairs of two sides.

    Args:
        metric: what is compared.
        rules: how verdicts are reached.
        looks: of runs that chose their number of processes themselves.
        controls: of two separate runs.
        same_run: both sides are one run.
        spread: returns the known spread between runs for a pair, or None.
        before: for one run: which cell ran before each trial (`predecessors.sequence_of`); empty if that is not known.
    """

    metric: Metric
    rules: Rules
    looks: Looks
    controls: Controls
    same_run: bool
    spread: Callable[[Pair], BetweenRuns | None]
    before: Mapping[str, CellKey | None] = field(default_factory=dict)

    def estimate(self, pair: Pair) -> PairEstimate:
        """Estimate one pair."""
        if half_synthetic(pair):
            return PairEstimate(judged=_bare(self._ratio(pair, None)))
        if self._grew_by_nothing(pair):
            return self._difference(pair)
        control, why = self.controls.of(pair)
        found = self.looks.corrected(self._ratio(pair, control))
        spread = self.spread(pair) if not self.same_run and control is None else None
        if spread is not None:
            found = allowing_for(spread, found)
        sure = self._took_turns(found) or control is not None or spread is not None
        return PairEstimate(judged=found, control=control, no_control=why, spread=spread, sure=sure)

    def _ratio(self, pair: Pair, control: Controlled | None) -> Estimate:
        sides = [by_block(cell, self.metric) for cell in (pair.base, pair.head)]
        resolution = ratio_resolution(_flat(sides[0]), _flat(sides[1]))
        if control is not None:
            resolution = math.expm1(math.log1p(resolution) + math.log1p(control.resolution))
            # A slow drift hits the control alike and is divided away, so the interval need not allow for it.
            return unpaired(control.base, control.head, level=self.looks.level, drifts=False, resolution=resolution)
        ours, theirs = (
            {block: [math.log(value) for value in values] for block, values in side.items()} for side in sides
        )
        return self._of_values(pair, ours, theirs, resolution=resolution)

    def _of_values(self, pair: Pair, ours: _Blocks, theirs: _Blocks, *, resolution: float = 0.0) -> Estimate:
        level = self.looks.level
        if self.same_run and (shared := blocks_to_pair(ours, theirs)):
            logs = [(_mean(ours[block]), _mean(theirs[block])) for block in shared]
            return paired(
                [head - base for base, head in logs],
                level=level,
                means=[(base + head) / 2 for base, head in logs],
                resolution=resolution,
                before=self._before(pair, shared),
            )
        return unpaired(_flat(ours), _flat(theirs), level=level, resolution=resolution)

    def _before(self, pair: Pair, blocks: Sequence[int]) -> Before | None:
        """What ran before the processes of each block; None if that is not known, or a block has several processes of a cell."""
        if pair.base is None or pair.head is None:
            return None
        sides = []
        for cell in (pair.base, pair.head):
            purpose = purpose_for(cell.results, self.metric)
            ran = [
                one.trial for one in cell.results if one.trial.purpose is purpose and one.trial.trial_id in self.before
            ]
            sides.append({trial.block: self.before[trial.trial_id] for trial in ran})
            if len(sides[-1]) < len(ran) or not set(blocks) <= sides[-1].keys():
                return None
        base, head = ([side[block] for block in blocks] for side in sides)
        return Before.of(base, head, pair.head.key)

    def _grew_by_nothing(self, pair: Pair) -> bool:
        if not self.metric.may_be_zero:
            return False
        kinds = {kind for cell in (pair.base, pair.head) for kind in odd_values(cell, self.metric).kinds}
        return not kinds.isdisjoint(("0", "negative"))

    def _difference(self, pair: Pair) -> PairEstimate:
        """Use the same rank functions on the values themselves, in units in which the edge lies where it lies for a ratio."""
        sides = [by_block(cell, self.metric, signed=True) for cell in (pair.base, pair.head)]
        base = _flat(sides[0])
        level = abs(centre(base)) if base else 0.0
        edge = max(self.rules.min_effect * level, self.metric.resolution)
        unit = edge / math.log1p(self.rules.min_effect)
        ours, theirs = ({block: [v / unit for v in values] for block, values in side.items()} for side in sides)
        # The plain averages have no ratio here.
        found = replace(self.looks.corrected(self._of_values(pair, ours, theirs)), mean_ratio=None)
        if self.rules.gate is not None:
            found = replace(found, gate_edge=max(self.rules.gate * level, self.metric.resolution) / unit)
        return PairEstimate(judged=found, edge=edge, unit=unit, sure=self._took_turns(found))

    def _took_turns(self, found: Estimate) -> bool:
        return self.same_run and found.design == "paired"


def _log(ratio: float | None, unit: float) -> float | None:
    return None if ratio is None else math.log(ratio) * unit + 0.0  # + 0.0: never a minus zero


def _bare(estimate: Estimate) -> Estimate:
    """The ratio alone: between a measurement and a model, interval and p-value mean nothing."""
    return replace(estimate, ci_low=None, ci_high=None, drift=0.0, sample=None)


def _flat(side: _Blocks) -> list[float]:
    return [value for block in sorted(side) for value in side[block]]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
