"""When an adaptive run stops: made-up latencies, one log ratio per block, decisions that follow from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from harness.analysis.ratio_interval import paired
from harness.analysis.required_processes import least_processes
from harness.analysis.sequential import LOOK_LEVEL
from harness.analysis.stop_rule import plain_width
from harness.analysis.stopping import ProcessSummary, Step, Stopping, compared_cells, process_of
from harness.records import Conditions, Purpose, Result, Status, Trial
from harness.records.adaptive_decisions import AdaptivePlan, Decision
from tests.analysis.made_up import BEGAN, result

PLAN = AdaptivePlan(min_blocks=5, max_blocks=12, until=0.02)
Latency = Callable[[str, int], float | None]
"""Delegate and block to microseconds; None for a process that is not ok."""


def planned(delegates: Sequence[str] = ("cpu", "xnnpack", "gpu"), blocks: int = 12) -> list[Trial]:
    return [result(1.0, delegate=one, block=block).trial for block in range(blocks) for one in delegates]


def steady(delegate: str, block: int) -> float:
    """A tenth of a per cent of noise."""
    usual = {"cpu": 1000.0, "xnnpack": 500.0, "gpu": 800.0}[delegate]
    return usual * (1 + 0.001 * ((block * 7 + len(delegate)) % 3))


def noisy(delegate: str, block: int) -> float:
    """A fifth up and down, but for the baseline."""
    away = 0.0 if delegate == "cpu" else 0.2
    return steady(delegate, block) * (1 + (away if block % 2 else -away))


def bounds(ratios: Sequence[float]) -> tuple[float | None, float | None]:
    """Ends of the interval of a look."""
    known = paired(ratios, level=LOOK_LEVEL)
    return known.ci_low, known.ci_high


@dataclass
class Device:
    """Runs what it is told to, and keeps what a store would."""

    stopping: Stopping
    latency: Latency
    process_s: float = 1.0
    processes: dict[str, ProcessSummary] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    ran: list[tuple[str, int]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def one_step(self, most: int = 1000) -> bool:
        step = self.stopping.step(self.processes, self.decisions, BEGAN)
        self.steps.append(step)
        self.decisions += step.decisions
        for trial in step.trials[:most]:
            self.ran.append((trial.delegate.name, trial.block))
            self.processes[trial.trial_id] = ProcessSummary(
                self.latency(trial.delegate.name, trial.block), self.process_s
            )
        return bool(step.trials)

    def to_the_end(self) -> Device:
        while self.one_step():
            assert len(self.steps) < 1000
        return self

    def blocks_of(self, delegate: str) -> int:
        return sum(name == delegate for name, _ in self.ran)

    def reasons(self) -> dict[str, str]:
        return {one.head.delegate: one.reason for one in self.decisions if one.head is not None}


def device(
    latency: Latency,
    plan: AdaptivePlan = PLAN,
    delegates: Sequence[str] = ("cpu", "xnnpack", "gpu"),
    baseline: Mapping[str, str] | None = None,
) -> Device:
    trials = planned(delegates, plan.max_blocks)
    return Device(Stopping(plan, trials, {"delegate": "cpu"} if baseline is None else baseline), latency)


def test_it_stops_when_all_ratios_are_narrow_and_says_how_narrow() -> None:
    done = device(steady).to_the_end()
    assert done.reasons() == {"xnnpack": "narrow", "gpu": "narrow"}
    assert [done.blocks_of(name) for name in ("cpu", "xnnpack", "gpu")] == [5, 5, 5]
    for one in done.decisions:
        assert one.head is not None
        ratios = [math.log(steady(one.head.delegate, block)) - math.log(steady("cpu", block)) for block in range(5)]
        known = paired(ratios, level=LOOK_LEVEL)
        assert (one.ratio, one.ci_low, one.ci_high, one.level) == (known.ratio, known.ci_low, known.ci_high, LOOK_LEVEL)
        assert (one.block, one.blocks, one.device_s) == (4, 5, 15.0)
        assert one.base is not None
        assert one.base == replace(one.head, delegate="cpu")
        assert "Pocock" in one.method
    assert done.steps[-1].blocks == 5


def test_what_is_known_drops_out_and_the_baseline_goes_on_for_the_others() -> None:
    done = device(lambda name, block: noisy(name, block) if name == "gpu" else steady(name, block)).to_the_end()
    assert done.reasons() == {"xnnpack": "narrow", "gpu": "max_blocks"}
    assert [done.blocks_of(name) for name in ("cpu", "xnnpack", "gpu")] == [12, 5, 12]
    by_block = [{name for name, block in done.ran if block == number} for number in range(12)]
    assert by_block == [{"cpu", "xnnpack", "gpu"}] * 5 + [{"cpu", "gpu"}] * 7, "pairs stay within blocks"
    assert done.steps[-1].spared == 7
    assert [one.blocks for one in done.decisions] == [5, 12]


def test_within_a_block_the_planned_order_is_kept() -> None:
    trials = planned(("gpu", "cpu", "xnnpack"))
    done = Device(Stopping(PLAN, trials, {"delegate": "cpu"}), noisy).to_the_end()
    assert done.ran == [(trial.delegate.name, trial.block) for trial in trials]


def test_the_width_that_was_asked_for_decides() -> None:
    noise = np.random.default_rng(1).normal(0, 0.02, (60, 2))

    def latency(name: str, block: int) -> float:
        return 1000.0 * math.exp(noise[block, 0 if name == "cpu" else 1])

    blocks = []
    for until in (0.10, 0.035, 0.025):
        plan = AdaptivePlan(min_blocks=5, max_blocks=60, until=until)
        done = device(latency, plan, delegates=("cpu", "gpu")).to_the_end()
        (one,) = done.decisions
        assert one.reason == "narrow"
        ratios = noise[:, 1] - noise[:, 0]
        assert float(plain_width(ratios[: one.blocks])) <= until
        assert all(float(plain_width(ratios[:n])) > until for n in range(5, one.blocks))
        assert (one.ci_low, one.ci_high) == pytest.approx(bounds(list(ratios[: one.blocks]))), "that of a look"
        blocks.append(one.blocks)
    assert blocks == sorted(set(blocks))


def test_device_time_ends_it_after_the_least_number_of_blocks() -> None:
    done = device(noisy, replace(PLAN, device_s=20.0)).to_the_end()
    assert done.reasons() == {"xnnpack": "max_device_time", "gpu": "max_device_time"}
    assert done.blocks_of("cpu") == 7, "3 s a block: the limit is passed in the seventh"
    assert {one.device_s for one in done.decisions} == {21.0}
    done = device(noisy, replace(PLAN, device_s=1.0)).to_the_end()
    assert done.blocks_of("cpu") == 5
    done = device(steady, replace(PLAN, device_s=1.0)).to_the_end()
    assert set(done.reasons().values()) == {"narrow"}


def test_what_cannot_be_measured_is_not_tried_to_the_end() -> None:
    done = device(lambda name, block: None if name == "gpu" else noisy(name, block)).to_the_end()
    assert done.reasons() == {"gpu": "unmeasured", "xnnpack": "max_blocks"}
    assert [done.blocks_of(name) for name in ("cpu", "xnnpack", "gpu")] == [12, 12, 5]
    (gpu,) = [one for one in done.decisions if one.reason == "unmeasured"]
    assert (gpu.blocks, gpu.ratio, gpu.ci_low, gpu.level) == (0, None, None, None)
    done = device(lambda name, block: None if name == "cpu" else steady(name, block)).to_the_end()
    assert done.reasons() == {"gpu": "unmeasured", "xnnpack": "unmeasured"}
    assert done.blocks_of("xnnpack") == 5


def test_lost_processes_cost_their_block_only_and_the_least_number_means_pairs() -> None:
    done = device(lambda name, block: None if (name, block) == ("xnnpack", 2) else steady(name, block)).to_the_end()
    assert done.reasons() == {"gpu": "narrow", "xnnpack": "narrow"}
    assert [done.blocks_of(name) for name in ("cpu", "xnnpack", "gpu")] == [6, 6, 5]
    assert {one.blocks for one in done.decisions} == {5}


def test_a_comparison_that_lost_blocks_ends_with_the_last_block_all_the_same() -> None:
    done = device(lambda name, block: None if block in (0, 9) else noisy(name, block)).to_the_end()
    assert done.reasons() == {"gpu": "max_blocks", "xnnpack": "max_blocks"}
    assert {one.blocks for one in done.decisions} == {10}


def test_a_cell_without_a_baseline_runs_the_least_number() -> None:
    trials = [
        *planned(("cpu", "gpu")),
        *(result(1.0, delegate="gpu", threads=4, block=block).trial for block in range(12)),
    ]
    trials.sort(key=lambda trial: trial.block)
    done = Device(Stopping(PLAN, trials, {"delegate": "cpu"}), noisy).to_the_end()
    assert done.reasons() == {"gpu": "max_blocks"}
    assert [done.blocks_of(name) for name in ("cpu", "gpu")] == [12, 12 + 5]


def test_a_device_with_nothing_to_compare_says_so_once() -> None:
    done = device(steady, delegates=("xnnpack", "gpu")).to_the_end()
    assert [(one.head, one.reason, one.block) for one in done.decisions] == [(None, "nothing_to_compare", 4)]
    assert done.blocks_of("gpu") == 5
    assert done.steps[-1].blocks == 5
    assert not done.one_step()
    assert len(done.decisions) == 1


@pytest.mark.parametrize("latency", [steady, noisy], ids=["steady", "noisy"])
def test_a_run_killed_anywhere_goes_on_as_if_it_had_not_been(latency: Latency) -> None:
    whole = device(latency).to_the_end()
    for killed_after in range(len(whole.ran) + 1):
        for lost_decisions in (0, 1):
            torn = device(latency)
            left = killed_after
            while left > 0 and torn.one_step(most=left):
                left = killed_after - len(torn.ran)
            if lost_decisions and torn.decisions:
                torn.decisions.pop()  # killed between the last result of a block and what was decided from it
            torn.to_the_end()
            assert torn.ran == whole.ran
            assert sorted(map(repr, torn.decisions)) == sorted(map(repr, whole.decisions))


def test_what_was_decided_stands() -> None:
    """Another version of the library may compute the last digit otherwise: neither a recorded end nor an end not taken is undone."""
    begun = device(noisy)
    for _ in range(6):
        begun.one_step()
    end = replace(device(steady).to_the_end().decisions[0], block=5)
    begun.decisions.append(end)
    begun.to_the_end()
    assert end.head is not None
    assert begun.blocks_of(end.head.delegate) == 6
    assert begun.blocks_of("cpu") == 12
    went_on = device(steady)
    for block in range(6):
        for name in ("cpu", "xnnpack", "gpu"):
            trial = next(t for t in planned() if (t.delegate.name, t.block) == (name, block))
            went_on.processes[trial.trial_id] = ProcessSummary(steady(name, block), 1.0)
    went_on.one_step()
    assert {one.block for one in went_on.decisions} == {5}


def test_devices_do_not_decide_for_each_other() -> None:
    here = device(steady).to_the_end()
    there = device(noisy)
    there.decisions = [replace(one, device="other") for one in here.decisions]
    there.to_the_end()
    assert there.blocks_of("gpu") == 12


def test_what_counts_of_a_result() -> None:
    def seen(**changes: object) -> ProcessSummary:
        return process_of(replace(result(12.5), **changes))  # type: ignore[arg-type]  # any field of a Result

    assert replace(seen(), began=None, ended=None) == ProcessSummary(12.5, 1.0)
    assert seen(status=Status.INVALID).value_us is None
    assert seen(measurement=None).value_us is None
    assert seen(conditions=Conditions(waited_s=30.0)).device_s == 31.0
    assert seen(conditions=Conditions(waited_s=30.0), device_s=75.0).device_s == 75.0, "with all attempts"
    profiled: Result = result(12.5, purpose=Purpose.PROFILE)
    assert process_of(profiled).value_us is None


def test_fewer_good_pairs_than_the_agreed_least_are_never_enough() -> None:
    """Four pairs that are exactly alike have an interval without width, and still say too little."""

    def latency(name: str, block: int) -> float | None:
        return None if (name, block) == ("gpu", 0) else steady("cpu", 0)

    done = device(latency, delegates=("cpu", "gpu")).to_the_end()
    (one,) = done.decisions
    assert (one.reason, one.block, one.blocks) == ("narrow", 5, 5)
    assert done.blocks_of("gpu") == 6


@pytest.mark.parametrize(("slack", "blocks"), [(1e-6, 5), (-1e-6, 6)])
def test_an_interval_may_be_as_wide_as_was_asked_for_and_no_wider(slack: float, blocks: int) -> None:
    def latency(name: str, block: int) -> float:
        return 1000.0 * math.exp(0.001 * (block % 5) if name == "gpu" else 0.0)

    # Student's plain interval of five: 2 * 2.4559 * 0.0015811 / sqrt 5.
    until = math.expm1(2 * stats.t.ppf(0.965, 4) * 0.001 * math.sqrt(2.5 / 5)) * (1 + slack)
    done = device(latency, replace(PLAN, until=until), delegates=("cpu", "gpu")).to_the_end()
    assert [one.blocks for one in done.decisions] == [blocks]


def test_a_control_runs_as_long_as_anything_does() -> None:
    """Each block of another run is divided by its control: a block without one would be lost."""
    trials = planned(("gpu", "cpu", "xnnpack"))

    def unequal(name: str, block: int) -> float:
        return noisy(name, block) if name == "gpu" else steady(name, block)

    without = Device(Stopping(PLAN, trials, {"delegate": "cpu"}), unequal).to_the_end()
    found = Device(Stopping(PLAN, trials, {"delegate": "cpu"}, control={"delegate": "xnnpack"}), unequal).to_the_end()
    assert without.blocks_of("xnnpack") < without.blocks_of("gpu")
    assert found.blocks_of("xnnpack") == found.blocks_of("gpu") == without.blocks_of("gpu")
    assert found.reasons() == without.reasons()


def test_where_a_cell_has_dropped_out_the_two_that_are_left_alternate() -> None:
    def unequal(name: str, block: int) -> float:
        return noisy(name, block) if name == "gpu" else steady(name, block)

    trials = planned(("gpu", "cpu", "xnnpack"))
    done = Device(Stopping(PLAN, trials, {"delegate": "cpu"}, balanced=True), unequal).to_the_end()
    assert [name for name, block in done.ran if block < 5] == ["gpu", "cpu", "xnnpack"] * 5, "as planned while all run"
    left = [tuple(name for name, block in done.ran if block == number) for number in range(5, 12)]
    assert {frozenset(order) for order in left} == {frozenset({"cpu", "gpu"})}
    assert 1 <= sum(one == two for one, two in pairwise(left)) <= 2
    stored = Device(Stopping(PLAN, trials, {"delegate": "cpu"}, balanced=True), unequal)
    while stored.one_step(most=1):  # killed after each process, and gone on with
        stored.stopping = Stopping(PLAN, trials, {"delegate": "cpu"}, balanced=True)
    assert stored.ran == done.ran
    kept = Device(Stopping(PLAN, trials, {"delegate": "cpu"}), unequal).to_the_end()
    assert [name for name, block in kept.ran if block > 4] == ["gpu", "cpu"] * 7, "a run of an older harness"


@pytest.mark.parametrize(("cells", "blocks"), [(None, 5), (1, 5), (3, 6), (40, 7)])
def test_a_difference_is_measured_until_the_table_can_say_so(cells: int | None, blocks: int) -> None:
    """5 blocks of a calm phone are narrow, but no verdict in a table of forty cells: the cells of all devices count."""
    trials = planned(("cpu", "gpu"))
    done = Device(Stopping(PLAN, trials, {"delegate": "cpu"}, cells=cells), steady).to_the_end()
    assert [(one.reason, one.blocks) for one in done.decisions] == [("narrow", blocks)]
    assert blocks == least_processes(cells or 1, 0.01, looks=((5, 12),))


def test_a_block_that_an_outlier_spoils_is_run_and_not_used() -> None:
    def latency(name: str, block: int) -> float:
        # Noise keeps it open beyond the eighth block; in the third, one side is ten times as slow.
        noise = 0.011 * (-1) ** block if name == "gpu" and block < 7 else 0.0005 * (block % 3)
        return 1000.0 * math.exp(noise) * (10 if (name, block) == ("gpu", 2) else 1)

    done = device(latency, delegates=("cpu", "gpu")).to_the_end()
    (one,) = done.decisions
    assert one.reason == "narrow"
    assert one.blocks >= 8
    ratios = [math.log(latency("gpu", block) / latency("cpu", block)) for block in range(one.blocks) if block != 2]
    assert (one.ci_low, one.ci_high) == pytest.approx(bounds(ratios))


def test_what_is_recorded_allows_for_the_step_in_which_values_are_printed() -> None:
    """Whole microseconds, 5 against 8: half a step of each side, as beside the verdict in `harness compare`."""
    done = device(lambda name, _: 5.0 if name == "cpu" else 8.0, delegates=("cpu", "gpu")).to_the_end()
    (one,) = done.decisions
    step = 1.1 * (1 + 0.5 / 8)
    assert (one.ratio, one.ci_low, one.ci_high) == pytest.approx((1.6, 1.6 / step, 1.6 * step))


def test_each_cell_is_compared_with_its_baseline() -> None:
    trials = [
        result(1.0, delegate=delegate, threads=threads).trial
        for threads in (1, 4)
        for delegate in ("cpu", "gpu", "nnapi")
    ]
    found = compared_cells(trials, {"delegate": "cpu"})
    assert {(head.delegate, head.threads): (base.delegate, base.threads) for head, base in found.items()} == {
        (delegate, threads): ("cpu", threads) for delegate in ("gpu", "nnapi") for threads in (1, 4)
    }
    assert compared_cells(trials, None) == {}
