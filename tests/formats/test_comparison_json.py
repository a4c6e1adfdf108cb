from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import group_by_cell
from harness.analysis.comparison import compare
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules
from harness.formats.comparison_json import comparison_document
from harness.records import CpuRequest, Purpose, Result
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell, op, result


def document(base: list[Result], head: list[Result], *apart: str) -> dict[str, Any]:
    run = RunContext(run_id="a", devices={PHONE.serial: PHONE, OTHER_PHONE.serial: OTHER_PHONE})
    pairs = pair_cells(group_by_cell(base), group_by_cell(head), apart=apart)
    table = compare(pairs, run, run, metric=Metric.INFERENCE_AVG, rules=Rules(), apart=apart)
    found: dict[str, Any] = json.loads(json.dumps(comparison_document(table, "A", "B"), allow_nan=False))
    return found


def test_cores_are_named_by_the_suites_word_and_by_their_mask_and_threads_are_a_number() -> None:
    profiled = [
        result(2.0, purpose=Purpose.PROFILE, delegate=name, ops=[op(0, "A", "[a]", 1.0)]) for name in ("cpu", "gpu")
    ]
    found = document([*cell([1.0] * 5), profiled[0]], [*cell([1.0] * 5, delegate="gpu"), profiled[1]], "delegate")
    [one], [ops] = found["comparisons"], found["ops"]
    for part in (one, ops):
        assert (part["cpus"], part["cpus_asked"]) == ("f0", "big"), "as it always was"
        assert (part["cpus_label"], part["cpus_mask"], part["threads"]) == ("big", "f0", 1)
    for side in (one["base"], one["head"]):
        assert side["cell"]["cpus"] == side["cell"]["cpus_label"] == "big"
        assert (side["cell"]["cpus_mask"], side["cell"]["threads"]) == ("f0", 1)


def test_sides_with_other_cores_each_say_their_own() -> None:
    little = [
        replace(one, trial=replace(one.trial, cpus=CpuRequest(label="little", mask=0x0F))) for one in cell([1.0] * 5)
    ]
    [one] = document(cell([1.0] * 5), little, "cpus")["comparisons"]
    assert [one[side]["cell"]["cpus_mask"] for side in ("base", "head")] == ["f0", "f"]
    assert [one[side]["cell"]["cpus_label"] for side in ("base", "head")] == ["big", "little"]
    assert (one["cpus"], one["cpus_mask"], one["cpus_label"]) == ("f", "f", "little")


def test_a_side_without_the_cell_says_nothing_of_it() -> None:
    [one] = document([], cell([1.0] * 5))["comparisons"]
    assert one["base"] == {
        **{"n": 0, "estimate_us": None, "cell": None, "statuses": {}, "causes": []},
        **{"synthetic": False, "output_differs": False},
    }


def test_all_devices_together_name_the_cores_by_the_suites_word() -> None:
    def both(delegate: str) -> list[Result]:
        return [*cell([1.0] * 5, delegate=delegate), *cell([2.0] * 5, delegate=delegate, device=OTHER_PHONE.serial)]

    [overall] = document(both("cpu"), both("gpu"), "delegate")["overall"]
    assert (overall["cpus_asked"], overall["cpus_label"]) == ("big", "big")
