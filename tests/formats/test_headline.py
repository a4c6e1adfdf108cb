"""The answer of a run in a sentence."""

from __future__ import annotations

import pytest

from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import group_by_cell
from harness.analysis.comparison import compare
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules
from harness.formats.headline import headlines
from harness.records import Result
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell
from tests.cli.comparable_runs import noise


def said(results: list[Result]) -> list[str]:
    cells = group_by_cell(results)
    base = [one for one in cells if one.key.delegate == "cpu"]
    run = RunContext(run_id="a")
    pairs = pair_cells(base, cells, apart=("delegate",))
    table = compare(pairs, run, run, metric=Metric.INFERENCE_AVG, rules=Rules(), apart=("delegate",), ops=False)
    return [
        f"{one.values['delegate']} {one.words().format('cpu')} ({one.evidence()}) on {one.devices}"
        for one in headlines(table, ["delegate"])
    ]


def both(
    head: float, *, model: str = "m", device: str = PHONE.serial, delegate: str = "xnnpack", seed: int = 1
) -> list[Result]:
    """A model on the built-in kernels at 1 ms, and on a delegate at `head` microseconds."""
    cpu = cell(noise(seed, spread=0.001, count=16), model=model, device=device)
    return [*cpu, *cell(noise(seed + 1, head, spread=0.001, count=16), model=model, device=device, delegate=delegate)]


def test_one_comparison_is_said_with_its_interval() -> None:
    [text] = said(both(312.5))
    assert text.startswith("xnnpack is 3.2x faster than cpu (3.2x to 3.2x) on 1")
    [text] = said(both(1250.0))
    assert text.startswith("xnnpack is 25 % slower than cpu (2")
    assert said(both(1000.0, seed=3)) == ["xnnpack is as fast as cpu (within 0.12 %) on 1"]


def test_one_model_on_two_devices_is_said_with_the_interval_of_both_together() -> None:
    [text] = said([*both(250.0), *both(250.0, device=OTHER_PHONE.serial, seed=5)])
    assert text == "xnnpack is 4.0x faster than cpu (4.0x to 4.0x) on 2"


def test_several_models_are_said_with_their_range() -> None:
    [text] = said([*both(500.0), *both(200.0, model="n", seed=5), *both(250.0, model="o", seed=9)])
    assert text == "xnnpack is 4.0x faster than cpu (median of 3 comparisons, each of them sure: 2.0x to 5.0x) on 1"


def test_models_that_do_not_agree_are_counted() -> None:
    [text] = said([*both(500.0), *both(2000.0, model="n", seed=5), *both(1000.0, model="o", seed=9)])
    assert text == "xnnpack is faster than cpu in 1 of 3 comparisons, slower in 1, as fast in 1 () on 1"


def test_too_few_processes_are_no_answer() -> None:
    few = [one for one in both(250.0) if one.trial.block < 3]
    assert said(few) == []


@pytest.mark.parametrize(("ratio", "size"), [(0.52, "48 % faster"), (0.5, "2.0x faster"), (0.004, "250x faster")])
def test_small_differences_are_a_share_and_large_ones_a_factor(ratio: float, size: str) -> None:
    [text] = said(both(1000 * ratio))
    assert f"is {size} than cpu" in text


def test_each_delegate_has_a_sentence() -> None:
    found = said([*both(500.0), *cell(noise(7, 250.0), delegate="gpu")])
    assert [text.split(" is ")[0] for text in found] == ["gpu", "xnnpack"]
