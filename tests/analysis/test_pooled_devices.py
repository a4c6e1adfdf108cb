"""One ratio over several devices: their log ratios are averaged block by block and treated like those of one device."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import group_by_cell
from harness.analysis.comparison import compare
from harness.analysis.metrics import Metric
from harness.analysis.ratio_interval import Estimate, paired, pooled, unpaired
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules, Verdict, judge
from harness.records import Result
from tests.analysis.made_up import OTHER_PHONE, PHONE, result
from tests.analysis.test_ratio_by_hand import ends

FIRST = [0.10, 0.12, 0.14, 0.16, 0.18]
SECOND = [0.02, 0.00, 0.04, 0.02, 0.06, 9.0, 9.0]


def test_blocks_are_averaged_in_their_order() -> None:
    found = pooled([paired(FIRST), paired(SECOND)])
    # 0.06, 0.06, 0.09, 0.09, 0.12: the median of the fifteen averages of two is 0.09, the ends are those of the five. Where
    # Student's reaches further, here below, a fifth of what lies between the second and the fourth is added: 0.2 x 0.03.
    assert math.log(found.ratio or 0) == pytest.approx(0.0825, abs=0.01)
    assert ends(found) == pytest.approx((0.06 - 0.2 * 0.03, 0.12))
    same = paired([0.06, 0.06, 0.09, 0.09, 0.12])
    assert (found.ratio, found.p_above(0.01)) == pytest.approx((same.ratio, same.p_above(0.01)))
    assert (found.design, found.base_n, found.head_n, found.values) == ("pooled", 12, 12, 5)
    assert found.mean_ratio is None


def test_all_levels_and_one_device() -> None:
    rows = np.random.default_rng(1).normal(0.02, 0.01, (3, 12))
    mean = paired(list(rows.mean(axis=0)), level=0.97)
    found = pooled([paired(list(row)) for row in rows], level=0.97)
    assert ends(found) == pytest.approx(ends(mean))
    assert found.level == 0.97
    assert ends(found.at(0.99)) == pytest.approx(ends(paired(list(rows.mean(axis=0)), level=0.99)))
    alone = pooled([paired(list(rows[0]))])
    assert ends(alone) == pytest.approx(ends(paired(list(rows[0]))))


def test_devices_have_equal_weight_however_noisy_or_long() -> None:
    rng = np.random.default_rng(1)
    few, many = paired(list(rng.normal(0.10, 0.005, 8))), paired(list(rng.normal(0.00, 0.02, 40)))
    found = pooled([few, many])
    assert found.ratio == pytest.approx(math.exp(0.05), abs=0.01)
    assert found.values == 8


def test_separate_runs_are_averaged_side_by_side() -> None:
    rng = np.random.default_rng(2)
    base, head = rng.normal(0.0, 0.01, (2, 9)), rng.normal([[0.02], [0.06]], 0.01, (2, 7))
    found = pooled([unpaired(list(b), list(h), drifts=False) for b, h in zip(base, head, strict=True)])
    same = unpaired(list(base.mean(axis=0)), list(head.mean(axis=0)), drifts=False)
    assert ends(found) == pytest.approx(ends(same))
    assert found.p_above(0.01) == pytest.approx(same.p_above(0.01))
    assert (found.base_n, found.head_n, found.values) == (18, 14, 7)


def test_a_drift_of_any_device_is_looked_for_in_the_averages() -> None:
    ramp, calm = [index / 100 for index in range(8)], [0.0, 0.001] * 4
    drifting = pooled([unpaired(ramp, [v + 0.5 for v in ramp]), unpaired(calm, [v + 0.5 for v in calm])])
    assert drifting.drift > 0
    still = pooled([unpaired(calm, [v + 0.5 for v in calm])] * 2)
    assert still.drift == 0


def test_the_resolution_is_the_average_of_the_logarithms() -> None:
    found = pooled([paired(FIRST, resolution=0.21), paired(FIRST)])
    assert found.resolution == pytest.approx(0.1), "the root of 1.21"
    assert ends(found) == pytest.approx((0.10 - math.log(1.1), 0.18 + math.log(1.1)))


def test_blocks_that_one_device_sets_aside_are_not_its_blocks() -> None:
    means = [0.0, 0.01, 0.0, 0.02, 9.0, 0.0, 0.01, 0.03]
    spoilt = paired([0.1, 0.1, 0.1, 0.1, 9.0, 0.1, 0.1, 0.1], means=means)
    assert spoilt.set_aside == 1
    found = pooled([spoilt, paired([0.1] * 8)])
    assert ends(found) == pytest.approx((0.1, 0.1))
    assert (found.base_n, found.values) == (16, 7)


@pytest.mark.parametrize(
    "lacking",
    [
        paired([0.1] * 4),
        Estimate(design="paired", base_n=9, head_n=9, ratio=1.1),
        unpaired([0.0] * 9, [0.1] * 9),
        unpaired([0.0] * 9, [0.1] * 4),
    ],
)
def test_a_device_with_too_little_or_of_another_kind_leaves_nothing_to_pool(lacking: Estimate) -> None:
    found = pooled([paired([0.1] * 5), lacking])
    assert (found.ratio, found.ci_low, found.sample) == (None, None, None)
    assert (found.base_n, found.head_n) == (5 + lacking.base_n, 5 + lacking.head_n)
    assert pooled([paired([0.1] * 5)]).ratio is not None, "five are enough"


def test_no_device_is_nothing() -> None:
    assert (pooled([]).ratio, pooled([]).base_n) == (None, 0)


def test_the_pooled_interval_covers() -> None:
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(300):
        found = pooled([paired(list(rng.normal(centre, 0.014, 8))) for centre in (0.02, 0.04, 0.03)])
        low, high = ends(found)
        hits += low <= 0.03 <= high
    assert 0.92 <= hits / 300 <= 0.99


def test_processes_of_two_modes_on_two_devices_are_no_difference() -> None:
    """Two devices on which each process is 10 % slower by the toss of a coin, nothing else: "faster" or "slower" in 6.5 to 8.9 % before."""
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(400):
        base, head = 0.1 * rng.integers(0, 2, (2, 2, 20)) + rng.normal(0, 0.001, (2, 2, 20))
        devices = [paired(list(h - b)) for b, h in zip(base, head, strict=True)]
        (found,) = judge([pooled(devices)], Rules())
        wrong += found.verdict is not Verdict.INCONCLUSIVE
    assert wrong <= 9, "1 % of 400, and two standard deviations"


def test_a_line_of_all_devices_says_what_was_asked_there() -> None:
    def both(delegate: str, factor: float) -> list[Result]:
        return [
            result(
                factor * (1000.0 + block % 3),
                block=block,
                model="net",
                delegate=delegate,
                threads=4,
                cpus="little",
                binary="new",
                device=phone.serial,
            )
            for phone in (PHONE, OTHER_PHONE)
            for block in range(10)
        ]

    pairs = pair_cells(group_by_cell(both("cpu", 1.0)), group_by_cell(both("gpu", 0.5)), apart=("delegate",))
    source = RunContext(run_id="r")
    found = compare(pairs, source, source, metric=Metric.INFERENCE_AVG, rules=Rules(), apart=("delegate",))
    (one,) = found.overall
    asked = (one.model, one.delegate, one.threads, one.cpus, one.binary, one.devices, one.synthetic)
    assert asked == ("net", "gpu", 4, "little", "new", (PHONE.serial, OTHER_PHONE.serial), False)
    assert one.estimate.ratio == pytest.approx(0.5, abs=0.002)
    assert one.judgement.verdict is Verdict.FASTER
