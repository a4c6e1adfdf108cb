"""Effects of what ran before: planted ones are found with their size, and none is found where there is none."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import orders, predecessors
from harness.analysis.block_order import block_orders
from harness.analysis.carry_over import carry_over, noted
from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import group_by_cell
from harness.analysis.comparison import compare
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules
from harness.records import Result, Status
from tests.analysis.made_up import DELEGATES, ran, result

Effect = Callable[[str | None, str], float]


def none(before: str | None, cell: str) -> float:
    return 0.0


def heats(before: str | None, cell: str) -> float:
    return 0.03 if before == "gpu" else 0.0


def measured(
    cells: int, blocks: int, seed: int, effect: Effect = none, *, noise: float = 0.005, drift: float = 0.0
) -> list[Result]:
    """A process every two seconds, in a balanced order."""
    rng = np.random.default_rng(seed)
    orders = block_orders(range(cells), blocks, random.Random(seed))
    order = [(block, cell) for block, there in enumerate(orders) for cell in there]
    logs = []
    before = None
    for place, (_, cell) in enumerate(order):
        slower = effect(before, DELEGATES[cell]) + drift * place / len(order) + rng.normal(0, noise)
        logs.append(math.log(1000 * (1 + cell)) + float(slower))
        before = DELEGATES[cell]
    return ran(order, logs)


@pytest.mark.parametrize("cells", [2, 3, 5])
@pytest.mark.parametrize("drift", [0.0, 0.1])
def test_a_cell_that_heats_its_successor_is_found_with_its_size(cells: int, drift: float) -> None:
    (found,) = carry_over(measured(cells, 10, 1, heats, drift=drift))
    assert (found.after.delegate, found.cell, found.device) == ("gpu", None, "R5CT1")
    assert found.low < 0.0305 < found.high
    assert 0.02 < found.change < 0.04
    assert found.p_value <= 0.005
    assert found.n == pytest.approx(10, abs=1)
    assert found.words.startswith("after gpu, processes ran ")
    assert "let the device rest" in found.note.text
    assert "conditions: {idle_s: " in found.note.text
    assert not found.note.unlike


def test_without_an_effect_hardly_anything_is_found() -> None:
    seen = sum(bool(carry_over(measured(3, 10, seed, drift=0.05))) for seed in range(200))
    assert seen <= 7, "1 % of 200 is 2; 7 are four standard deviations"


def test_one_that_only_one_cell_feels_is_told_from_one_that_all_feel() -> None:
    def pushes_out(before: str | None, cell: str) -> float:
        return 0.05 if (before, cell) == ("gpu", "nnapi") else 0.0

    (found,) = carry_over(measured(3, 30, 2, pushes_out))
    assert found.cell is not None
    assert (found.after.delegate, found.cell.delegate) == ("gpu", "nnapi")
    assert found.words.startswith("after gpu, nnapi ran ")
    assert found.change == pytest.approx(0.05, abs=0.015)


def test_of_two_cells_the_one_after_which_it_is_slower_is_named() -> None:
    (found,) = carry_over(measured(2, 10, 3, lambda before, cell: -0.03 if before == "cpu" else 0.0))
    assert found.after.delegate == "gpu"
    assert found.low < found.change < found.high
    assert found.change > 0
    (plain,) = carry_over(measured(2, 10, 3, lambda before, cell: 0.03 if before == "cpu" else 0.0))
    assert plain.after.delegate == "cpu"
    assert plain.change == pytest.approx(0.03, abs=0.01)
    assert "slower" in plain.words


def test_too_little_data_says_nothing() -> None:
    assert carry_over([]) == ()
    assert carry_over(measured(2, 5, 1, heats)) == ()
    assert carry_over(measured(1, 20, 1, heats)) == ()
    equal = [replace(one, measurement=result(1000.0).measurement) for one in measured(3, 10, 1)]
    assert carry_over(equal) == ()


def test_the_order_of_running_counts_whatever_order_results_come_in() -> None:
    ran = measured(3, 10, 1, heats)
    shuffled = random.Random(1).sample(ran, len(ran))
    assert carry_over(shuffled) == carry_over(ran)


def test_a_process_that_never_ran_is_no_predecessor() -> None:
    ran = measured(3, 12, 1, heats)
    skipped = [
        replace(
            result(None, delegate="hexagon", block=one.trial.block, status=Status.SKIPPED), started_at=one.started_at
        )
        for one in ran
    ]
    assert carry_over([*ran, *skipped]) == carry_over(ran)


def test_an_outlier_is_no_effect_and_need_not_hide_one() -> None:
    def wild(ran: Sequence[Result]) -> list[Result]:
        slow = result(30_000.0).measurement
        return [replace(one, measurement=slow) if index == 13 else one for index, one in enumerate(ran)]

    assert carry_over(wild(measured(5, 10, 3))) == ()
    # Its block is left out, so a third of these orders still tells; none blames another cell.
    found = [[one.after.delegate for one in carry_over(wild(measured(5, 10, seed, heats)))] for seed in range(20)]
    assert found.count(["gpu"]) >= 4
    assert all(one in ([], ["gpu"]) for one in found)


def test_comparisons_that_it_concerns_carry_one_note() -> None:
    ran = measured(3, 10, 1, heats)
    cells = group_by_cell(ran)
    base = [cell for cell in cells if cell.key.delegate == "cpu"]
    source = RunContext(run_id="r")
    pairs = pair_cells(base, cells, apart=("delegate",))
    table = compare(pairs, source, source, metric=Metric.INFERENCE_AVG, rules=Rules(), apart=("delegate",))
    kinds = {one.key.delegate: [note.kind for note in one.notes] for one in noted(table, ran, ran).comparisons}
    assert kinds == {"gpu": ["carry_over"], "nnapi": []}
    assert noted(table, measured(3, 10, 5)) == table


def test_the_benchmark_finds_what_it_plants() -> None:
    assert predecessors.found(orders.HEATS, cells=2, blocks=10, noise=0.005, experiments=20).share >= 0.9
    assert predecessors.found(predecessors.NOTHING[0], cells=2, blocks=10, noise=0.005, experiments=50).share <= 0.06
