"""A small version of `python -m benchmarks.statistics`: synthetic latencies whose truth is known, fixed seeds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.latency_model import SCENARIOS, Scenario
from benchmarks.procedures import PROCEDURES, interleaved_blocks, one_after_the_other, one_process, separate_runs
from benchmarks.statistics import error_rates, forecasts_kept, main
from harness.analysis.ratio_interval import BUDGET
from harness.suite.suite_file import Suite

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
EXPERIMENTS = 2000


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("processes", [5, 10, 20])
def test_false_positives_and_coverage_within_one_run(scenario: Scenario, processes: int) -> None:
    errs, covered = error_rates(interleaved_blocks, scenario, processes, EXPERIMENTS, seed=11)
    assert errs <= 0.01 + 2 * 0.0022  # two standard errors of 2,000 experiments: `noisy` lies near 1 % by design
    assert covered is not None
    assert 0.93 <= covered <= 0.97 + 0.004


def test_false_positives_over_all_phones_and_sizes() -> None:
    rates = [
        error_rates(interleaved_blocks, one, n, 500, seed=12)[0] for one in SCENARIOS for n in (5, 6, 8, 10, 15, 20)
    ]
    assert sum(rates) / len(rates) <= 0.005


def test_power_at_the_default_budget() -> None:
    power, covered = error_rates(interleaved_blocks, BY_NAME["calm"], BUDGET, EXPERIMENTS, effect=0.03, seed=13)
    assert power >= 0.9
    assert covered is not None
    assert 0.93 <= covered <= 0.97
    assert error_rates(interleaved_blocks, BY_NAME["drift"], 10, EXPERIMENTS, effect=0.03, seed=13)[0] >= 0.9


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("processes", [8, 10, 20])
def test_two_runs_err_no_more_than_one(scenario: Scenario, processes: int) -> None:
    errs, covered = error_rates(separate_runs, scenario, processes, EXPERIMENTS, seed=14)
    assert errs <= 0.01 + 2 * 0.0022
    assert covered is not None
    assert covered >= 0.95


def test_two_runs_find_what_one_run_finds_easily() -> None:
    assert error_rates(separate_runs, BY_NAME["calm"], 10, EXPERIMENTS, effect=0.03, seed=15)[0] >= 0.6
    assert error_rates(separate_runs, BY_NAME["calm"], 10, EXPERIMENTS, effect=0.05, seed=15)[0] >= 0.8


def test_the_default_of_a_suite_is_the_budget_that_power_is_shown_for() -> None:
    assert Suite.model_fields["processes"].default == BUDGET


def test_a_forecast_of_more_processes_is_mostly_kept() -> None:
    open_share, forecasts, decided = forecasts_kept(replace(BY_NAME["calm"], noise=0.02), 0.03, 150)
    assert open_share > 0.3
    assert all(more >= 1 for more in forecasts)
    assert sum(decided) / len(decided) >= 0.5


def test_the_usual_ways_err() -> None:
    assert error_rates(one_process, BY_NAME["calm"], 1, 500)[0] > 0.3
    assert error_rates(one_after_the_other, BY_NAME["drift"], 10, 500)[0] > 0.3


def test_every_procedure_finds_what_cannot_be_missed() -> None:
    for procedure in PROCEDURES.values():
        assert error_rates(procedure, BY_NAME["calm"], 10, 200, effect=0.5)[0] == 1.0


def test_the_whole_benchmark_runs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--experiments", "20"])
    printed = capsys.readouterr().out
    assert "Nothing here was measured" in printed
    for heading in (
        "False positives",
        "Coverage",
        "Power",
        "Device seconds",
        "Looking again and again",
        "Adaptive runs",
        "considered",
        "Claimed of the default",
    ):
        assert heading in printed
