"""Controls of two separate runs, on processes whose shift and change are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import group_by_cell
from harness.analysis.comparison import Table, compare
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules, Verdict
from harness.records import DeviceInfo, Purpose, Result, Scalar
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell, op, result


def run(
    name: str,
    results: Sequence[Result],
    control: dict[str, Scalar] | None,
    devices: Sequence[DeviceInfo] = (PHONE, OTHER_PHONE),
) -> RunContext:
    return RunContext(
        run_id=name,
        devices={one.serial: one for one in devices},
        harness_version="1",
        control=control,
        cells=tuple(group_by_cell(results)),
    )


def compared(
    base: Sequence[Result],
    head: Sequence[Result],
    control: dict[str, Scalar] | None,
    *,
    devices: Sequence[DeviceInfo] = (PHONE, OTHER_PHONE),
    metric: Metric = Metric.INFERENCE_AVG,
) -> Table:
    pairs = pair_cells(group_by_cell(base), group_by_cell(head))
    return compare(pairs, run("base", base, control), run("head", head, control, devices), metric=metric, rules=Rules())


def day(rng: np.random.Generator, cells: int, *, shift: float, noise: float = 0.01, count: int = 10) -> list[Result]:
    """A run of so many models and a control, with a shift of its own and a slow drift that hits all alike."""
    drift = np.cumsum(rng.normal(0, 0.005, count)) + rng.normal(0, shift)
    found = []
    for number in range(cells + 1):
        values = list(1000.0 * (number + 1) * np.exp(drift + rng.normal(0, noise, count)))
        found += cell(values, model=f"m{number}")
    return found


def test_tables_of_two_days_where_nothing_changed() -> None:
    rng = np.random.default_rng(5)
    tables, sure, suspected = 150, 0, 0
    for _ in range(tables):
        base, head = (day(rng, 5, shift=0.02) for _ in range(2))
        wrong = (Verdict.FASTER, Verdict.SLOWER)
        sure += any(one.verdict in wrong for one in compared(base, head, {"model": "m0"}).comparisons)
        without = compared(base, head, None).comparisons
        assert not any(one.verdict in (*wrong, Verdict.SAME) for one in without)
        suspected += any(one.verdict is Verdict.SUSPECTED for one in without)
    assert sure / tables <= 0.02
    assert suspected / tables > 0.1, "the shift is there to be seen"


def test_several_cells_are_one_control_though_a_block_lacks_some() -> None:
    # The second control takes ten times as long: in blocks where it is missing the level must not jump.
    base = [*cell([1000.0] * 10, model="n"), *cell([500.0] * 10), *cell([5000.0] * 10, delegate="gpu")]
    head = [*cell([1100.0] * 10, model="n"), *cell([550.0] * 10), *cell([5500.0] * 10, delegate="gpu")[:6]]
    (one,) = compared(base, head, {"model": "m"}).comparisons
    assert one.control == "m cpu 1 thr big and 1 more"
    assert one.estimate.ratio == pytest.approx(1.0)


def test_blocks_count_not_the_order_of_results() -> None:
    drift = [1.0 + 0.1 * block for block in range(10)]
    base = [*cell([1000.0 * d for d in drift], model="n"), *cell([500.0 * d for d in drift])]
    head = [*cell([1050.0 * d for d in drift], model="n"), *cell([500.0 * d for d in drift])]
    (one,) = compared(base[::-1], head, {"model": "m"}).comparisons
    assert one.estimate.ratio == pytest.approx(1.05)
    assert one.estimate.drift == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"artifact_sha256": "f" * 64}, "the benchmark binary differs"),
        ({"model": "f" * 64}, "the model file differs"),
        ({"mask": 0x3}, "the cores differ"),
        ({"synthetic": True}, "one side is synthetic"),
        ({"artifact_sha256": None}, "not known to be of one model and one binary"),
    ],
)
def test_what_is_unlike_in_the_two_runs_is_no_control(change: dict[str, object], why: str) -> None:
    base = [*cell([1000.0] * 10, model="n"), *cell([500.0] * 10)]
    head = [*cell([1050.0] * 10, model="n"), *(changed(one, change) for one in cell([500.0] * 10))]
    found = compared(base, head, {"model": "m"})
    (one,) = [one for one in found.comparisons if one.key.model == "n"]
    assert (one.verdict, one.control, one.sure) == (Verdict.SUSPECTED, None, False)
    assert any(why in note.text for note in one.notes if note.kind == "no_control")
    assert len(found.comparisons) == 2, "what is no control is a cell like any other"
    assert found.control_missing


def changed(one: Result, change: dict[str, object]) -> Result:
    trial = one.trial
    if "model" in change:
        trial = replace(trial, model=replace(trial.model, sha256=str(change["model"])))
    if "mask" in change:
        trial = replace(trial, cpus=replace(trial.cpus, mask=3))
    rest = {key: value for key, value in change.items() if key not in ("model", "mask")}
    return replace(one, trial=trial, **rest)  # type: ignore[arg-type]


def test_a_control_of_a_run_that_used_two_binaries_is_none() -> None:
    base = [*cell([1000.0] * 10, model="n"), *cell([500.0] * 10)]
    mixed = [replace(one, artifact_sha256="f" * 64) if one.trial.block > 6 else one for one in cell([500.0] * 10)]
    head = [*cell([1050.0] * 10, model="n"), *mixed]
    found = compared(base, head, {"model": "m"}).comparisons
    assert all(one.control is None for one in found)


def test_another_unit_of_the_phone_is_another_device() -> None:
    base = [*cell([1000.0] * 10, model="n"), *cell([500.0] * 10)]
    twin = replace(PHONE, serial="R5CT9")
    head = [
        replace(one, trial=replace(one.trial, device=twin.serial))
        for one in [*cell([1050.0] * 10, model="n"), *cell([500.0] * 10)]
    ]
    pairs = pair_cells(group_by_cell(base), group_by_cell(head), devices={PHONE.serial: twin.serial})
    control: dict[str, Scalar] = {"model": "m"}
    found = compare(
        pairs,
        run("base", base, control),
        run("head", head, control, (twin,)),
        metric=Metric.INFERENCE_AVG,
        rules=Rules(),
    )
    assert all(one.verdict is not Verdict.SLOWER for one in found.comparisons)
    assert any("different devices" in note.text for one in found.comparisons for note in one.notes)


def test_a_serial_that_another_virtual_profile_had_is_another_device() -> None:
    base = [*cell([1000.0] * 10, model="n"), *cell([500.0] * 10)]
    head = [*cell([1050.0] * 10, model="n"), *cell([505.0] * 10)]
    other = replace(PHONE, model="Pixel 6", virtual=True)
    assert [one.control for one in compared(base, head, {"model": "m"}, devices=(other,)).comparisons] == [None, None]


def test_within_one_run_a_control_is_a_cell_like_any_other() -> None:
    results = [*cell([1000.0, 1001.0] * 5, model="n"), *cell([500.0, 501.0] * 5)]
    source = run("one", results, {"model": "m"})
    cells = group_by_cell(results)
    pairs = pair_cells(cells[:1], cells, apart=("model",))
    found = compare(pairs, source, source, metric=Metric.INFERENCE_AVG, rules=Rules(), apart=("model",))
    (one,) = found.comparisons
    assert (one.key.model, one.verdict, one.control) == ("m", Verdict.FASTER, None)


def test_separate_runs_with_a_control_are_not_blamed_for_a_drift() -> None:
    def noted(control: dict[str, Scalar] | None) -> bool:
        base, head = (day(np.random.default_rng(seed), 1, shift=0.02) for seed in (1, 2))
        table = compared(base, head, control)
        return any("a drift between the runs" in note.text for one in table.comparisons for note in one.notes)

    assert noted(None)
    assert not noted({"model": "m0"})


def test_the_control_is_taken_in_the_metric_that_is_compared() -> None:
    base = [*cell([1000.0] * 10, model="n"), *cell([500.0] * 10)]
    head = [*cell([1100.0] * 10, model="n"), *cell([550.0] * 10)]
    (one,) = compared(base, head, {"model": "m"}, metric=Metric.INIT).comparisons
    assert one.estimate.ratio == pytest.approx(1.0)
    found = compared(base, head, {"model": "m"}, metric=Metric.PEAK_MEMORY).comparisons
    assert all(one.control is None for one in found)


def test_ops_of_two_runs_are_suspected_at_most() -> None:
    def profiles(cost: float) -> list[Result]:
        noise = np.random.default_rng(int(cost)).normal(0, 0.5, 8)
        return [
            result(
                1000.0 + cost,
                model="n",
                purpose=Purpose.PROFILE,
                block=20 + i,
                ops=[op(0, "CONV_2D", "[c]:0", cost + noise[i])],
            )
            for i in range(8)
        ]

    base = [*cell([1000.0] * 10, model="n"), *profiles(700.0), *cell([500.0] * 10)]
    head = [*cell([1050.0] * 10, model="n"), *profiles(900.0), *cell([500.0] * 10)]
    (one,) = compared(base, head, {"model": "m"}).comparisons
    assert [judged and judged.verdict for judged in one.op_judgements] == [Verdict.SUSPECTED]
    assert math.isclose(one.estimate.ratio or 0, 1.05)


def test_all_devices_together_are_as_sure_as_the_least_sure() -> None:
    def both(factor: float, control: bool) -> list[Result]:
        rng = np.random.default_rng(round(1000 * factor))
        found = []
        for phone in (PHONE, OTHER_PHONE):
            found += cell(list(1000.0 * factor * np.exp(rng.normal(0, 0.002, 10))), model="n", device=phone.serial)
            if control or phone is PHONE:
                found += cell(list(500.0 * np.exp(rng.normal(0, 0.002, 10))), device=phone.serial)
        return found

    for control, verdict in ((True, Verdict.SLOWER), (False, Verdict.SUSPECTED)):
        (overall,) = compared(both(1.0, control), both(1.1, control), {"model": "m"}).overall
        assert overall.judgement.verdict is verdict
