from __future__ import annotations

import pytest

from harness.analysis.ratio_interval import Estimate
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


EDGE = 1.01


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (estimate(1.02, EDGE, 1.03, 0.001), Verdict.INCONCLUSIVE),  # the interval touches the region
        (estimate(1.02, EDGE + 1e-9, 1.03, 0.001), Verdict.SLOWER),
        (estimate(0.98, 0.97, 1 / EDGE, 0.001), Verdict.INCONCLUSIVE),
        (estimate(0.98, 0.97, 1 / EDGE - 1e-9, 0.001), Verdict.FASTER),
        (estimate(1.0, 1 / EDGE, EDGE, 0.9), Verdict.SAME),  # the region's ends belong to it
        (estimate(1.0, 1 / EDGE - 1e-9, EDGE, 0.9), Verdict.INCONCLUSIVE),
        (estimate(1.0, 1 / EDGE, EDGE + 1e-9, 0.9), Verdict.INCONCLUSIVE),
        (estimate(1.05, 1.04, 1.06, 0.01), Verdict.SLOWER),  # at most alpha
        (estimate(1.05, 1.04, 1.06, 0.0100001), Verdict.INCONCLUSIVE),
        (estimate(1.05, 1.04, 1.06, 0.001, n=5), Verdict.SLOWER),
    ],
)
def test_the_ends_of_the_region_and_of_the_level(one: Estimate, expected: Verdict) -> None:
    assert verdict(one) is expected


def test_a_gate_is_broken_beyond_it_not_at_it() -> None:
    assert not judge([estimate(1.05, 1.03, 1.08, 0.001)], Rules(gate=0.03))[0].gate_broken
    assert judge([estimate(1.05, 1.03 + 1e-9, 1.08, 0.001)], Rules(gate=0.03))[0].gate_broken
    # A gate may be finer than the region of indifference: it is the user's, the verdict is not.
    [found] = judge([estimate(1.006, 1.004, 1.008, 0.001)], Rules(gate=0.003))
    assert (found.verdict, found.gate_broken) == (Verdict.SAME, True)


def test_what_is_decided_needs_no_more_processes() -> None:
    decided = [estimate(1.05, 1.04, 1.06, 0.001), estimate(0.9, 0.88, 0.92, 0.001), estimate(1.0, 0.995, 1.005, 0.9)]
    assert [one.more_processes for one in judge(decided, Rules())] == [None, None, None]
    assert [one.reasons for one in judge(decided, Rules())] == [(), (), ()]


def test_nothing_can_be_forecast_from_one_process_or_without_an_interval() -> None:
    assert more_processes(estimate(1.05, 1.0, 1.1, 0.5, n=1), Rules()) is None
    assert more_processes(Estimate(design="paired", base_n=9, head_n=9, ratio=1.05), Rules()) is None


def test_drift_is_not_made_smaller_by_more_processes() -> None:
    def separate(drift: float) -> Estimate:
        return Estimate(
            design="unpaired",
            base_n=10,
            head_n=10,
            ratio=1.05,
            ci_low=1.05 / (1.06 * (1 + drift)),
            ci_high=1.05 * 1.06 * (1 + drift),
            p_value=0.2,
            drift=drift,
        )

    calm, drifted = (more_processes(separate(drift), Rules()) for drift in (0.0, 0.02))
    assert calm is not None
    assert drifted is not None
    assert calm < drifted
    assert more_processes(separate(0.05), Rules()) is None, "the drift alone reaches into the region"
