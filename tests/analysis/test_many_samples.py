"""Many at once must give what each gives alone, to the last bit: a table may not depend on what else is in it."""

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from harness.analysis.between_runs import BetweenRuns, SpreadSample
from harness.analysis.many_samples import ManySamples, alike, in_parts
from harness.analysis.ratio_interval import Estimate, paired, unpaired, unpaired_each
from harness.analysis.required_processes import more_processes
from harness.analysis.samples import PairedSample, RatioSample, UnpairedSample
from harness.analysis.verdict import Rules, judge

Sides = tuple[list[float], list[float]]

SIZES = [(2, 2), (5, 5), (7, 9), (8, 8), (9, 7), (10, 10), (10, 10), (16, 16), (20, 12), (61, 3)]


def some_sides(seed: int, count: int) -> list[Sides]:
    """Sides of all sorts and sizes, in no order: shifted, drifting, rounded, all alike, with outliers, next to nothing."""
    noise = random.Random(seed)
    found: list[Sides] = []
    for _ in range(count):
        n, m = noise.choice(SIZES)
        shift, spread = noise.choice([0.0, 0.0, 0.02, -0.3]), noise.choice([1e-9, 0.01, 0.3])
        base = [noise.gauss(8, spread) for _ in range(n)]
        head = [noise.gauss(8 + shift, spread * noise.choice([1, 4])) for _ in range(m)]
        kind = noise.randrange(6)
        if kind == 0:
            base, head = [round(one, 2) for one in base], [round(one, 2) for one in head]
        elif kind == 1:
            base, head = [base[0]] * n, [noise.choice([base[0], head[0]])] * m
        elif kind == 2:
            head[noise.randrange(m)] += 3
        elif kind == 3:
            base, head = sorted(base), sorted(head, reverse=True)
        found.append((base, head))
    return found


def bits(one: Estimate) -> tuple[object, ...]:
    """Everything of an estimate that its `==` looks at, told apart to the last bit, and its values."""
    assert one.sample is None or isinstance(one.sample, UnpairedSample)
    values = [] if one.sample is None else [one.sample.base.tolist(), one.sample.head.tolist()]
    return repr(one), values


@pytest.mark.parametrize("seed", range(3))
def test_estimates_of_many_are_those_of_each(seed: int) -> None:
    sides = [*some_sides(seed, 400), ([], []), ([1.0], [2.0]), ([1.0], []), ([1.0, 2.0], [3.0])]
    drifts = [random.Random(place).random() < 0.5 for place in range(len(sides))]
    each = unpaired_each(sides, drifts=drifts, level=0.97)
    alone = [unpaired(*one, drifts=may, level=0.97) for one, may in zip(sides, drifts, strict=True)]
    assert list(map(bits, each)) == list(map(bits, alone))
    assert len({(one.ratio, one.ci_low, one.drift) for one in each}) > 300, "they differ, so that a mix-up would show"
    assert unpaired_each([], drifts=[]) == []


@pytest.mark.parametrize("seed", range(3))
def test_answers_of_many_are_those_of_each(seed: int) -> None:
    samples: list[RatioSample] = []
    for number, (base, head) in enumerate(some_sides(seed, 300)):
        ours, theirs = np.array(base), np.array(head)
        samples.append(UnpairedSample(ours, theirs))
        if number % 20 == 0:
            samples.append(SpreadSample(ours, theirs, BetweenRuns(deviation=0.01, runs=4)))
        if number % 30 == 0 and len(base) > 4:
            samples.append(PairedSample(ours - 8, ours - 8))
    noise = random.Random(seed)
    edges = np.array([noise.choice([0.0, 0.01, 0.03, -0.02, noise.gauss(0, 0.1)]) for _ in samples])
    many = ManySamples(samples)

    def each(question: str) -> list[float]:
        return [getattr(one, question)(edge) for one, edge in zip(samples, edges.tolist(), strict=True)]

    assert many.p_above(edges) == each("p_above")
    assert many.p_below(edges) == each("p_below")
    assert many.p_within(edges) == each("p_within")
    assert many.intervals(0.993) == [one.interval(0.993) for one in samples]
    assert 0 < min(many.p_above(edges)) < max(many.p_above(edges)) == 1


def test_a_lone_number_does_not_leak_to_its_neighbours() -> None:
    """An op whose cost has no logarithm of use must not spoil the others of its size."""
    plain = some_sides(7, 30)
    size = len(plain[0][0]), len(plain[0][1])
    odd = ([math.inf, *[1.0] * (size[0] - 1)], [math.nan, *[1.0] * (size[1] - 1)])
    with np.errstate(all="ignore"):
        mixed = unpaired_each([*plain, odd], drifts=[True] * 31)[:-1]
    assert list(map(bits, mixed)) == [bits(unpaired(*one)) for one in plain]


@pytest.mark.parametrize("gate", [None, 0.03])
def test_a_table_is_judged_as_by_claims_one_by_one(gate: float | None) -> None:
    """The p-values and intervals of a judged table against those that each estimate gives."""
    rules = Rules(gate=gate, min_effect=0.05)
    estimates = [unpaired(*one, drifts=number % 3 == 0) for number, one in enumerate(some_sides(11, 200))]
    estimates += [paired([0.1 + place / 1000 for place in range(count)]) for count in (3, 6, 12, 20)]
    judgements = judge(estimates, rules)
    edge = math.log1p(rules.min_effect)
    for estimate, judgement in zip(estimates, judgements, strict=True):
        if judgement.p_value is not None:
            assert judgement.p_value == min(estimate.p_above(edge), estimate.p_below(-edge))
        if judgement.more_processes is not None and estimate.n >= 5:
            cells = judgement.cells
            assert judgement.more_processes == more_processes(estimate, edge=edge, alpha=rules.alpha, cells=cells)
    verdicts = {str(one.verdict) for one in judgements}
    assert verdicts == {"faster", "slower", "same", "inconclusive"}
    assert {one.level for one in judgements if one.level} > {0.95}, "some were picked out"


def test_a_call_gets_so_many_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    places = list(range(1000))
    parts = list(in_parts(places, 20, 25))
    assert [place for part in parts for place in part] == places
    assert max(map(len, parts)) * 20 * 25 <= 200_000 < (max(map(len, parts)) + 1) * 20 * 25
    assert [list(part) for part in in_parts([3, 4], 5000, 5000)] == [[3], [4]]


def test_places_of_one_size_stand_together() -> None:
    found: dict[Sequence[int], list[int]] = dict(alike([(1, 2), (3, 4), (1, 2)]))
    assert found == {(1, 2): [0, 2], (3, 4): [1]}
