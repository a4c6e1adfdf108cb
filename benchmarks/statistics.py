"""How often the statistics err, on synthetic latencies whose truth is known: `python -m benchmarks.statistics`.

Prints false-positive rates and coverage by phone and number of processes, the power table by effect and noise, device time for equal
power against the usual ways, what looking again and again costs, and the coverage of intervals that were considered; at the end, what is
claimed of the default settings, and whether it holds: exit code 1 where it does not. A few minutes on two cores; `--quick` for a look.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

# Run as a script, Python puts this folder first on the path, where this very file would stand for the library's `statistics`.
if __name__ == "__main__" and sys.path and Path(sys.path[0]).resolve() == Path(__file__).resolve().parent:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np

from benchmarks.adaptive import experiment, pooled_coverage
from benchmarks.latency_model import SCENARIOS, Scenario, simulate
from benchmarks.procedures import PROCEDURES, Procedure, bca, peek, student, trimmed
from harness.analysis.ratio_interval import BUDGET, paired, paired_many
from harness.analysis.verdict import Rules, Verdict, judge
from harness.records.adaptive_decisions import AdaptivePlan

OWN = ("harness, one run", "harness, two runs")
FINER = 5
"""So many times as many experiments for the error rates of our own procedures: 1 % out of 4,000 is known to 0.16 % only."""
SIZES = (5, 6, 8, 10, 15, 20)
EFFECTS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.10)
NOISES = (0.005, 0.01, 0.02, 0.05)
SECONDS_PER_PROCESS = 2.0
"""Start-up, half a second of warm-up, a second of inferences."""
_SEED = 7


def error_rates(
    procedure: Procedure,
    scenario: Scenario,
    processes: int,
    experiments: int,
    *,
    effect: float = 0.0,
    seed: int = _SEED,
) -> tuple[float, float | None]:
    """Share of the experiments in which a difference is said, and in which the interval holds the truth."""
    differs, covered, count = 0, 0, 0
    has_interval = True
    rng = np.random.default_rng(seed)
    while count < experiments:
        size = min(1000, experiments - count)
        outcome = procedure(rng, scenario, size, processes, effect)
        differs += int(outcome.differs.sum())
        has_interval = outcome.covered is not None
        covered += int(outcome.covered.sum()) if outcome.covered is not None else 0
        count += size
    return differs / experiments, covered / experiments if has_interval else None


def processes_for_power(
    procedure: Procedure, scenario: Scenario, effect: float, experiments: int, *, limit: int = 60
) -> int | None:
    """Fewest processes a side that find the effect in nine of ten experiments and err in at most one of a hundred. None: none do."""
    for processes in range(5, limit + 1):
        if error_rates(procedure, scenario, processes, experiments, effect=effect)[0] < 0.9:
            continue
        if error_rates(procedure, scenario, processes, experiments)[0] <= 0.01 + 2 * np.sqrt(0.01 * 0.99 / experiments):
            return processes
        return None
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all tables. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--experiments", type=int, default=4000, help="per number in a table (default: 4000)")
    parser.add_argument("--quick", action="store_true", help="200 experiments per number")
    options = parser.parse_args(arguments)
    experiments = 200 if options.quick else options.experiments
    began = time.monotonic()
    print(
        f"Synthetic latencies, {experiments} experiments per number ({FINER * experiments} for the harness' own error rates and coverage), "
        f"seed {_SEED}. Nothing here was measured on a device."
    )
    _print_false_positives(experiments)
    _print_coverage(experiments)
    _print_power(experiments)
    _print_cost(max(50, experiments // 4))
    _print_peeking(max(50, experiments // 2))
    _print_adaptive(max(50, experiments // 4))
    _print_intervals(experiments)
    _print_forecasts(max(50, experiments // 10))
    held = _print_claims(experiments)
    print(f"\n{time.monotonic() - began:.0f} s")
    return 0 if held else 1


def _print_false_positives(experiments: int) -> None:
    print("\nFalse positives: share of A/A experiments with a verdict `faster` or `slower`")
    _row("phone", "n", *PROCEDURES)
    for scenario in SCENARIOS:
        for processes in SIZES:
            rates = [
                error_rates(one, scenario, processes, experiments * (FINER if name in OWN else 1))[0]
                for name, one in PROCEDURES.items()
            ]
            _row(scenario.name, processes, *(f"{rate:.2%}" for rate in rates))


def _print_coverage(experiments: int) -> None:
    print("\nCoverage of the 95 % interval, with a true change of 3 %")
    _row("phone", "n", *PROCEDURES)
    pooled: dict[str, list[float]] = {name: [] for name in PROCEDURES}
    for scenario in SCENARIOS:
        for processes in SIZES:
            cells = []
            for name, one in PROCEDURES.items():
                count = experiments * (FINER if name in OWN else 1)
                rate = error_rates(one, scenario, processes, count, effect=0.03, seed=_SEED + 1)[1]
                pooled[name].append(rate or 0.0)
                cells.append("-" if rate is None else f"{rate:.1%}")
            _row(scenario.name, processes, *cells)
    _row("all", "", *(f"{np.mean(rates):.1%}" for rates in pooled.values()))


def _print_power(experiments: int) -> None:
    for processes in (5, BUDGET, 20):
        print(f"\nPower with {processes} processes a side, by effect and process noise (harness, one run; calm phone)")
        _row("noise", "", *(f"{effect:.1%}" for effect in EFFECTS))
        for noise in NOISES:
            scenario = replace(SCENARIOS[0], noise=noise)
            rates = [
                error_rates(PROCEDURES["harness, one run"], scenario, processes, experiments, effect=effect)[0]
                for effect in EFFECTS
            ]
            _row(f"{noise:.1%}", "", *(f"{rate:.2f}" for rate in rates))
    print(f"\nPower for a change of 3 % with {BUDGET} and 20 processes a side, by phone")
    _row("phone", "n", *PROCEDURES)
    for scenario in SCENARIOS:
        for processes in (BUDGET, 20):
            rates = [error_rates(one, scenario, processes, experiments, effect=0.03)[0] for one in PROCEDURES.values()]
            _row(scenario.name, processes, *(f"{rate:.2f}" for rate in rates))


def _print_cost(experiments: int) -> None:
    print(
        f"\nDevice seconds ({SECONDS_PER_PROCESS:g} s a process, both sides) to find a change of 3 % in nine of ten experiments;\n"
        "`errs`: it says more than 1 % false differences there; `> 240`: not with 60 processes a side"
    )
    _row("phone", "", *PROCEDURES)
    for scenario in SCENARIOS:
        cells = []
        for one in PROCEDURES.values():
            if error_rates(one, scenario, BUDGET, experiments)[0] > 0.02:
                cells.append("errs")
                continue
            needed = processes_for_power(one, scenario, 0.03, experiments)
            cells.append(f"{2 * needed * SECONDS_PER_PROCESS:.0f}" if needed is not None else "> 240")
        _row(scenario.name, "", *cells)


def _print_peeking(experiments: int) -> None:
    print(
        "\nLooking again and again from 5 to 20 blocks, stopping when the interval is 2 % wide or a verdict is reached"
    )
    _row("phone", "effect", "errs/power", "coverage", "blocks", "uncontrolled", "coverage", "blocks")
    for scenario in SCENARIOS:
        for effect in (0.0, 0.03):
            rng = np.random.default_rng(_SEED + 2)
            base, head = simulate(rng, scenario, experiments=experiments, processes=20, effect=effect)
            cells: list[str] = []
            for controlled in (True, False):
                found = peek(
                    head - base, min_blocks=5, until=0.02, effect=effect, controlled=controlled, stop_when_decided=True
                )
                cells += [f"{found.differs.mean():.2%}", f"{found.covered.mean():.1%}", f"{found.blocks.mean():.1f}"]
            _row(scenario.name, f"{effect:.0%}", *cells)


def _print_adaptive(experiments: int) -> None:
    plan = AdaptivePlan(min_blocks=5, max_blocks=30, until=0.02)
    short = replace(plan, device_s=60.0)
    print(
        "\nAdaptive runs as they are scheduled: four cells against one baseline, 5 to 30 blocks until 2 %; a cell drops out when its\n"
        "ratio is known. `any false`: runs in which nothing differs, and the table says faster or slower somewhere. `power`, `coverage`,\n"
        "`processes` (30 blocks are 150) and `blocks` (of a cell): two of the four are 3 % slower. `in time`: coverage where 60 s of\n"
        "device time end it (a process a second). `devices`: coverage of the mean of three that stopped by themselves. `naive`: each\n"
        "look as if it were the only one"
    )
    headings = ("any false", "power", "coverage", "naive: any false", "naive: power", "naive: coverage")
    _row("phone", "", *headings, "processes", "blocks", "in time", "devices", "naive: devices")
    for scenario in SCENARIOS:
        cells: list[str] = []
        for controlled in (True, False):
            same, _ = experiment(
                scenario, plan, (0.0,) * 4, experiments=experiments, seed=_SEED + 4, controlled=controlled
            )
            half, truth = experiment(
                scenario,
                plan,
                (0.0, 0.0, 0.03, 0.03),
                experiments=experiments,
                seed=_SEED + 5,
                controlled=controlled,
            )
            cells += [
                f"{same.differs().any(axis=1).mean():.2%}",
                f"{half.differs()[:, 2:].mean():.2f}",
                f"{half.covered(truth).mean():.1%}",
            ]
            if controlled:
                used = [f"{half.processes.mean():.0f}", f"{half.blocks.mean():.1f}"]
        timed, truth = experiment(scenario, short, (0.0, 0.0, 0.03, 0.03), experiments=experiments, seed=_SEED + 6)
        shares = [
            pooled_coverage(
                scenario, plan, 3, experiments=max(50, experiments // 2), seed=_SEED + 7, controlled=controlled
            )
            for controlled in (True, False)
        ]
        _row(scenario.name, "", *cells, *used, f"{timed.covered(truth).mean():.1%}", *(f"{one:.1%}" for one in shares))


def _print_intervals(experiments: int) -> None:
    print("\nCoverage of intervals that were considered (95 % asked; A/A, interleaved; BCa on fewer experiments)")
    _row("phone", "n", "rank (used)", "Student's t", "trimmed t", "BCa")
    for scenario in SCENARIOS:
        for processes in (5, 10, 20):
            rng = np.random.default_rng(_SEED + 3)
            base, head = simulate(rng, scenario, experiments=experiments, processes=processes)
            log_ratios = head - base
            used = paired_many(log_ratios)
            few = log_ratios[: min(experiments, max(100, experiments // 16))]
            shares = [
                float(((low <= 0) & (high >= 0)).mean())
                for low, high in ((used.low, used.high), student(log_ratios), trimmed(log_ratios), bca(few))
            ]
            _row(scenario.name, processes, *(f"{share:.1%}" for share in shares))


def _print_forecasts(experiments: int) -> None:
    print(
        "\n`inconclusive, about so many more processes would decide`: how often so many more did, from 10 blocks on\n"
        "(a forecast beyond 300 blocks is not followed up)"
    )
    _row("phone", "effect", "inconclusive", "with a forecast", "median forecast", "decided then")
    for scenario in SCENARIOS:
        for effect in (0.0, 0.03):
            share, forecasts, decided = forecasts_kept(scenario, effect, experiments)
            _row(
                scenario.name,
                f"{effect:.0%}",
                f"{share:.0%}",
                f"{len(forecasts) / max(1, round(share * experiments)):.0%}",
                f"{np.median(forecasts):.0f}" if forecasts else "-",
                f"{np.mean(decided):.0%}" if decided else "-",
            )


def forecasts_kept(scenario: Scenario, effect: float, experiments: int) -> tuple[float, list[int], list[bool]]:
    """Of experiments with `BUDGET` blocks: the share without a verdict; their forecasts; whether so many more blocks brought one."""
    base, head = simulate(
        np.random.default_rng(_SEED + 7), scenario, experiments=experiments, processes=300, effect=effect
    )
    forecasts, decided, open_ones = [], [], 0
    for row in head - base:
        (first,) = judge([paired(row[:BUDGET])], Rules())
        if first.verdict is not Verdict.INCONCLUSIVE:
            continue
        open_ones += 1
        if first.more_processes is not None and BUDGET + first.more_processes <= len(row):
            forecasts.append(first.more_processes)
            (then,) = judge([paired(row[: BUDGET + first.more_processes])], Rules())
            decided.append(then.verdict is not Verdict.INCONCLUSIVE)
    return open_ones / experiments, forecasts, decided


def claims(experiments: int) -> list[tuple[str, float, float, float]]:
    """What is claimed of `BUDGET` processes a side: in words, the figure, and between which limits it must lie."""
    found: list[tuple[str, float, float, float]] = []
    for name in OWN:
        one = PROCEDURES[name]
        for scenario in SCENARIOS:
            errs = error_rates(one, scenario, BUDGET, experiments, seed=_SEED + 4)[0]
            found.append((f"false positives, {name}, {scenario.name}", errs, 0.0, 0.01))
    one = PROCEDURES[OWN[0]]
    for scenario in SCENARIOS:
        covered = error_rates(one, scenario, BUDGET, experiments, effect=0.03, seed=_SEED + 5)[1]
        found.append((f"coverage, {OWN[0]}, {scenario.name}", covered or 0.0, 0.93, 0.97))
    power = error_rates(one, SCENARIOS[0], BUDGET, experiments, effect=0.03, seed=_SEED + 6)[0]
    found.append((f"power for 3 % with 1 % of noise, {OWN[0]}", power, 0.9, 1.0))
    return found


def _print_claims(experiments: int) -> bool:
    print(f"\nClaimed of the default, {BUDGET} processes a side ({FINER * experiments} experiments each, other seeds)")
    held = True
    for words, figure, low, high in claims(FINER * experiments):
        good = low <= figure <= high
        held &= good
        print(
            f"{words:<60}{figure:>9.2%}   {low:.0%} to {high:.0%}   {'holds' if good else 'DOES NOT HOLD'}", flush=True
        )
    return held


def _row(first: str, second: object, *cells: Iterable[str]) -> None:
    print(f"{first:<12}{second!s:>7}" + "".join(f"{cell!s:>19}" for cell in cells), flush=True)


if __name__ == "__main__":
    sys.exit(main())
