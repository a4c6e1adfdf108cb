"""What remains of both sides after division by the control, by hand; the canary as a control; and why a control does not count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.analysis.cell_selection import Pair
from harness.analysis.cells import group_by_cell
from harness.analysis.control import Controlled, Controls
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.records import Conditions, DeviceInfo, ModelRef, Result, Scalar, Status
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell, result

FIVE = [1000.0, 1010.0, 1020.0, 1030.0, 1040.0]


def of(
    base: Sequence[Result],
    head: Sequence[Result],
    *,
    control: dict[str, Scalar] | None = None,
    model: str = "n",
    metric: Metric = Metric.INFERENCE_AVG,
    models: tuple[tuple[ModelRef, ...], tuple[ModelRef, ...]] = ((), ()),
    devices: tuple[DeviceInfo | None, DeviceInfo | None] = (PHONE, PHONE),
    ids: tuple[str, str] = ("a", "b"),
) -> tuple[Controlled | None, str | None]:
    cells = [group_by_cell(side) for side in (base, head)]
    base_run, head_run = (
        RunContext(
            run_id=name,
            devices={device.serial: device} if device else {},
            control=control,
            cells=tuple(own),
            models=known,
        )
        for name, device, own, known in zip(ids, devices, cells, models, strict=True)
    )
    ours, theirs = (next(one for one in own if one.key.model == model) for own in cells)
    return Controls(base_run, head_run, metric).of(Pair(base=ours, head=theirs))


def ratios(found: Controlled | None) -> tuple[list[float], list[float]]:
    assert found is not None
    return [math.exp(log) for log in found.base], [math.exp(log) for log in found.head]


def test_each_process_is_divided_by_the_control_of_its_block() -> None:
    base = [*cell(FIVE, model="n"), *cell([500.0, 505.0, 510.0, 515.0, 520.0])]
    head = [*cell([1100.0] * 5, model="n"), *cell([550.0] * 5)]
    found, why = of(base, head, control={"model": "m"})
    assert why is None
    assert found is not None
    # The control is 500 to 520 in base and 550 in head; the level that both share cancels.
    level = math.sqrt(math.exp(math.fsum(map(math.log, (500, 505, 510, 515, 520))) / 5) * 550)
    ours, theirs = ratios(found)
    assert ours == pytest.approx([2 * level] * 5)
    assert theirs == pytest.approx([2 * level] * 5)
    assert found.moved == pytest.approx(550 / (500 * 505 * 510 * 515 * 520) ** 0.2)
    assert found.name == "m cpu 1 thr big"
    assert found.resolution == pytest.approx((1 + 0.5 / 510) * (1 + 0.5 / 550) - 1)


def test_the_name_is_head_s_and_the_coarsest_control_gives_the_step() -> None:
    def fine(value: float, **more: Any) -> list[Result]:
        return cell([value] * 5, **more)

    base = [*fine(1000.5, model="n"), *fine(500.0), *fine(5.0, delegate="gpu")]
    head = [*fine(1000.5, model="n"), *fine(500.0), *fine(5.0, delegate="gpu")]
    renamed = [
        replace(one, trial=replace(one.trial, model=replace(one.trial.model, name="m2")))
        if one.trial.model.name == "m"
        else one
        for one in head
    ]
    found, _ = of(base, head, control={"model": "m"})
    assert found is not None
    assert found.name == "m cpu 1 thr big and 1 more"
    assert found.resolution == pytest.approx(1.1**2 - 1), "printed in whole microseconds: half a step of 5 is 10 %"
    other, _ = of(base, renamed, control={"threads": 1})
    assert other is not None
    assert other.name.startswith("n cpu"), "the cell itself is the first of all that were named"


@pytest.mark.parametrize(("shared", "counts"), [(5, True), (4, False)])
def test_five_processes_must_share_a_block_with_the_control(shared: int, counts: bool) -> None:
    base = [*cell([1000.0] * 8, model="n"), *cell([500.0] * 8)]
    head = [*cell([1000.0] * 8, model="n"), *cell([500.0] * shared)]
    for ours, theirs in ((base, head), (head, base)):
        found, why = of(ours, theirs, control={"model": "m"})
        assert (found is not None) is counts
        if not counts:
            text = "the control m cpu 1 thr big does not count: only 4 of 8 processes share a block with it"
            assert why == text


def test_a_side_of_three_processes_needs_the_control_in_three_blocks() -> None:
    base = [*cell([1000.0] * 3, model="n"), *cell([500.0] * 8)]
    assert of(base, base, control={"model": "m"})[0] is not None
    fewer = [*cell([1000.0] * 3, model="n"), *cell([500.0] * 2)]
    assert of(base, fewer, control={"model": "m"})[1] == (
        "the control m cpu 1 thr big does not count: only 2 of 3 processes share a block with it"
    )


def test_a_side_without_the_control_is_named() -> None:
    whole = [*cell([1000.0] * 5, model="n"), *cell([500.0] * 5)]
    alone = cell([1000.0] * 5, model="n")
    assert of(alone, whole, control={"model": "m"})[1] == (
        "the control (model m) does not count: BASE has no average latency of it"
    )
    assert of(whole, alone, control={"model": "m", "threads": 1})[1] == (
        "the control (model m, threads 1) does not count: HEAD has no average latency of it"
    )
    mixed = [replace(one, artifact_sha256="f" * 64) if one.trial.block == 2 else one for one in whole]
    for ours, theirs, side in ((mixed, whole, "BASE"), (whole, mixed, "HEAD")):
        assert of(ours, theirs, control={"model": "m"})[1] == (
            f"the control (model m) does not count: it is not known to be of one model and one binary throughout {side}"
        )


def test_only_failures_say_nothing_of_what_ran() -> None:
    whole = [*cell([1000.0] * 5, model="n"), *cell([500.0] * 5)]
    other = [replace(one, artifact_sha256="f" * 64, status=Status.FAILED) for one in cell([None] * 2)]
    for one in other:
        assert one.trial.model.name == "m"
    assert of(whole, [*whole, *other], control={"model": "m"})[0] is not None


def test_within_one_run_and_between_devices_nothing_is_divided() -> None:
    results = [*cell([1000.0] * 5, model="n"), *cell([500.0] * 5)]
    assert of(results, results, control={"model": "m"}, ids=("a", "a")) == (None, None)
    other = replace(OTHER_PHONE, serial=PHONE.serial)
    assert of(results, results, control={"model": "m"}, devices=(PHONE, other)) == (
        None,
        "no control: the two runs are of different devices",
    )
    for known in ((PHONE, None), (None, PHONE), (None, None)):
        assert of(results, results, control={"model": "m"}, devices=known)[0] is not None, "nothing says they differ"
    assert of(results, results) == (None, None), "neither a control nor a canary"


def canary(
    values: Sequence[float],
    us: Sequence[float | None],
    *,
    model: str = "n",
    simulated: tuple[str, ...] = (),
    **more: Any,
) -> list[Result]:
    return [
        result(value, model=model, block=block, conditions=Conditions(canary_us=time, simulated=simulated), **more)
        for block, (value, time) in enumerate(zip(values, us, strict=True))
    ]


def test_without_a_named_control_the_canary_is_divided_away() -> None:
    base = canary([1000.0] * 5, [100.0] * 5)
    head = canary([1100.0, 1200.0, 1300.0, 1400.0, 1500.0], [110.0, 120.0, 130.0, 140.0, 150.0])
    found, why = of(base, head)
    assert why is None
    assert found is not None
    assert found.name == "canary"
    assert ratios(found)[0] == pytest.approx([10.0] * 5)
    assert ratios(found)[1] == pytest.approx([10.0] * 5)
    assert found.moved == pytest.approx((1.1 * 1.2 * 1.3 * 1.4 * 1.5) ** 0.2)
    assert found.resolution == 0.0


def test_a_named_control_comes_before_the_canary() -> None:
    base = [*canary([1000.0] * 5, [100.0] * 5), *canary([500.0] * 5, [100.0] * 5, model="m")]
    head = [*canary([1000.0] * 5, [100.0] * 5), *canary([550.0] * 5, [100.0] * 5, model="m")]
    found, _ = of(base, head, control={"model": "m"})
    assert found is not None
    assert found.moved == pytest.approx(1.1)


@pytest.mark.parametrize("metric", list(Metric))
def test_the_canary_says_nothing_of_loading_and_memory(metric: Metric) -> None:
    results = canary([1000.0] * 5, [100.0] * 5)
    timed = metric in (Metric.INFERENCE_AVG, Metric.MEDIAN, Metric.P5, Metric.P95)
    if metric is Metric.P5:
        results = [replace(one, measurement=with_p5(one)) for one in results]
    assert (of(results, results, metric=metric)[0] is not None) is timed


def with_p5(one: Result) -> Any:
    assert one.measurement is not None
    assert one.measurement.runs is not None
    return replace(one.measurement, runs=replace(one.measurement.runs, p5=900.0))


UNTIMED: dict[str, list[Result]] = {
    "one block was not timed": canary([1000.0] * 5, [100.0, None, 100.0, 100.0, 100.0]),
    "it was modelled": canary([1000.0] * 5, [100.0] * 5, simulated=("canary_us",)),
    "two binaries": [
        *canary([1000.0] * 5, [100.0] * 5),
        *canary([500.0] * 5, [100.0] * 5, model="m", artifact="other"),
    ],
    "an unknown binary": [replace(one, artifact_sha256=None) for one in canary([1000.0] * 5, [100.0] * 5)],
    "other cores": [
        replace(one, trial=replace(one.trial, cpus=replace(one.trial.cpus, mask=3)))
        for one in canary([1000.0] * 5, [100.0] * 5)
    ],
    "another binary": canary([1000.0] * 5, [100.0] * 5, artifact="other"),
    "two masks": [
        replace(one, trial=replace(one.trial, cpus=replace(one.trial.cpus, mask=3))) if number > 2 else one
        for number, one in enumerate(canary([1000.0] * 5, [100.0] * 5))
    ],
}


@pytest.mark.parametrize("name", UNTIMED)
def test_a_canary_of_which_anything_is_unknown_or_unlike_does_not_count(name: str) -> None:
    good = canary([1000.0] * 5, [100.0] * 5)
    assert of(good, UNTIMED[name]) == (None, None)
    assert of(UNTIMED[name], good) == (None, None)


def test_two_sides_of_which_nothing_is_known_are_not_alike() -> None:
    unknown = UNTIMED["an unknown binary"]
    assert of(unknown, unknown) == (None, None)
    mixed = UNTIMED["two masks"]
    assert of(mixed, mixed) == (None, None)


def test_a_block_without_a_value_needs_no_canary() -> None:
    good = canary([1000.0] * 6, [100.0] * 6)
    silent = [
        replace(one, conditions=Conditions(), status=Status.FAILED) if one.trial.block == 2 else one for one in good
    ]
    found, _ = of(good, silent)
    assert found is not None
    assert (len(found.base), len(found.head)) == (6, 5)


def test_the_smallest_model_of_the_suite_is_the_canary_s() -> None:
    good = canary([1000.0] * 5, [100.0] * 5)
    small, other = (ModelRef(name=name, path=name, sha256=name * 64, size_bytes=1) for name in "ab")
    large = replace(other, size_bytes=9)
    assert of(good, good, models=((small, large), (large, small)))[0] is not None
    assert of(good, good, models=((small, large), (large,))) == (None, None)
    assert of(good, good, models=((small,), (other,))) == (None, None)
    assert of(good, good, models=((replace(small, size_bytes=2),), (small,)))[0] is not None
    fed = replace(small, signature="serve")
    assert of(good, good, models=((small,), (fed,))) == (None, None)


def test_only_the_device_s_own_cells_say_what_its_canary_ran() -> None:
    good = canary([1000.0] * 5, [100.0] * 5)
    elsewhere = canary([1000.0] * 5, [None] * 5, device=OTHER_PHONE.serial, artifact="other")
    assert of([*good, *elsewhere], [*good, *elsewhere])[0] is not None


@pytest.mark.parametrize("side", [0, 1])
def test_a_measured_control_does_not_divide_a_modelled_cell(side: int) -> None:
    good = [*cell([1000.0] * 5, model="n"), *cell([500.0] * 5)]
    modelled = [replace(one, synthetic=one.trial.model.name == "n") for one in good]
    sides = [good, good]
    sides[side] = modelled
    text = "the control m cpu 1 thr big does not count: of it and the cell, one is synthetic and the other was measured"
    assert of(*sides, control={"model": "m"}) == (None, text)
    both = [replace(one, synthetic=True) for one in good]
    assert of(both, both, control={"model": "m"})[0] is not None
    assert of(modelled, modelled, control={"model": "m"}) == (None, text)


def test_a_control_that_is_measured_on_one_side_only_is_none() -> None:
    good = [*cell([1000.0] * 5, model="n"), *cell([500.0] * 5)]
    modelled = [replace(one, synthetic=one.trial.model.name == "m") for one in good]
    assert of(good, modelled, control={"model": "m"}) == (
        None,
        "the control (model m) does not count: one side is synthetic and the other was measured",
    )
