"""Designs of comparisons whose truth is known, each as a function that says how often they err and what they find. All synthetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.adaptive import experiment
from benchmarks.latency_model import Floats, Scenario, simulate, simulate_cells
from benchmarks.tables import Judged, judge_paired, judge_unpaired
from harness.analysis.ratio_interval import BUDGET, paired, pooled, unpaired
from harness.analysis.verdict import Rules, Verdict, judge
from harness.records.adaptive_decisions import AdaptivePlan

RULES = Rules(gate=0.03)
CHUNK = 200
"""Tables simulated at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What many tables of one design came to. Shares from 0 to 1; None where the design has nothing of the sort."""

    wrong: float
    """Tables with any wrong verdict."""
    gate: float | None = None
    """Tables whose gate broke."""
    covered: float | None = None
    """Intervals that hold the truth."""
    missed_beside_verdicts: float | None = None
    """Expected share of intervals that miss, among those beside verdicts of a table."""
    found: float | None = None
    """How often the changed cell (the last) got its right direction."""
    same: float | None = None
    """Verdicts `same` among all cells."""
    processes: float | None = None
    """Of a cell, on average."""


TABLES: dict[str, tuple[float, ...]] = {
    "nothing differs": (0.0,) * 40,
    "all +1.0 %": (0.01,) * 40,
    "all +1.1 %": (0.011,) * 40,
    "all +2.8 %": (0.028,) * 40,
    "some of each": (0.0,) * 10 + (0.01,) * 10 + (1 / 1.01 - 1,) * 5 + (0.011,) * 5 + (0.2,) * 10,
    "1 of 40 +5 %": (0.0,) * 39 + (0.05,),
    "1 of 40 twice": (0.0,) * 39 + (1.0,),
    "1 of 5 twice": (0.0,) * 4 + (1.0,),
}
"""Effects of the cells against one baseline."""


def one_run(scenario: Scenario, effects: Sequence[float], processes: int, experiments: int, seed: int) -> Figures:
    """Several cells against one baseline in one interleaved run."""
    rng = np.random.default_rng(seed)
    slack = 2 * float(np.log1p(scenario.step / 2))

    def once(count: int) -> Judged:
        values = simulate_cells(rng, scenario, experiments=count, blocks=processes, effects=(0.0, *effects))
        return judge_paired(np.repeat(values[:, :1], len(effects), axis=1), values[:, 1:], RULES, slack=slack)

    return _figures(once, np.log1p(np.asarray(effects)), experiments)


def separate_runs(
    scenario: Scenario,
    effects: Sequence[float],
    processes: int,
    experiments: int,
    seed: int,
    *,
    shift: float = 0.0,
    control: bool = True,
) -> Figures:
    """The same cells in two runs, each with its own environment and, with a standard deviation of `shift`, its own level.

    With a control, each process is held against its block's control. Without one the verdicts are those that would be called `suspected`.
    """
    rng = np.random.default_rng(seed)

    def once(count: int) -> Judged:
        sides = []
        for changes in ((0.0,) * len(effects), tuple(effects)):
            values = simulate_cells(rng, scenario, experiments=count, blocks=processes, effects=(0.0, *changes))
            values = values + rng.normal(0, shift, (count, 1, 1))
            sides.append(values[:, 1:] - values[:, :1] if control else values[:, 1:])
        return judge_unpaired(sides[0], sides[1], RULES, drifts=not control)

    return _figures(once, np.log1p(np.asarray(effects)), experiments)


def unequal_runs(
    sizes: tuple[int, int], noises: tuple[float, float], effect: float, experiments: int, seed: int
) -> Figures:
    """Two sides of unequal size and spread, one cell."""
    rng = np.random.default_rng(seed)

    def once(count: int) -> Judged:
        sides = [
            rng.normal(mean, noise, (count, 1, size))
            for size, noise, mean in zip(sizes, noises, (0.0, float(np.log1p(effect))), strict=True)
        ]
        return judge_unpaired(sides[0], sides[1], RULES, drifts=False)

    return _figures(once, np.log1p(np.asarray([effect])), experiments)


def adaptive(scenario: Scenario, plan: AdaptivePlan, effects: Sequence[float], experiments: int, seed: int) -> Figures:
    """An adaptive run of several cells against one baseline."""
    found, truth = experiment(scenario, plan, effects, experiments=experiments, seed=seed)
    differs = found.differs()
    edge = np.log1p(RULES.min_effect)
    wrong = differs & ((found.low > 0) & (truth <= edge + 1e-12) | (found.high < 0) & (truth >= -edge - 1e-12))
    return Figures(
        wrong=float(wrong.any(axis=1).mean()),
        covered=float(found.covered(truth).mean()),
        found=float((differs & (found.low > edge))[:, -1].mean()),
        processes=float(found.processes.mean()) / (len(effects) + 1),
    )


def devices(
    scenario: Scenario,
    count: int,
    effect: float,
    processes: int,
    experiments: int,
    seed: int,
    *,
    separate: bool = False,
) -> Figures:
    """One cell on several devices, all together."""
    rng = np.random.default_rng(seed)
    wrong, covered, found = 0, 0, 0
    for _ in range(experiments):
        estimates = []
        for _ in range(count):
            base, head = simulate(rng, scenario, experiments=1, processes=processes, effect=effect)
            resolution = (1 + scenario.step / 2) ** 2 - 1
            if separate:
                estimates.append(unpaired(list(base[0]), list(head[0]), resolution=resolution))
            else:
                estimates.append(
                    paired(list(head[0] - base[0]), means=list((head[0] + base[0]) / 2), resolution=resolution)
                )
        together = pooled(estimates)
        (judged,) = judge([together], RULES)
        differs = judged.verdict in (Verdict.FASTER, Verdict.SLOWER)
        wrong += differs and effect <= RULES.min_effect
        wrong += judged.verdict is Verdict.SAME and effect > RULES.min_effect
        found += judged.verdict is Verdict.SLOWER
        covered += (together.ci_low or 0) <= 1 + effect <= (together.ci_high or 0)
    return Figures(wrong=wrong / experiments, covered=covered / experiments, found=found / experiments)


def slow_mode_more_often(
    shares: tuple[float, float], processes: int, experiments: int, seed: int, *, noise: float = 0.002
) -> Figures:
    """A mode that is 20 % slower becomes more frequent, in one run. `wrong` counts `same`: on average head is slower."""
    rng = np.random.default_rng(seed)

    def once(count: int) -> Judged:
        sides = [
            rng.normal(0, noise, (count, 1, processes)) + np.log1p(0.2) * (rng.random((count, 1, processes)) < share)
            for share in shares
        ]
        return judge_paired(sides[0], sides[1], RULES)

    judged = once(experiments)
    return Figures(wrong=float(judged.same.mean()), same=float(judged.same.mean()))


def outliers_by_ten(chance: float, effect: float, processes: int, experiments: int, seed: int) -> tuple[Figures, float]:
    """Some processes take ten times as long. Returns the figures, and the median width of the interval."""
    rng = np.random.default_rng(seed)

    def once(count: int) -> Judged:
        shape = (count, 1, processes)
        sides = [
            rng.normal(mean, 0.01, shape) + np.log(10) * (rng.random(shape) < chance)
            for mean in (0.0, float(np.log1p(effect)))
        ]
        return judge_paired(sides[0], sides[1], RULES)

    widths: list[Floats] = []

    def measured(count: int) -> Judged:
        judged = once(count)
        widths.append(np.expm1(judged.high - judged.low).ravel())
        return judged

    return _figures(measured, np.log1p(np.asarray([effect])), experiments), float(np.median(np.concatenate(widths)))


def fixed_and_adaptive(noise: float, cells: int, experiments: int, seed: int) -> tuple[Figures, Figures, Figures]:
    """Ten fixed processes, an adaptive run of 5 to 30 with the same change of 3 % in one cell, and one in which nothing changed."""
    scenario = calm(noise)
    plan = AdaptivePlan(min_blocks=5, max_blocks=30, until=0.02)
    effects = (0.0,) * (cells - 1) + (0.03,)
    return (
        one_run(scenario, effects, BUDGET, experiments, seed),
        adaptive(scenario, plan, effects, experiments, seed + 1),
        adaptive(scenario, plan, (0.0,) * cells, experiments, seed + 2),
    )


def calm(noise: float) -> Scenario:
    """A phone with nothing but process noise."""
    return Scenario(name="calm", noise=noise)


def _figures(once: Callable[[int], Judged], truth: Floats, experiments: int) -> Figures:
    wrong, gate, found, same, covered = 0, 0, 0, 0.0, 0.0
    missed = 0.0
    for start in range(0, experiments, CHUNK):
        count = min(CHUNK, experiments - start)
        judged = once(count)
        wrong += int(judged.wrong(truth, RULES).any(axis=1).sum())
        gate += int(judged.gate.any(axis=1).sum())
        right = judged.slower if truth[-1] > 0 else judged.faster
        found += int(right[:, -1].sum())
        same += float(judged.same.mean(axis=1).sum())
        inside = judged.covered(truth)
        covered += float(inside.mean(axis=1).sum())
        picked = judged.differs | judged.same
        missed += float(((picked & ~inside).sum(axis=1) / np.maximum(1, picked.sum(axis=1))).sum())
    return Figures(
        wrong=wrong / experiments,
        gate=gate / experiments,
        covered=covered / experiments,
        missed_beside_verdicts=missed / experiments,
        found=found / experiments,
        same=same / experiments,
    )
