"""What a step and a decision say in numbers: blocks by their own numbers, time, trials spared, and the interval without spoilt blocks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.ranks import Floats
from harness.analysis.ratio_interval import paired
from harness.analysis.sequential import LOOK_LEVEL, METHOD
from harness.analysis.stop_rule import plain_width
from harness.analysis.stopping import ProcessSummary, Step, Stopping
from harness.records import Scalar, Trial
from harness.records.adaptive_decisions import AdaptivePlan, Decision
from tests.analysis.made_up import BEGAN, result

PLAN = AdaptivePlan(min_blocks=5, max_blocks=10, until=0.02)
BASELINE: dict[str, Scalar] = {"delegate": "cpu"}
FIRST = 3
"""Blocks need not begin at 0: those before hold other models."""


def trials(*delegates: str, blocks: int = 10) -> list[Trial]:
    return [result(1.0, delegate=name, block=FIRST + 2 * block).trial for block in range(blocks) for name in delegates]


def ran(planned: list[Trial], logs: dict[str, list[float]], *, device_s: float = 1.2346) -> dict[str, ProcessSummary]:
    """A process for each trial of which there is a logarithm, block by block."""
    left = {name: list(values) for name, values in logs.items()}
    found = {}
    for trial in planned:
        if left[trial.delegate.name]:
            found[trial.trial_id] = ProcessSummary(math.exp(left[trial.delegate.name].pop(0)), device_s)
    return found


def step(planned: list[Trial], logs: dict[str, list[float]], *decided: Decision, plan: AdaptivePlan = PLAN) -> Step:
    return Stopping(plan, planned, BASELINE).step(ran(planned, logs), decided, BEGAN)


def test_a_device_without_trials_has_nothing_to_do() -> None:
    assert Stopping(PLAN, [], BASELINE).step({}, [], BEGAN) == Step(device="", blocks=0, trials=())


def test_a_run_without_a_comparison_ends_after_the_least_blocks_and_says_so_once() -> None:
    planned = trials("cpu")
    logs = {"cpu": [7.0] * 5}
    before = step(planned, {"cpu": [7.0] * 4})
    assert (before.decisions, before.trials, before.blocks) == ((), (planned[4],), 4)
    found = step(planned, logs)
    (one,) = found.decisions
    assert one == Decision(
        device="R5CT1",
        head=None,
        base=None,
        reason="nothing_to_compare",
        block=FIRST + 8,
        blocks=0,
        ratio=None,
        ci_low=None,
        ci_high=None,
        level=None,
        method=METHOD,
        device_s=6.173,
        at=BEGAN,
    )
    assert (found.trials, found.blocks, found.spared, found.compared, found.going_on) == ((), 5, 5, 0, 0)
    again = step(planned, logs, one)
    assert (again.decisions, again.earlier, again.trials, again.blocks) == ((), (one,), (), 5)


GPU = [0.0, 0.001, 0.002, 0.001, 0.0]


def test_a_decision_tells_its_block_pairs_time_and_interval() -> None:
    planned = trials("cpu", "gpu")
    found = step(planned, {"cpu": [7.0] * 5, "gpu": [6.0 + away for away in GPU]})
    (one,) = found.decisions
    assert (one.reason, one.block, one.blocks, one.device_s, one.at) == ("narrow", FIRST + 8, 5, 12.346, BEGAN)
    wanted = paired([away - 1.0 for away in GPU], level=LOOK_LEVEL, resolution=0.0)
    assert one.ratio == pytest.approx(wanted.ratio)
    assert (one.ci_low, one.ci_high) == pytest.approx((wanted.ci_low, wanted.ci_high))
    assert (one.level, one.base and one.base.delegate) == (LOOK_LEVEL, "cpu")
    assert (found.blocks, found.compared, found.going_on, found.spared, found.widest) == (5, 1, 0, 10, None)


def test_the_widest_open_interval_is_told() -> None:
    planned = trials("cpu", "gpu", "nnapi")
    wide, wider = ([size * (-1) ** block for block in range(5)] for size in (0.1, 0.2))
    found = step(planned, {"cpu": [7.0] * 5, "gpu": wide, "nnapi": wider})
    assert found.decisions == ()
    assert found.widest == pytest.approx(float(plain_width(as_array(wider, 7.0))))
    assert (found.compared, found.going_on, found.spared, found.blocks) == (2, 2, 0, 5)
    assert [trial.block for trial in found.trials] == [FIRST + 10] * 3
    calm = step(planned, {"cpu": [7.0] * 5, "gpu": wide, "nnapi": [6.0 + away for away in GPU]})
    assert [one.head and one.head.delegate for one in calm.decisions] == ["nnapi"]
    assert calm.widest == pytest.approx(float(plain_width(as_array(wide, 7.0))))
    assert (calm.compared, calm.going_on, calm.spared) == (2, 1, 5)
    assert [trial.delegate.name for trial in calm.trials] == ["cpu", "gpu"]


def as_array(head: list[float], base: float) -> Floats:
    return np.array([one - base for one in head])


def test_a_block_that_spoils_both_sides_is_not_used_though_its_ratio_is_like_the_others() -> None:
    """What is set aside is chosen by the mean of both sides: a ratio that looks usual does not save a wild block."""
    planned = trials("cpu", "gpu")
    cpu = [7.0 + 0.004 * (-1) ** (block // 2) for block in range(10)]
    ratios = [0.15 * (-1) ** block + 0.002 * block for block in range(9)] + [0.5]
    wild = 4
    cpu[wild] += 3.0
    head = [one + ratio for one, ratio in zip(cpu, ratios, strict=True)]
    found = step(planned, {"cpu": cpu, "gpu": head})
    (one,) = found.decisions
    assert (one.reason, one.blocks) == ("max_blocks", 10)
    kept = [ratio for block, ratio in enumerate(ratios) if block != wild]
    wanted = paired(kept, level=LOOK_LEVEL)
    assert (one.ci_low, one.ci_high) == pytest.approx((wanted.ci_low, wanted.ci_high))
    assert one.ratio == pytest.approx(wanted.ratio)


def test_time_that_is_used_up_ends_what_is_open() -> None:
    planned = trials("cpu", "gpu")
    logs = {"cpu": [7.0] * 5, "gpu": [0.1 * (-1) ** block for block in range(5)]}
    for device_s, reasons in ((12.345, ["max_device_time"]), (12.347, []), (None, [])):
        found = step(planned, logs, plan=replace(PLAN, device_s=device_s))
        assert [one.reason for one in found.decisions] == reasons, device_s


def test_a_comparison_without_a_pair_is_unmeasured_and_one_with_a_single_pair_has_no_interval() -> None:
    planned = trials("cpu", "gpu")
    none = ran(planned, {"cpu": [7.0] * 5, "gpu": [6.0] * 5})
    lost = {trial.trial_id: ProcessSummary(None, 1.25) for trial in planned[1:10:2]}
    found = Stopping(PLAN, planned, BASELINE).step({**none, **lost}, [], BEGAN)
    (one,) = found.decisions
    assert (one.reason, one.blocks, one.ratio, one.level) == ("unmeasured", 0, None, None)
    kept = dict(list(lost.items())[1:])
    found = Stopping(PLAN, planned, BASELINE).step({**none, **kept}, [], BEGAN)
    assert (found.decisions, found.widest, found.going_on) == ((), None, 1)
