"""How many processes a verdict needs, worked out by hand from the least p-values and from tables of Student's t."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.analysis.one_sided import least_paired_p, least_unpaired_p
from harness.analysis.ratio_interval import Estimate, paired, unpaired
from harness.analysis.required_processes import LIMIT, least_for_same, least_processes, more_processes, same_words
from harness.analysis.samples import PairedSample, UnpairedSample
from harness.analysis.sequential import look_alpha, repeated_p
from harness.analysis.verdict import Rules, Verdict, judge

EDGE = math.log(1.01)


@pytest.mark.parametrize(
    ("cells", "paired_runs", "separate_runs"),
    [
        # Pairs: 4^-5 / 0.85 = 0.00115, 4^-6 / 0.85 = 0.000287, 4^-7 / 0.85 = 0.0000718. Ways to divide two samples: 252, 924, 3432, 12870.
        (1, 5, 5),
        (2, 5, 5),  # 0.005: 1 / 252 = 0.00397
        (3, 5, 6),  # 0.00333
        (8, 5, 6),  # 0.00125: 1 / 924 = 0.00108
        (9, 6, 6),  # 0.00111
        (10, 6, 7),  # 0.001: 1 / 3432 = 0.000291
        (34, 6, 7),  # 0.000294
        (35, 7, 8),  # 0.000286
        (40, 7, 8),  # 0.00025
        (139, 7, 9),  # 0.0000719
        (140, 8, 9),  # 0.0000714: eight have 4^-8 / 0.5 = 0.0000305
    ],
)
def test_the_least_number_by_hand(cells: int, paired_runs: int, separate_runs: int) -> None:
    assert least_processes(cells, 0.01) == paired_runs
    assert least_processes(cells, 0.01, paired=False) == separate_runs


def test_no_cell_is_one_cell_and_five_are_always_needed() -> None:
    assert least_processes(0, 0.01) == least_processes(1, 0.5) == least_processes(1, 0.5, paired=False) == 5


def test_as_small_as_is_asked_for_is_enough() -> None:
    assert least_processes(1, least_paired_p(6)) == 6
    assert least_processes(1, least_paired_p(6) * 0.999) == 7
    assert least_processes(1, least_unpaired_p(6, 6), paired=False) == 6
    assert least_processes(1, least_unpaired_p(6, 6) * 0.999, paired=False) == 7


def test_same_takes_sixteen_and_says_so_where_others_take_less() -> None:
    assert [least_for_same(least) for least in (5, 15, 16, 17)] == [16, 16, 16, 17]
    assert [same_words(least) for least in (5, 15, 16, 17)] == [" (`same`: 16)", " (`same`: 16)", "", ""]


def test_what_nobody_can_decide_has_no_number() -> None:
    assert least_processes(1, 0.0) is None
    assert least_processes(1, 1e-300) == LIMIT - 1, "2^-997 is 0.75e-300, and one process less four times as much"


def test_looks_are_allowed_for() -> None:
    for cells in (1, 8, 40):
        for looks in (((5, 12),), ((5, 30),), ((5, 12), (5, 30))):
            least = least_processes(cells, 0.01, looks=looks)
            assert least is not None
            # With so many the least p-value stands after the corrections for looks and cells, with one less it does not.
            assert all(repeated_p(least_paired_p(least), *one) <= 0.01 / cells for one in looks)
            assert least == 5 or any(repeated_p(least_paired_p(least - 1), *one) > 0.01 / cells for one in looks)
    assert [least_processes(cells, 0.01, looks=((5, 30),)) for cells in (1, 2, 8, 40)] == [5, 6, 7, 9]


@pytest.mark.parametrize("cells", [1, 2, 8, 9, 34, 35, 40, 140])
@pytest.mark.parametrize("design", ["paired", "unpaired"])
def test_so_many_processes_decide_and_one_less_never_does(cells: int, design: str) -> None:
    """Through `judge`: one cell ten times as slow, the others without a difference, processes as tight as can be."""
    least = least_processes(cells, 0.01, paired=design == "paired")
    assert least is not None

    def table(n: int) -> Verdict:
        if design == "paired":
            alike, slow = paired([0.0] * n), paired([math.log(10)] * n)
        else:
            alike, slow = unpaired([0.0] * n, [0.0] * n), unpaired([0.0] * n, [math.log(10)] * n)
        # What is the same is tested apart, so the others take none of the error.
        (first, *_) = judge([slow, *[alike] * (cells - 1)], Rules())
        assert first.least == least
        assert (f"needs at least {least}" in " ".join(first.reasons)) == (n < least)
        assert (f"in a table of {cells} cells" in " ".join(first.reasons)) == (n < least and cells > 1)
        assert first.more_processes == (None if n >= least else least - n)
        return first.verdict

    assert table(least) is Verdict.SLOWER
    assert table(least - 1) is Verdict.INCONCLUSIVE


def known(
    ratio: float,
    half: float,
    *,
    n: int = 10,
    design: str = "paired",
    level: float = 0.95,
    drift: float = 0.0,
    aside: int = 0,
) -> Estimate:
    """An estimate whose interval reaches `half` to either side, as logarithms. The values themselves do not matter."""
    values = np.zeros(n - aside)
    sample = PairedSample(values, values) if design == "paired" else UnpairedSample(values, values)
    return Estimate(
        design="paired" if design == "paired" else "unpaired",
        base_n=n,
        head_n=n,
        ratio=ratio,
        ci_low=ratio * math.exp(-half),
        ci_high=ratio * math.exp(half),
        level=level,
        drift=drift,
        set_aside=aside,
        sample=sample,
    )


@pytest.mark.parametrize(
    ("one", "cells", "more"),
    [
        # Half the interval 0.02 = t_9(0.975) s / sqrt 10, with 2.2622: s = 0.02796. Beyond the edge lie ln 1.03 - ln 1.01 = 0.01961.
        # The t-test has half of 1 %: t_15(0.995) = 2.9467 and s / sqrt 16 = 0.00699: 0.0206; t_16(0.995) = 2.9208, 0.00678: 0.0198;
        # t_17(0.995) = 2.8982, 0.00659: 0.0191. So eighteen.
        (known(1.03, 0.02), 1, 8),
        (known(1 / 1.03, 0.02), 1, 8),
    ],
)
def test_how_many_more_by_hand(one: Estimate, cells: int, more: int) -> None:
    assert more_processes(one, edge=EDGE, alpha=0.01, cells=cells) == more


def by_search(margin: float, spread: float, miss: float, *, sides: int, first: int) -> int:
    """The least number whose error, times its t, is below the margin."""
    return next(n for n in range(first, 600) if margin > stats.t.ppf(1 - miss, sides * (n - 1)) * spread / math.sqrt(n))


def test_a_table_of_forty_cells_asks_for_a_fortieth_of_the_error() -> None:
    spread = 0.02 / 2.2622 * math.sqrt(10)
    total = by_search(math.log(1.03 / 1.01), spread, 0.005 / 40, sides=1, first=11)
    assert more_processes(known(1.03, 0.02), edge=EDGE, alpha=0.01, cells=40) == total - 10


def test_two_samples_have_the_whole_error_and_twice_the_freedom() -> None:
    one = known(1.03, 0.02, design="unpaired")
    spread = 0.02 / stats.t.ppf(0.975, 18) * math.sqrt(10)
    for alpha in (0.01, 0.0001):
        total = by_search(math.log(1.03 / 1.01), spread, alpha, sides=2, first=11)
        assert more_processes(one, edge=EDGE, alpha=alpha) == total - 10


def test_seven_pairs_have_85_per_cent_and_eight_a_half() -> None:
    # s so large that five pairs do not decide and seven do: t_6 at 0.0085 against s / sqrt 7.
    half = 0.02
    spread = half / stats.t.ppf(0.975, 4) * math.sqrt(5)
    enough = stats.t.ppf(1 - 0.0085, 6) * spread / math.sqrt(7)
    one = known(1.01 * math.exp(enough * 1.001), half, n=5)
    assert more_processes(one, edge=EDGE, alpha=0.01) == 2
    beyond = known(1.01 * math.exp(enough * 0.999), half, n=5)
    # Half of the error makes eight a little weaker than seven are with 85 %; nine decide.
    assert more_processes(beyond, edge=EDGE, alpha=0.01) == 4
    errors = [stats.t.ppf(1 - 0.005, n - 1) * spread / math.sqrt(n) for n in (8, 9)]
    assert errors[1] < 0.999 * enough < errors[0]


def test_drift_counts_against_it_twice() -> None:
    """It is no part of the spread, and takes from the margin."""
    still, drifting = known(1.03, 0.02), known(1.03 * 1.01, 0.02 + math.log(1.01), drift=0.01)
    assert [more_processes(one, edge=EDGE, alpha=0.01) for one in (still, drifting)] == [8, 8]
    assert more_processes(known(1.02, 0.5, drift=0.02), edge=EDGE, alpha=0.01) is None, "the drift alone covers it"


def test_the_level_of_the_interval_is_taken_out_again() -> None:
    values = list(np.random.default_rng(1).normal(0.025, 0.02, 12))
    found = {more_processes(paired(values, level=level), edge=EDGE, alpha=0.0001) for level in (0.9, 0.95, 0.97)}
    assert len({one for one in found if one is not None}) >= 1
    assert max(one or 0 for one in found) - min(one or 0 for one in found) <= 6, "but for what ranks and t disagree on"


def test_blocks_that_are_set_aside_are_expected_of_later_ones_too() -> None:
    plain, spoilt = known(1.2, 0.02), known(1.2, 0.02, aside=2)
    # 10^-12 asks for 21 pairs: 2 * 4^-20 is 1.8e-12, a quarter of it enough. Of ten blocks eight count: 27 are needed for 21.
    assert least_processes(1, 1e-12) == 21
    assert more_processes(plain, edge=EDGE, alpha=1e-12) == 21 - 10
    assert more_processes(spoilt, edge=EDGE, alpha=1e-12) == 27 - 10


def test_a_forecast_knows_the_least_number_and_the_looks() -> None:
    one = paired([0.5] * 5)
    assert more_processes(one, edge=EDGE, alpha=0.01, cells=1) == 1, (
        "decided already: one more than these is the answer"
    )
    assert more_processes(one, edge=EDGE, alpha=0.01, cells=40) == 2
    looking = Estimate(
        **{name: getattr(one, name) for name in ("design", "base_n", "head_n", "ratio", "ci_low", "ci_high", "sample")},
        looks=((5, 30),),
    )
    assert more_processes(looking, edge=EDGE, alpha=0.01, cells=40) == 4
    assert look_alpha(0.01 / 40, 5, 30) < 0.01 / 40


def test_a_forecast_has_an_end() -> None:
    one = known(1.03, 0.02)
    assert more_processes(one, edge=EDGE, alpha=0.01, limit=8) == 8
    assert more_processes(one, edge=EDGE, alpha=0.01, limit=7) is None
    assert more_processes(known(1.01, 0.02), edge=EDGE, alpha=0.01) is None, "on the very edge nothing decides"
    assert more_processes(one, edge=EDGE, alpha=0.0) is None
    assert more_processes(Estimate(design="paired", base_n=10, head_n=10, ratio=1.2), edge=EDGE, alpha=0.01) is None
    assert more_processes(paired([0.3]), edge=EDGE, alpha=0.01) is None
    assert more_processes(paired([]), edge=EDGE, alpha=0.01) is None


def test_to_be_found_the_same_counts_too() -> None:
    # Within the region lie ln 1.01 = 0.00995 to the nearer edge.
    spread = 0.02 / stats.t.ppf(0.975, 9) * math.sqrt(10)
    total = by_search(math.log(1.01), spread, 0.005, sides=1, first=11)
    assert more_processes(known(1.0, 0.02), edge=EDGE, alpha=0.01) == total - 10


def test_the_least_p_values_are_what_this_rests_on() -> None:
    assert least_paired_p(6) == pytest.approx(0.000287, rel=1e-2)
    assert least_unpaired_p(7, 7) == pytest.approx(1 / 3432)


def test_nobody_runs_more_than_five_hundred() -> None:
    assert LIMIT == 500
    for paired_runs, least in ((True, least_paired_p), (False, lambda n: least_unpaired_p(n, n))):
        assert least_processes(1, least(500), paired=paired_runs) == 500
        assert least_processes(1, least(499), paired=paired_runs) == 499
        assert least_processes(1, least(500) / 2, paired=paired_runs) is None


def test_two_blocks_are_enough_for_a_forecast_and_one_is_not() -> None:
    two = paired([0.49, 0.51])
    assert more_processes(two, edge=EDGE, alpha=0.01) == 3, "five blocks at the least, and the change is large"
    assert more_processes(paired([0.5]), edge=EDGE, alpha=0.01) is None
