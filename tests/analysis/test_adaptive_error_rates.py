"""How often adaptive runs err, as they are scheduled: a small version of what `python -m benchmarks.statistics` prints."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.adaptive import experiment, pooled_coverage, run_adaptively
from benchmarks.latency_model import SCENARIOS, Scenario, simulate_cells
from harness.analysis.sequential import repeated_p
from harness.analysis.stopping import ProcessSummary, Stopping
from harness.records.adaptive_decisions import AdaptivePlan, Decision
from tests.analysis.made_up import BEGAN, result

PLAN = AdaptivePlan(min_blocks=5, max_blocks=20, until=0.02)
EXPERIMENTS = 1000
NAMES = ("cpu", "a", "b", "c")


@pytest.mark.parametrize("device_s", [None, 42.0], ids=["no limit", "42 s"])
def test_the_simulation_decides_as_the_schedule_does(device_s: float | None) -> None:
    plan = AdaptivePlan(min_blocks=5, max_blocks=20, until=0.02, device_s=device_s)
    rng = np.random.default_rng(1)
    latencies = simulate_cells(rng, SCENARIOS[0], experiments=12, blocks=20, effects=(0.0, 0.0, 0.03, 0.5))
    found = run_adaptively(latencies, plan, controlled=True)
    trials = [result(1.0, delegate=name, block=block).trial for block in range(20) for name in NAMES]
    reasons = set()
    for number in range(12):
        stopping = Stopping(plan, trials, {"delegate": "cpu"})
        processes: dict[str, ProcessSummary] = {}
        decided: list[Decision] = []
        while (step := stopping.step(processes, decided, BEGAN)).trials:
            decided += step.decisions
            for trial in step.trials:
                log = latencies[number, NAMES.index(trial.delegate.name), trial.block]
                processes[trial.trial_id] = ProcessSummary(1000 * math.exp(log), math.exp(log))
        decided += step.decisions
        assert len(processes) == found.processes[number]
        for one in decided:
            assert one.head is not None
            cell = NAMES.index(one.head.delegate) - 1
            assert one.blocks == found.blocks[number, cell]
            assert one.ci_low == pytest.approx(math.exp(found.low[number, cell]))
            assert one.ci_high == pytest.approx(math.exp(found.high[number, cell]))
            reasons.add(one.reason)
    assert reasons == {"narrow", "max_blocks" if device_s is None else "max_device_time"}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_intervals_hold_and_tables_are_not_wrong_more_often_than_they_say(scenario: Scenario) -> None:
    same, truth = experiment(scenario, PLAN, (0.0,) * 4, experiments=EXPERIMENTS, seed=21)
    assert same.differs().any(axis=1).mean() <= 0.01 + 2 * 0.0032
    assert same.covered(truth).mean() >= 0.95
    timed, truth = experiment(
        scenario,
        AdaptivePlan(min_blocks=5, max_blocks=20, until=0.02, device_s=50.0),
        (0.0, 0.0, 0.03, 0.03),
        experiments=EXPERIMENTS,
        seed=22,
    )
    assert timed.covered(truth).mean() >= 0.95


def test_without_control_the_intervals_would_not_hold() -> None:
    rates = []
    for scenario in SCENARIOS:
        careless, truth = experiment(scenario, PLAN, (0.0,) * 4, experiments=300, seed=23, controlled=False)
        rates.append(careless.covered(truth).mean())
    assert np.mean(rates) < 0.945


def test_all_devices_together_hold_too() -> None:
    calm = SCENARIOS[0]
    assert pooled_coverage(calm, PLAN, 3, experiments=400, seed=24, controlled=True) >= 0.95
    assert pooled_coverage(calm, PLAN, 3, experiments=400, seed=24, controlled=False) < 0.94


def test_cells_that_differ_plainly_cost_little_and_are_found() -> None:
    found, truth = experiment(SCENARIOS[0], PLAN, (0.0, 0.05, 0.05), experiments=300, seed=25)
    assert found.differs()[:, 1:].mean() > 0.98
    assert found.differs()[:, 0].mean() <= 0.02
    assert found.processes.mean() < 0.95 * 4 * 20
    assert found.covered(truth).mean() >= 0.95


def test_corrected_for_many_cells_the_p_values_of_looks_are_honest() -> None:
    """Over all cells of all runs: below `u` with a chance of at most `u`, though each was taken where its interval was narrow."""
    same, _ = experiment(SCENARIOS[0], PLAN, (0.0,) * 4, experiments=2000, seed=26)
    for share in (0.05, 0.01):
        assert (same.p_value <= share).mean() <= share + 3 * math.sqrt(share / 2000)
    assert repeated_p(0.04, 5, 20) > 0.1
