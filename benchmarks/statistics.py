"""How often the statistics err, on synthetic latencies whose truth is known: `python -m benchmarks.statistics`.

Prints wrong verdicts, coverage and power of one cell and of whole tables, of adaptive and of separate runs, of several devices and of the
usual ways; at the end, what is claimed, and whether it holds: exit code 1 where it does not. A few minutes; `--quick` for a look.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

# Run as a script, Python puts this folder first on the path, where this very file would stand for the library's `statistics`.
if __name__ == "__main__" and sys.path and Path(sys.path[0]).resolve() == Path(__file__).resolve().parent:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np

from benchmarks import designs, order_claims
from benchmarks.claims import Claim, share, table_row
from benchmarks.designs import TABLES
from benchmarks.latency_model import PHONES, QUANTISED, SCENARIOS, SLOW_MOVERS, Scenario, simulate
from benchmarks.procedures import PROCEDURES, Procedure, bca, student
from harness.analysis.failure_rates import LEVEL as FAILURE_LEVEL
from harness.analysis.failure_rates import fails_more_p
from harness.analysis.multiple_claims import holm
from harness.analysis.ratio_interval import BUDGET, paired
from harness.analysis.required_processes import least_processes
from harness.analysis.samples import SAME_FROM, paired_many
from harness.analysis.verdict import Rules, Verdict, judge
from harness.records.adaptive_decisions import AdaptivePlan

SIZES = (5, 6, 8, 10, 15, 20)
EFFECTS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.10)
NOISES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
ADAPTIVE_NOISES = (0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.02)
SECONDS_PER_PROCESS = 2.0
"""Start-up, half a second of warm-up, a second of inferences."""
_SEED = 7


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all tables. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--experiments", type=int, default=2000, help="per number of one cell (default: 2000)")
    parser.add_argument("--quick", action="store_true", help="100 experiments per number")
    options = parser.parse_args(arguments)
    experiments = 100 if options.quick else options.experiments
    began = time.monotonic()
    print(
        f"Synthetic latencies, {experiments} experiments per number of one cell, seed {_SEED}. Nothing here was measured on a device."
    )
    claims: list[Claim] = []
    for part in (
        one_cell,
        usual_ways,
        power,
        least,
        tables,
        adaptive_runs,
        two_runs,
        several_devices,
        order_claims.carry_over,
        order_claims.carry_over_coverage,
        order_claims.tables,
        failures,
        hard_cases,
    ):
        claims += part(experiments)
    held = True
    print("\nClaims")
    for claim in claims:
        held &= claim.holds
        limits = f"{claim.low:.1%} to {claim.high:.1%}" if claim.high <= 1 else f"at most {claim.high:g}"
        figure = f"{claim.figure:.2%}" if claim.high <= 1 else f"{claim.figure:.1f}"
        print(f"{claim.words:<78}{figure:>9}   {limits:<16}{'holds' if claim.holds else 'DOES NOT HOLD'}", flush=True)
    print(f"\n{time.monotonic() - began:.0f} s")
    return 0 if held else 1


def one_cell(experiments: int) -> Iterator[Claim]:
    """Wrong verdicts where the ratio is 1 and where it lies at the edge, and coverage, by phone and number of processes."""
    print("\nOne cell in one run: wrong verdicts (ratio 1 / ratio 1.01), coverage")
    table_row("phone", *SIZES)
    for scenario in SCENARIOS:
        cells = []
        for size in SIZES:
            null = designs.one_run(scenario, (0.0,), size, experiments, _SEED)
            edge = designs.one_run(scenario, (0.01,), size, experiments, _SEED + 1)
            cells.append(f"{null.wrong:.2%}/{edge.wrong:.2%} {share(edge.covered)}")
            yield Claim(f"wrong, {size} processes, {scenario.name}", max(null.wrong, edge.wrong), 0, 0.02, experiments)
            highest = 1.0 if scenario is QUANTISED else 0.97 if size != 6 else 0.975
            yield Claim(f"coverage, {size} processes, {scenario.name}", edge.covered or 0, 0.93, highest, experiments)
        table_row(scenario.name, *cells)


def usual_ways(experiments: int) -> Iterator[Claim]:
    """The harness beside what people do otherwise."""
    print(f"\nA difference is said although there is none / a change of 3 % is found, {BUDGET} processes a side")
    table_row("phone", *PROCEDURES)
    for scenario in SCENARIOS:
        found = [
            [float(_outcome(one, scenario, effect, experiments).mean()) for effect in (0.0, 0.03)]
            for one in PROCEDURES.values()
        ]
        table_row(scenario.name, *(f"{false:.1%} / {true:.2f}" for false, true in found))
    print("\nCoverage of intervals that were considered (95 % asked; BCa on fewer experiments)")
    table_row("phone", "n", "ranks (used)", "Student's t", "BCa")
    for scenario in PHONES:
        for processes in (5, BUDGET, 20):
            rng = np.random.default_rng(_SEED + 3)
            base, head = simulate(rng, scenario, experiments=experiments, processes=processes)
            used = paired_many(head - base)
            few = (head - base)[: min(experiments, max(100, experiments // 10))]
            ends = ((used.low, used.high), student(head - base), bca(few))
            table_row(scenario.name, processes, *(f"{((low <= 0) & (high >= 0)).mean():.1%}" for low, high in ends))
    yield from ()


def power(experiments: int) -> Iterator[Claim]:
    """How often a change is found, by its size and by the noise."""
    for processes in (5, BUDGET, 20):
        print(f"\nPower with {processes} processes a side, by process noise and change (one cell, calm phone)")
        table_row("noise", *(f"{effect:.1%}" for effect in EFFECTS))
        for noise in NOISES:
            found = [
                designs.one_run(designs.calm(noise), (effect,), processes, experiments, _SEED + 4).found
                for effect in EFFECTS
            ]
            table_row(f"{noise:.1%}", *(f"{one:.2f}" for one in found))
    at_default = designs.one_run(designs.calm(0.01), (0.03,), BUDGET, experiments, _SEED + 5).found
    yield Claim(f"power for 3 % with 1 % of noise, {BUDGET} processes", at_default or 0, 0.85, 1, experiments)


def least(_: int) -> Iterator[Claim]:
    """The least number of processes that can decide at all, by the size of the table."""
    counts = (1, 2, 5, 10, 20, 40, 100, 500)
    print("\nLeast number of processes a side that can decide, by cells in the table")
    table_row("design", *counts)
    looks = ((5, 30),)
    table_row("one run", *(least_processes(count, Rules().alpha) for count in counts))
    table_row("adaptive", *(least_processes(count, Rules().alpha, looks=looks) for count in counts))
    table_row("two runs", *(least_processes(count, Rules().alpha, paired=False) for count in counts))
    needed = least_processes(40, Rules().alpha) or 999
    yield Claim("processes that can decide in a table of 40 cells", needed, 0, BUDGET, 0)


def tables(experiments: int) -> Iterator[Claim]:
    """Whole tables: any wrong verdict, the gate of 3 %, intervals beside verdicts."""
    count = max(50, experiments // 5)
    print(
        f"\nTables against one baseline, {count} experiments each: any wrong verdict; gate of 3 % broken; the expected share of intervals\n"
        "beside verdicts that miss; the last cell found"
    )
    table_row("table", "phone", "n", "any wrong", "gate", "miss", "found", "same")
    for name, effects in TABLES.items():
        for scenario in (PHONES[0], PHONES[3], PHONES[4], PHONES[7]):
            for processes in (BUDGET, 20):
                found = designs.one_run(scenario, effects, processes, count, _SEED + 6)
                shares = (found.wrong, found.gate, found.missed_beside_verdicts, found.found, found.same)
                table_row(name, scenario.name, processes, *(share(one) for one in shares))
                where = f"{name}, {scenario.name}, {processes}"
                yield Claim(f"any wrong verdict, {where}", found.wrong, 0, 0.02, count)
                yield Claim(
                    f"intervals beside verdicts miss, {where}", found.missed_beside_verdicts or 0, 0, 0.07, count
                )
                if max(effects) < 0.03:
                    yield Claim(f"gate of 3 % broken, {where}", found.gate or 0, 0, 0.02, count)
                if max(effects) == 1.0:
                    yield Claim(f"found, {where}", found.found or 0, 0.99, 1, count)


def adaptive_runs(experiments: int) -> Iterator[Claim]:
    """Adaptive runs of 5 to 30 blocks until 2 %, beside ten fixed processes."""
    print(
        "\nAdaptive runs of 5 to 30 blocks until 2 %, one of the cells 3 % slower, beside ten fixed processes. Processes of a cell, the\n"
        "baseline among them, and device seconds of the whole run; `unchanged`: where nothing differs"
    )
    table_row(
        "noise", "cells", "power", "power fixed", "processes", "unchanged", "seconds", "seconds fixed", "coverage"
    )
    for noise in ADAPTIVE_NOISES:
        for cells in (1, 5, 40):
            count = max(50, experiments // (1 if cells < 10 else 4))
            fixed, changed, same = designs.fixed_and_adaptive(noise, cells, count, _SEED + 8)
            used = (changed.processes or 0, same.processes or 0)
            seconds = [number * (cells + 1) * SECONDS_PER_PROCESS for number in (used[0], BUDGET)]
            table_row(
                f"{noise:.1%}",
                cells,
                *(f"{one or 0:.3f}" for one in (changed.found, fixed.found)),
                *(f"{one:.1f}" for one in used),
                *(f"{one:.0f}" for one in seconds),
                share(changed.covered),
            )
            where = f"{noise:.1%} of noise, {cells} cells"
            yield Claim(
                f"power less that of ten fixed, {where}",
                0.5 + ((changed.found or 0) - (fixed.found or 0)) / 2,
                0.495,
                1,
                count,
            )
            if noise <= 0.01:
                yield Claim(f"processes of a cell, changed or not, {where}", sum(used) / 2, 0, BUDGET + 0.2, 0)
            yield Claim(f"adaptive coverage, {where}", changed.covered or 0, 0.93, 1, count)
            yield Claim(f"adaptive, any wrong verdict, {where}", max(changed.wrong, same.wrong), 0, 0.02, count)
    plans = {"5 to 100": AdaptivePlan(min_blocks=5, max_blocks=100, until=0.01), "60 s": _in_time(60.0)}
    print(
        "\nAdaptive runs on every phone, four cells against one baseline, two of them 3 % slower: any wrong, coverage"
    )
    table_row("phone", *plans)
    count = max(50, experiments // 4)
    for scenario in SCENARIOS:
        found = {
            name: designs.adaptive(
                scenario, plan, (0.0, 0.0, 0.03, 0.03), count if name != "5 to 100" else count // 4, _SEED + 9
            )
            for name, plan in plans.items()
        }
        table_row(scenario.name, *(f"{one.wrong:.2%} {share(one.covered)}" for one in found.values()))
        for name, one in found.items():
            where = f"{name}, {scenario.name}"
            yield Claim(f"adaptive, any wrong verdict, {where}", one.wrong, 0, 0.02, count)
            yield Claim(f"adaptive coverage, {where}", one.covered or 0, 0.93, 1, count)


def two_runs(experiments: int) -> Iterator[Claim]:
    """Two separate runs whose levels differ by 1 % (standard deviation), with a control and without."""
    count = max(50, experiments // 2)
    print(
        "\nTwo separate runs of ten cells, levels shifted by 1 % (standard deviation): any wrong verdict where nothing differs / where\n"
        "all are at the edge; coverage; +5 % in one cell found. Without a control these are not verdicts, but suspicions"
    )
    table_row("phone", "control", "any wrong", "coverage", "found")
    for scenario in (*PHONES, *SLOW_MOVERS):
        for control in (True, False):
            null, edge, changed = (
                designs.separate_runs(scenario, effects, BUDGET, count, _SEED + seed, shift=0.01, control=control)
                for seed, effects in enumerate(((0.0,) * 10, (0.01,) * 10, (0.0,) * 9 + (0.05,)), start=10)
            )
            table_row(
                scenario.name,
                "yes" if control else "no",
                f"{null.wrong:.2%} / {edge.wrong:.2%}",
                share(null.covered),
                share(changed.found),
            )
            if control:
                yield Claim(
                    f"two runs with a control, any wrong, {scenario.name}", max(null.wrong, edge.wrong), 0, 0.02, count
                )
                yield Claim(f"two runs with a control, coverage, {scenario.name}", null.covered or 0, 0.93, 1, count)


def several_devices(experiments: int) -> Iterator[Claim]:
    """All devices together."""
    count = max(50, experiments // 4)
    print(
        f"\nAll devices together, one cell at the edge of the region, {count} experiments: wrong, coverage; +3 % found"
    )
    table_row("phone", "devices", "n", "wrong", "coverage", "found")
    for scenario in (PHONES[0], PHONES[4], PHONES[7], QUANTISED):
        for number in (2, 8):
            for processes in (BUDGET, 20):
                edge, changed = (
                    designs.devices(scenario, number, effect, processes, count, _SEED + 13) for effect in (0.01, 0.03)
                )
                table_row(
                    scenario.name, number, processes, share(edge.wrong), share(edge.covered), share(changed.found)
                )
                where = f"{number} devices, {processes} processes, {scenario.name}"
                yield Claim(f"wrong, {where}", edge.wrong, 0, 0.02, count)
                yield Claim(f"coverage, {where}", edge.covered or 0, 0.93, 1, count)


def failures(experiments: int) -> Iterator[Claim]:
    """Processes that fail: how often a gate is broken for it, with twenty cells of ten processes a side."""
    print("\nFailing processes: tables of twenty cells in which a gate breaks because head fails more often")
    table_row("base fails", "head fails", "any", "the changed cell")
    rng = np.random.default_rng(_SEED + 18)
    for base, head in ((0.1, 0.1), (0.3, 0.3), (0.0, 0.6), (0.0, 0.9)):
        failed = rng.binomial(BUDGET, base, (experiments, 20, 2))
        failed[:, 0, 1] = rng.binomial(BUDGET, head, experiments)
        said = np.asarray(
            [
                [p <= FAILURE_LEVEL for p in holm([fails_more_p(b, BUDGET, h, BUDGET) for b, h in table])]
                for table in failed.tolist()
            ]
        )
        table_row(
            f"{base:.0%}",
            f"{head:.0%} of one cell",
            share(float(said.any(axis=1).mean())),
            share(float(said[:, 0].mean())),
        )
        if base == head:
            yield Claim(
                f"a gate breaks for failures, {base:.0%} fail", float(said.any(axis=1).mean()), 0, 0.02, experiments
            )
        elif head > 0.8:
            # With so few left the gate breaks for that alone: base can decide, and head cannot.
            least = least_processes(20, Rules().alpha) or BUDGET
            breaks = said[:, 0] | (BUDGET - failed[:, 0, 1] < least)
            yield Claim(f"a gate breaks where {head:.0%} of head fail", float(breaks.mean()), 0.95, 1, experiments)


def hard_cases(experiments: int) -> Iterator[Claim]:
    """Outliers, unequal sides, a slow mode that becomes more frequent, forecasts."""
    print("\n5 % of the processes take ten times as long; +50 %: found, median width of the interval")
    for processes in (BUDGET, 20):
        found, width = designs.outliers_by_ten(0.05, 0.5, processes, experiments, _SEED + 14)
        table_row(f"{processes} processes", share(found.found), f"{width:.1%}")
        yield Claim(f"+50 % found among outliers, {processes} processes", found.found or 0, 0.9, 1, experiments)
        yield Claim(f"coverage among outliers, {processes} processes", found.covered or 0, 0.93, 1, experiments)
    print("\nTwo sides of unequal size and spread: wrong at the edge, coverage")
    for sizes, noises in (((5, 30), (0.05, 0.003)), ((30, 5), (0.003, 0.05)), ((10, 10), (0.05, 0.003))):
        one = designs.unequal_runs(sizes, noises, 0.01, 2 * experiments, _SEED + 15)
        table_row(f"{sizes}, {noises}", share(one.wrong), share(one.covered))
        yield Claim(f"wrong, unequal sides {sizes}", one.wrong, 0, 0.02, 2 * experiments)
        yield Claim(f"coverage, unequal sides {sizes}", one.covered or 0, 0.93, 1, 2 * experiments)
    print("\nA mode 20 % slower becomes more frequent, 5 % to 20 % of the processes: `same` is said")
    for processes in (SAME_FROM, 20, 30):
        one = designs.slow_mode_more_often((0.05, 0.2), processes, 2 * experiments, _SEED + 16)
        table_row(f"{processes} processes", share(one.same))
        yield Claim(
            f"`same` though a slow mode became more frequent, {processes}", one.same or 0, 0, 0.02, 2 * experiments
        )
    print("\n`inconclusive, about so many more processes would decide`: how often so many more did, from ten blocks on")
    for scenario in PHONES:
        undecided, forecasts, decided = forecasts_kept(scenario, 0.03, max(50, experiments // 20))
        kept = f"{np.mean(decided):.0%}" if decided else "-"
        table_row(
            scenario.name, f"open {undecided:.0%}", f"median {np.median(forecasts):.0f}" if forecasts else "-", kept
        )


def forecasts_kept(scenario: Scenario, effect: float, experiments: int) -> tuple[float, list[int], list[bool]]:
    """Of experiments with `BUDGET` blocks: the share without a verdict; their forecasts; whether so many more blocks brought one."""
    base, head = simulate(
        np.random.default_rng(_SEED + 7), scenario, experiments=experiments, processes=300, effect=effect
    )
    forecasts, decided, open_ones = [], [], 0
    for ours, theirs in zip(base, head, strict=True):
        (first,) = judge([paired(list((theirs - ours)[:BUDGET]), means=list((theirs + ours)[:BUDGET] / 2))], Rules())
        if first.verdict is not Verdict.INCONCLUSIVE:
            continue
        open_ones += 1
        count = BUDGET + (first.more_processes or 0)
        if first.more_processes is not None and count <= len(ours):
            forecasts.append(first.more_processes)
            (then,) = judge([paired(list((theirs - ours)[:count]), means=list((theirs + ours)[:count] / 2))], Rules())
            decided.append(then.verdict is not Verdict.INCONCLUSIVE)
    return open_ones / experiments, forecasts, decided


def _outcome(
    procedure: Procedure, scenario: Scenario, effect: float, experiments: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return procedure(np.random.default_rng(_SEED + 2), scenario, experiments, BUDGET, effect).differs


def _in_time(seconds: float) -> AdaptivePlan:
    return AdaptivePlan(min_blocks=5, max_blocks=30, until=0.02, device_s=seconds)


if __name__ == "__main__":
    sys.exit(main())
