from __future__ import annotations

import math

import pytest

from harness.analysis.ratio_interval import Design, Estimate
from harness.analysis.verdict import Rules, Verdict, benjamini_hochberg, judge, more_processes


def estimate(ratio: float, low: float, high: float, p: float, n: int = 10) -> Estimate:
    return Estimate(design="paired", base_n=n, head_n=n, ratio=ratio, ci_low=low, ci_high=high, p_value=p)


def verdict(one: Estimate, **rules: float) -> Verdict:
    return judge([one], Rules(**rules))[0].verdict


def test_benjamini_and_hochbergs_own_example() -> None:
    # The fifteen p-values of their article, section 3.1: four are rejected at 0.05.
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]
    adjusted = benjamini_hochberg(p)
    assert sum(value <= 0.05 for value in adjusted) == 4
    assert adjusted[0] == pytest.approx(0.0015)
    assert adjusted == sorted(adjusted)
    assert benjamini_hochberg(p[::-1]) == adjusted[::-1]
    assert benjamini_hochberg([]) == []


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (estimate(1.03, 1.02, 1.04, 0.001), Verdict.SLOWER),
        (estimate(1 / 1.03, 1 / 1.04, 1 / 1.02, 0.001), Verdict.FASTER),
        (estimate(1.0, 0.995, 1.005, 0.5), Verdict.SAME),
        (estimate(1.005, 1.002, 1.008, 0.001), Verdict.SAME),  # surely different, but too little to matter
        (estimate(1.02, 1.005, 1.04, 0.002), Verdict.INCONCLUSIVE),  # surely different, perhaps too little
        (estimate(1.03, 1.02, 1.04, 0.02), Verdict.INCONCLUSIVE),  # not sure enough
        (estimate(1.03, 1.02, 1.04, 0.0001, n=4), Verdict.INCONCLUSIVE),  # too few to say anything
    ],
)
def test_verdicts(one: Estimate, expected: Verdict) -> None:
    assert verdict(one) is expected


def test_the_region_of_indifference_is_the_users() -> None:
    assert verdict(estimate(1.03, 1.02, 1.04, 0.001), min_effect=0.05) is Verdict.SAME


def test_a_table_of_many_cells_asks_for_more() -> None:
    one, nothing = estimate(1.03, 1.02, 1.04, 0.004), estimate(1.0, 0.98, 1.02, 0.8)
    assert judge([one], Rules())[0].verdict is Verdict.SLOWER
    assert judge([one, *[nothing] * 9], Rules())[0].verdict is Verdict.INCONCLUSIVE
    assert judge([one] * 10, Rules())[0].verdict is Verdict.SLOWER
    # A cell without enough processes is no test and makes no other stricter.
    assert judge([one, *[estimate(1, 1, 1, 1, n=3)] * 9], Rules())[0].verdict is Verdict.SLOWER


def test_the_gate_breaks_only_where_the_whole_interval_is_beyond_it() -> None:
    slower = estimate(1.05, 1.02, 1.08, 0.001)
    assert judge([slower], Rules(gate=0.01))[0].gate_broken
    assert not judge([slower], Rules(gate=0.03))[0].gate_broken
    assert not judge([slower], Rules())[0].gate_broken
    assert not judge([estimate(1.05, 1.04, 1.06, 0.2)], Rules(gate=0.03))[0].gate_broken
    assert not judge([estimate(0.5, 0.4, 0.6, 0.001)], Rules(gate=0.03))[0].gate_broken


def test_too_few_processes_say_how_many_are_missing() -> None:
    (found,) = judge([Estimate(design="paired", base_n=1, head_n=1, ratio=1.2)], Rules())
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.more_processes == 4
    assert "at least 5" in found.reasons[0]
    assert found.q_value is None


def test_how_many_more_would_decide() -> None:
    # Half the width at n = 10 is 1.5 %; to lie beyond 1 % with a ratio of 1.02 it must shrink to 1 %: (1.5)^2 * 10 = 22 in all.
    more = more_processes(estimate(1.02, 1.005, 1.035, 0.05), Rules())
    assert more is not None
    assert 10 <= more <= 16
    # To be found the same, an estimate of 1.00 needs less than 1 %.
    assert more_processes(estimate(1.0, 0.985, 1.0152, 0.9), Rules()) == pytest.approx(11, abs=3)
    # On the very edge nothing decides.
    assert more_processes(estimate(1.01, 0.99, 1.03, 0.2), Rules()) is None


def test_the_correction_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4/1, 4/2, 4/3, 4/4 is 0.02, 0.02, 0.04, 0.04.
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    # What comes later and is smaller counts for those before: 0.02 * 3, 0.03 * 3/2, 0.03.
    assert benjamini_hochberg([0.02, 0.03, 0.03]) == pytest.approx([0.03, 0.03, 0.03])
    assert benjamini_hochberg([0.7]) == [0.7]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (estimate(1.25, 1.125, 1.3, 0.01), Verdict.SLOWER),
        (estimate(1.25, 1.125, 1.3, 0.0101), Verdict.INCONCLUSIVE),
        (estimate(1.25, 1.0625, 1.3, 0.001), Verdict.INCONCLUSIVE),  # the interval touches the region
        (estimate(0.75, 0.7, 1 / 1.0625, 0.001), Verdict.INCONCLUSIVE),
        (estimate(0.75, 0.7, 0.9375, 0.01), Verdict.FASTER),
        (estimate(0.75, 0.7, 0.9375, 0.0101), Verdict.INCONCLUSIVE),
        (estimate(1.0, 1 / 1.0625, 1.0625, 0.5), Verdict.SAME),
        (estimate(1.0, 1 / 1.0626, 1.0625, 0.5), Verdict.INCONCLUSIVE),
        (estimate(1.0, 1 / 1.0625, 1.0626, 0.5), Verdict.INCONCLUSIVE),
        (estimate(1.25, 1.125, 1.3, 0.001, n=5), Verdict.SLOWER),
    ],
)
def test_verdicts_on_the_edge(one: Estimate, expected: Verdict) -> None:
    (found,) = judge([one], Rules(min_effect=0.0625))
    assert found.verdict is expected
    assert found.q_value == one.p_value
    assert found.reasons == ()
    if expected is not Verdict.INCONCLUSIVE:
        assert found.more_processes is None


def test_the_rules_of_a_table_without_a_word_of_the_user() -> None:
    assert (Rules().min_effect, Rules().alpha, Rules().gate) == (0.01, 0.01, None)


def test_a_gate_is_broken_beyond_it_not_on_it() -> None:
    def broken(low: float, p: float) -> bool:
        return judge([estimate(1.5, low, 1.6, p)], Rules(gate=0.125))[0].gate_broken

    assert not broken(1.125, 0.001)
    assert broken(1.126, 0.001)
    assert broken(1.126, 0.01)
    assert not broken(1.126, 0.0101)


def spread(ratio: float, half: float, *, design: Design = "paired", n: int = 10, drift: float = 0.0) -> Estimate:
    """An estimate whose interval reaches `half` to either side, as logarithms."""
    low, high = ratio * math.exp(-half), ratio * math.exp(half)
    return Estimate(design=design, base_n=n, head_n=n, ratio=ratio, ci_low=low, ci_high=high, p_value=0.5, drift=drift)


@pytest.mark.parametrize(
    ("one", "rules", "more"),
    [
        # Student's t by table. 10 pairs: t_9 = 2.2622, so an error of 0.00884; ln 1.02 less ln 1.01 are 0.00985.
        # t_(n-1) sqrt(10/n) must fall to 1.1144: 1.1213 at 33, 1.1034 at 34.
        (spread(1.02, 0.02), Rules(), 24),
        (spread(1 / 1.02, 0.02), Rules(), 24),
        # Two samples of 10: t_18 = 2.1009; to 1.0350: 1.0364 at 37, 1.0222 at 38.
        (spread(1.02, 0.02, design="unpaired"), Rules(), 28),
        # To be found the same: to 1.1255: 1.1401 at 32, 1.1213 at 33.
        (spread(1.0, 0.02), Rules(), 23),
        # With a drift of 1 % between two runs (the half width holds it), paired for the table's sake: to 1.0924, at 35.
        (spread(1.03, 0.02 + math.log(1.01), drift=0.01), Rules(), 25),
        # The p-value may ask for more than the interval: t at 0.1 % is 4.437 for 11, 4.318 for 12; to 3.8910, at 13.
        (spread(1.035, 0.02), Rules(), 1),
        (spread(1.035, 0.02), Rules(alpha=0.001), 3),
        # Fewer than five never give a verdict.
        (spread(1.5, 0.0001, n=2), Rules(), 3),
        # A wider region of indifference: 0.0392 less ln 1.03 are 0.00966; to 1.0928, at 35.
        (spread(1.04, 0.02), Rules(min_effect=0.03), 25),
    ],
)
def test_how_many_more_processes_by_hand(one: Estimate, rules: Rules, more: int) -> None:
    assert more_processes(one, rules) == more


def test_a_forecast_has_an_end() -> None:
    one = spread(1.02, 0.02)
    assert more_processes(one, Rules(), limit=24) == 24
    assert more_processes(one, Rules(), limit=23) is None
    assert more_processes(Estimate(design="paired", base_n=10, head_n=10, ratio=1.2), Rules()) is None
    assert more_processes(spread(1.2, 0.1, n=1), Rules()) is None


def test_what_cannot_be_judged_says_so_and_leaves_the_others_alone() -> None:
    without = Estimate(design="paired", base_n=12, head_n=12, ratio=1.2)
    first, second, third = judge([without, estimate(1.25, 1.2, 1.3, 0.004), spread(1.2, 0.5, n=4)], Rules())
    assert (first.verdict, first.q_value, first.more_processes) == (Verdict.INCONCLUSIVE, None, None)
    assert first.reasons == ("12 processes a side, a verdict needs at least 5",)
    assert (second.verdict, second.q_value) == (Verdict.SLOWER, 0.004)
    assert (third.q_value, third.gate_broken) == (None, False)
    assert third.more_processes == more_processes(spread(1.2, 0.5, n=4), Rules())


def test_a_p_value_of_nought_is_one() -> None:
    (found,) = judge([estimate(1.25, 1.2, 1.3, 0.0)], Rules())
    assert (found.verdict, found.q_value) == (Verdict.SLOWER, 0.0)
