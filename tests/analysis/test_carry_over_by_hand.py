"""The effect of a predecessor, its interval and its p-value as ordinary least squares and counting give them, computed here once more."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import median

import numpy as np
import pytest
from scipy import stats

from harness.analysis.carry_over import CarryOver, _clearest, _Processes, carry_over
from harness.records import Purpose, Result, Status
from tests.analysis.made_up import OTHER_PHONE, Order, ran


def shuffled(cells: int, blocks: int, seed: int = 1) -> list[tuple[int, int]]:
    rng = random.Random(seed)
    return [(block, cell) for block in range(blocks) for cell in rng.sample(range(cells), cells)]


def noisy(order: Order, effect: Callable[[int, int], float], *, noise: float, level: float = 0.0) -> list[float]:
    """Logarithms: each cell has its own, each block lies elsewhere, and `effect` takes predecessor and cell."""
    rng = np.random.default_rng(7)
    blocks = rng.normal(0, level, 1 + max(block for block, _ in order))
    before = [-1, *(cell for _, cell in order)]
    return [
        7.0 + 0.5 * cell + float(blocks[block]) + effect(was, cell) + float(rng.normal(0, noise))
        for was, (block, cell) in zip(before, order, strict=False)
    ]


@dataclass(frozen=True)
class ByHand:
    effect: float
    error: float
    freedom: int

    @property
    def t(self) -> float:
        return abs(self.effect) / self.error


def least_squares(
    order: Order, logs: Sequence[float], after: int, follower: int | None = None, level: np.ndarray | None = None
) -> ByHand:
    """Regression on a column for each cell, one for each block (or `level`), and one for the predecessor. The first has none."""
    blocks, cells = (np.array(column)[1:] for column in zip(*order, strict=True))
    before = np.array([cell for _, cell in order])[:-1]
    mark = (before == after) & ((cells == follower) | (follower is None))
    if level is None:
        level = np.array([blocks == block for block in sorted(set(blocks))], dtype=float).T
    what = np.column_stack([mark, level, *(cells == cell for cell in sorted(set(cells)))]).astype(float)
    inverse = np.linalg.pinv(what.T @ what)
    found = inverse @ what.T @ np.array(logs[1:])
    freedom = len(what) - int(np.linalg.matrix_rank(what))
    left = np.array(logs[1:]) - what @ found
    return ByHand(float(found[0]), math.sqrt(float(left @ left) / freedom * float(inverse[0, 0])), freedom)


def assert_is(found: CarryOver, wanted: ByHand) -> None:
    half = float(stats.t.ppf(0.975, wanted.freedom)) * wanted.error
    assert found.change == pytest.approx(math.expm1(wanted.effect), rel=1e-6)
    assert found.low == pytest.approx(math.expm1(wanted.effect - half), rel=1e-6)
    assert found.high == pytest.approx(math.expm1(wanted.effect + half), rel=1e-6)


def after_gpu(size: float) -> Callable[[int, int], float]:
    return lambda before, cell: size if before == 1 else 0.0


@pytest.mark.parametrize(("cells", "blocks"), [(3, 12), (5, 10)])
def test_size_and_interval_are_those_of_least_squares(cells: int, blocks: int) -> None:
    order = shuffled(cells, blocks)
    logs = noisy(order, after_gpu(0.04), noise=0.005, level=0.02)
    (found,) = carry_over(ran(order, logs))
    assert (found.after.delegate, found.cell) == ("gpu", None)
    assert_is(found, least_squares(order, logs, 1))
    assert found.n == sum(cell == 1 for _, cell in order[:-1])


def hats(places: Sequence[int], knots: Sequence[float]) -> np.ndarray:
    """Columns that span every line over `places` that bends at the inner knots: level, slope, and a further slope from each knot."""
    x = np.array(places, dtype=float)
    return np.column_stack([np.ones_like(x), x, *(np.maximum(0.0, x - knot) for knot in knots[1:-1])])


def test_two_cells_lie_on_a_line_that_bends_every_fourth_block() -> None:
    order = shuffled(2, 16)
    logs = noisy(order, after_gpu(0.04), noise=0.004)
    slow = [0.05 * math.sin(place / 6) for place in range(len(order))]
    logs = [log + more for log, more in zip(logs, slow, strict=True)]
    (found,) = carry_over(ran(order, logs))
    # 31 processes have a predecessor; 16 blocks make four pieces, so five knots.
    level = hats(range(31), np.linspace(0, 30, 5).tolist())
    wanted = least_squares(order, logs, 1, level=level)
    assert wanted.freedom == 31 - 2 - 4 - 1
    assert_is(found, wanted)


def test_blocks_of_two_between_larger_ones_have_a_line_of_their_own() -> None:
    rng = random.Random(3)
    sizes = [3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3]
    order = [(block, cell) for block, size in enumerate(sizes) for cell in rng.sample(range(size), size)]
    logs = noisy(order, after_gpu(0.08), noise=0.004, level=0.01)
    (found,) = carry_over(ran(order, logs))
    blocks = np.array([block for block, _ in order[1:]])
    large = np.array([blocks == block for block, size in enumerate(sizes) if size == 3], dtype=float).T
    within = np.flatnonzero((blocks >= 3) & (blocks <= 10))
    bent = np.zeros((len(blocks), 3))
    bent[within] = hats(within.tolist(), np.linspace(within[0], within[-1], 3).tolist())
    assert (found.after.delegate, found.cell) == ("gpu", None)
    assert_is(found, least_squares(order, logs, 1, level=np.column_stack([large, bent])))


@pytest.mark.parametrize(("cells", "blocks"), [(2, 12), (3, 14), (5, 10)])
def test_the_least_p_value_counts_all_that_was_tried(cells: int, blocks: int) -> None:
    """No permutation comes near an effect of 30 %: p is the number of questions over the number of draws and one."""
    order = shuffled(cells, blocks)
    followed = Counter(zip((cell for _, cell in order), (cell for _, cell in order[1:]), strict=False))
    of = Counter(cell for _, cell in order[1:])
    each = sum(count >= 4 and of[cell] - count >= 4 for (_, cell), count in followed.items()) if cells > 2 else 0
    asked = 1 if cells == 2 else cells + each
    (found,) = carry_over(ran(order, noisy(order, after_gpu(0.3), noise=0.002)))
    assert found.p_value == pytest.approx(asked / (max(5000, 1000 * asked) + 1), rel=1e-12)


def test_of_seven_cells_no_single_one_is_asked_for() -> None:
    order = shuffled(7, 40)
    (found,) = carry_over(ran(order, noisy(order, lambda was, cell: 0.3 if (was, cell) == (1, 2) else 0.0, noise=0.01)))
    assert (found.after.delegate, found.cell) == ("gpu", None)
    assert found.p_value == pytest.approx(7 / 7001, rel=1e-12)


def test_of_six_cells_each_is_asked_for_with_the_most_draws() -> None:
    order = shuffled(6, 30)
    (found,) = carry_over(ran(order, noisy(order, lambda was, cell: 0.3 if (was, cell) == (1, 2) else 0.0, noise=0.01)))
    assert (found.after.delegate, found.cell and found.cell.delegate) == ("gpu", "nnapi")
    followed = Counter(zip((cell for _, cell in order), (cell for _, cell in order[1:]), strict=False))
    asked = 6 + sum(count >= 4 for count in followed.values())
    assert asked > 30
    assert found.p_value == pytest.approx(asked / 30_001, rel=1e-12)
    assert found.n == followed[1, 2]


def one_follower(times: int) -> list[tuple[int, int]]:
    """Cell 1 runs in only so many of 40 places, and cell 0 in all others."""
    at = [10 * (number + 1) - 4 for number in range(times)]
    return [(0, int(place in at)) for place in range(41 + times)]


def test_four_processes_after_a_cell_are_asked_about_and_three_are_not() -> None:
    for times, told in ((4, True), (3, False)):
        order = one_follower(times)
        logs = noisy(order, after_gpu(0.2), noise=0.001)
        assert bool(carry_over(ran(order, logs))) is told, times


def test_four_processes_after_others_are_asked_about_and_three_are_not() -> None:
    for times, told in ((4, True), (3, False)):
        order = [(block, 1 - cell) for block, cell in one_follower(times)]
        logs = noisy(order, after_gpu(-0.2), noise=0.001)
        assert bool(carry_over(ran(order, logs))) is told, times


def test_an_effect_three_errors_large_is_told() -> None:
    """Just as large as a permutation test can be sure of: the limit below which none is tried must not lie above it."""
    order = shuffled(2, 30)
    logs = next(
        logs
        for size in np.arange(0.001, 0.02, 0.0005)
        if least_squares(order, logs := noisy(order, after_gpu(float(size)), noise=0.009), 1, level=line(60)).t > 3.15
    )
    assert least_squares(order, logs, 1, level=line(60)).t < 3.4
    (found,) = carry_over(ran(order, logs))
    assert found.p_value == pytest.approx(2 * stats.t.sf(3.25, 50), abs=0.002)


def line(processes: int) -> np.ndarray:
    blocks = processes // 2
    return hats(range(processes - 1), np.linspace(0, processes - 2, round(blocks / 4) + 1).tolist())


def test_less_than_half_a_percent_is_not_worth_a_word() -> None:
    for size, told in ((0.0045, False), (0.0056, True)):
        order = shuffled(2, 20)
        logs = noisy(order, after_gpu(size), noise=0.0003)
        assert bool(carry_over(ran(order, logs))) is told, size
        assert bool(carry_over(ran(order, noisy(order, after_gpu(-size), noise=0.0003)))) is told, -size


@pytest.mark.parametrize(("noise", "away"), [(0.005, 2.0), (0.005, -2.0), (0.06, 3.0)])
def test_a_wild_process_counts_as_far_as_the_limit(noise: float, away: float) -> None:
    """15 %, or five robust standard deviations where those are more, from the medians of cell and of three blocks."""
    order = shuffled(3, 20)
    logs = noisy(order, after_gpu(0.3), noise=noise, level=0.3)
    at = next(place for place in range(20, 40) if order[place - 1][1] != 1)
    wild = [log + away if place == at else log for place, log in enumerate(logs)]
    (found,) = carry_over(ran(order, wild))
    drawn = drawn_nearer(order, wild)
    assert drawn != wild[1:]
    assert_is(found, least_squares(order, [wild[0], *drawn], 1))


def drawn_nearer(order: Order, logs: Sequence[float]) -> list[float]:
    rows = [(block, cell, log) for (block, cell), log in zip(order[1:], logs[1:], strict=True)]
    of_cell = [log - median(other for _, one, other in rows if one == cell) for _, cell, log in rows]
    away = [
        mine - median(other for (one, _, _), other in zip(rows, of_cell, strict=True) if abs(one - block) <= 1)
        for mine, (block, _, _) in zip(of_cell, rows, strict=True)
    ]
    most = max(0.15, 5 * 1.4826 * median(map(abs, away)))
    return [log - far + max(-most, min(most, far)) for far, (_, _, log) in zip(away, rows, strict=True)]


def test_an_effect_without_any_noise_is_told_in_full() -> None:
    order = shuffled(3, 10)
    (found,) = carry_over(ran(order, noisy(order, after_gpu(0.1), noise=0.0)))
    assert found.change == pytest.approx(math.expm1(0.1))
    assert found.low == pytest.approx(found.high)


def test_ten_minutes_of_rest_are_a_new_start() -> None:
    """A process lasts a second: ten minutes less a bit after its end the next one still follows it."""
    order = shuffled(3, 10)
    logs = noisy(order, after_gpu(0.1), noise=0.005)
    assert carry_over(ran(order, logs, every_s=600.5)) == carry_over(ran(order, logs))
    assert carry_over(ran(order, logs, every_s=601.0)) == ()


def test_a_resumed_run_loses_the_process_after_the_rest_alone() -> None:
    order = shuffled(3, 12)
    logs = noisy(order, after_gpu(0.1), noise=0.005)
    results = ran(order, logs)
    late = [
        one if n < 17 else replace(one, started_at=one.started_at + timedelta(hours=1)) for n, one in enumerate(results)
    ]
    (whole,), (resumed,) = carry_over(results), carry_over(late)
    assert resumed.n == whole.n - (order[16][1] == 1)
    assert resumed.change != whole.change


def test_forty_cells_are_asked_about_and_more_are_not() -> None:
    order = [(block, cell) for block in range(6) for cell in random.Random(block).sample(range(40), 40)]
    logs = noisy(order, after_gpu(0.5), noise=0.001)

    def named(extra: int) -> list[Result]:
        more = [(6, 40)] * extra
        return [
            replace(one, trial=replace(one.trial, delegate=replace(one.trial.delegate, name=f"d{cell}")))
            for one, (_, cell) in zip(
                ran([(b, 0) for b, _ in [*order, *more]], [*logs, *[7.0] * extra]), [*order, *more], strict=True
            )
        ]

    assert [one.after.delegate for one in carry_over(named(0))] == ["d1"]
    assert carry_over(named(1)) == ()


def test_each_device_is_asked_on_its_own_about_its_latencies() -> None:
    order = shuffled(3, 12)
    hot, calm = (noisy(order, after_gpu(size), noise=0.005) for size in (0.1, 0.0))
    first = ran(order, hot)
    both = [*first, *ran(order, calm, device=OTHER_PHONE.serial)]
    assert carry_over(both) == carry_over(first)
    profiled = [replace(one, trial=replace(one.trial, purpose=Purpose.PROFILE)) for one in first]
    assert carry_over(profiled) == ()


def test_a_failed_process_has_no_latency_but_a_successor() -> None:
    order = shuffled(2, 14)
    logs = noisy(order, after_gpu(0.1), noise=0.005)
    failed = [
        replace(one, status=Status.FAILED) if n and order[n][1] == 1 and n % 3 == 0 else one
        for n, one in enumerate(ran(order, logs))
    ]
    (found,) = carry_over(failed)
    followed = sum(order[n - 1][1] == 1 and failed[n].status is Status.OK for n in range(1, len(order)))
    assert (found.after.delegate, found.n) == ("gpu", followed)


def test_the_words_name_what_differs_in_the_keys_that_differ() -> None:
    order = shuffled(2, 12)
    logs = noisy(order, after_gpu(0.1), noise=0.001)
    threads = [
        replace(one, trial=replace(one.trial, threads=1 + 3 * cell, delegate=replace(one.trial.delegate, name="cpu")))
        for one, (_, cell) in zip(ran(order, logs), order, strict=True)
    ]
    (found,) = carry_over(threads)
    assert found.words == f"after threads 4, processes ran {100 * found.change:.1f} % slower"
    assert found.note.text.startswith(
        f"{found.words} than after others [{100 * found.low:.1f} %, {100 * found.high:.1f} %]: let the device rest"
    )
    assert (found.note.kind, found.note.unlike) == ("carry_over", False)
    order = shuffled(3, 12)
    (faster,) = carry_over(ran(order, noisy(order, after_gpu(-0.1), noise=0.001)))
    assert faster.words == f"after gpu, processes ran {-100 * faster.change:.1f} % faster"


@pytest.mark.parametrize(("explained", "found"), [(8, True), (9, False)])
def test_three_degrees_of_freedom_tell_an_effect_and_two_do_not(explained: int, found: bool) -> None:
    """Of twelve processes of one cell; cells and level explain eight or nine directions, the effect another."""
    directions = np.linalg.qr(np.random.default_rng(3).normal(size=(12, 12)))[0]
    effect, rest = directions[:, 0], directions[:, 1]
    basis = directions[:, 2 : 2 + explained]
    cell = np.zeros(12, dtype=np.int_)
    processes = _Processes(cell, cell, np.arange(12), 0.1 * effect)
    clearest = _clearest(processes, effect[None, :], 0.1 * effect + 1e-6 * rest, basis)
    assert (clearest is not None) is found
    if clearest is not None:
        number, size, _, freedom, p_value = clearest
        assert (number, freedom) == (0, 3)
        assert p_value == pytest.approx(1 / 5001)
        assert size == pytest.approx(0.1)
