"""The search over histories whose truth is known, with a callable in place of devices."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from harness.experiments.bisect_decision import Pair
from harness.experiments.bisect_records import BisectAnswer, Measured, Part
from harness.experiments.bisect_search import ERROR, Search


@dataclass
class Bench:
    """Measures made-up revisions.

    Args:
        truth: latency of each place, by cell.
        noise: of a process.
        fails: places whose processes all fail.
    """

    truth: Mapping[str, Sequence[float]]
    noise: float = 0.002
    fails: Collection[int] = ()
    block_s: float = 2.0
    asked: list[tuple[Part, int, int, str | None]] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))

    def __call__(self, base: int, head: int, *, part: Part, number: int, blocks: int, cell: str | None) -> Measured:
        self.asked.append((part, base, head, cell))
        cells = [cell] if cell is not None else list(self.truth)
        fails = head in self.fails
        return Measured(
            cells={one: [] if fails else [self._pair(one, base, head) for _ in range(blocks)] for one in cells},
            blocks=blocks,
            device_s=blocks * self.block_s,
            run=f"{part}-{head}-{number}",
            head_fails=fails,
        )

    def _pair(self, cell: str, base: int, head: int) -> Pair:
        noise = np.exp(self.rng.normal(0, self.noise, 2))
        return self.truth[cell][base] * noise[0], self.truth[cell][head] * noise[1]


def step(count: int, place: int, ratio: float = 1.10) -> list[float]:
    """Latencies with one change."""
    return [1e4 * (ratio if at >= place else 1.0) for at in range(count + 1)]


def bisect(bench: Bench, count: int, *, broken: Collection[int] = (), budget_s: float | None = None) -> BisectAnswer:
    def program(place: int) -> str | None:
        return None if place in broken else f"program {place}"

    return Search(count=count, program=program, measure=bench, budget_s=budget_s).run()


@pytest.mark.parametrize("count", [1, 2, 3, 7, 16])
def test_every_place_is_found_and_the_error_stays_below_its_limit(count: int) -> None:
    for place in range(1, count + 1):
        bench = Bench({"cell": step(count, place)})
        answer = bisect(bench, count)
        assert (answer.outcome, answer.upto, answer.after) == ("found", place, place - 1)
        assert 0 < answer.error < ERROR
        assert answer.error == pytest.approx(sum(one.level for one in answer.steps))
        change = answer.change
        assert change is not None
        assert change.estimate is not None
        assert change.estimate.ratio == pytest.approx(1.10, rel=0.01)
        assert not answer.notes
        middles = {head for part, _, head, _ in bench.asked if part == "midpoint"}
        assert len(middles) <= math.ceil(math.log2(count)) if count > 1 else not middles


def test_revisions_that_do_not_build_are_stepped_around() -> None:
    for place in (5, 10, 11):
        answer = bisect(Bench({"cell": step(16, place)}), 16, broken={7, 8, 9} - {place, place - 1})
        assert (answer.outcome, answer.upto) == ("found", place)
        assert set(answer.skipped) <= {7, 8, 9}


def test_a_change_among_revisions_that_do_not_build_is_a_range() -> None:
    answer = bisect(Bench({"cell": step(16, 9)}), 16, broken={8, 9, 10})
    assert answer.outcome == "range"
    assert list(answer.remaining) == [8, 9, 10, 11]
    assert answer.change is not None
    assert (answer.change.base, answer.change.head) == (7, 11)
    assert all("build" in reason for reason in answer.skipped.values())


def test_a_revision_that_builds_but_does_not_run_is_stepped_around() -> None:
    answer = bisect(Bench({"cell": step(16, 6)}, fails={8}), 16)
    assert (answer.outcome, answer.upto) == ("found", 6)
    assert "no number" in answer.skipped[8]


def test_equal_ends_are_nothing_to_find_and_cost_no_builds_between() -> None:
    bench = Bench({"cell": [1e4] * 17}, noise=0.001)
    answer = bisect(bench, 16)
    assert (answer.outcome, answer.change) == ("no_difference", None)
    assert {part for part, *_ in bench.asked} == {"ends"}


def test_one_program_at_both_ends_is_not_even_measured() -> None:
    bench = Bench({"cell": step(16, 3)})
    answer = Search(count=16, program=lambda place: "the same", measure=bench).run()
    assert answer.outcome == "no_difference"
    assert "same program" in answer.reason
    assert not bench.asked


def test_a_midpoint_with_the_program_of_a_known_one_is_not_measured() -> None:
    bench = Bench({"cell": step(16, 9)})
    programs = {place: "old" if place < 9 else "new" for place in range(17)}
    answer = Search(count=16, program=programs.get, measure=bench).run()
    assert (answer.outcome, answer.upto) == ("found", 9)
    assert [part for part, *_ in bench.asked if part == "midpoint"] == []
    assert all(one.same_program for one in answer.steps if one.part == "midpoint")


def test_the_budget_ends_it_with_the_range_that_remains() -> None:
    bench = Bench({"cell": step(64, 40)})
    answer = bisect(bench, 64, budget_s=60.0)
    assert answer.outcome == "undecided"
    assert "budget" in answer.reason
    assert 40 in answer.remaining
    assert answer.device_s <= 60.0
    assert len(answer.remaining) < 64


def test_noise_beyond_measure_is_undecided_and_never_a_guess() -> None:
    answer = bisect(Bench({"cell": step(16, 5)}, noise=1.0), 16)
    assert (answer.outcome, answer.reason[:12]) == ("undecided", "good and bad")
    assert list(answer.remaining) == list(range(1, 17))


def test_the_cell_with_the_largest_sure_slowdown_decides() -> None:
    cells = {"same": [1e4] * 17, "small": step(16, 4, 1.05), "large": step(16, 12, 1.20), "gain": step(16, 2, 0.5)}
    bench = Bench(cells)
    answer = bisect(bench, 16)
    assert (answer.cell, answer.upto) == ("large", 12)
    assert {cell for part, _, _, cell in bench.asked if part != "ends"} == {"large"}


def test_a_gain_is_found_where_nothing_became_slower() -> None:
    answer = bisect(Bench({"cell": step(16, 12, 0.8)}), 16)
    assert (answer.outcome, answer.upto) == ("found", 12)
    assert answer.change is not None
    assert answer.change.estimate is not None
    assert answer.change.estimate.ratio == pytest.approx(0.8, rel=0.02)


def test_a_history_that_is_not_monotone_ends_at_a_jump_and_says_what_does_not_fit() -> None:
    up = [1e4 * (1.2 if at in range(4, 9) or at >= 13 else 1.0) for at in range(17)]
    answer = bisect(Bench({"cell": up}), 16)
    assert (answer.outcome, answer.upto in (4, 13)) == ("found", True)
    two = [1e4 * (1.0 + 0.10 * (at >= 5) + 0.10 * (at >= 12)) for at in range(17)]
    answer = bisect(Bench({"cell": two}), 16)
    assert answer.upto in (5, 12)
    assert any("another revision" in note for note in answer.notes)


def test_a_creep_names_no_revision() -> None:
    answer = bisect(Bench({"cell": [1e4 * 1.005**at for at in range(17)]}), 16)
    assert answer.outcome == "undecided"
    assert "no single revision" in answer.reason
    assert list(answer.remaining) == list(range(1, 17))


def test_a_dead_device_is_undecided() -> None:
    answer = bisect(Bench({"cell": step(16, 5)}, fails={16}), 16)
    assert answer.outcome == "undecided"
    assert answer.reason == "no cell gave numbers of both good and bad", "the number of blocks is not why"


def test_a_budget_has_room_for_one_cell_where_it_has_none_for_all() -> None:
    """The ends take all cells of the suite; what follows takes the one that decides, and a share of the time."""
    cells = {f"cell {number}": step(4, 2) for number in range(10)}
    bench = Bench(cells)
    answer = bisect(bench, 4, budget_s=10_000.0)
    (first,) = [one.device_s for one in answer.steps if one.part == "ends"]
    assert answer.outcome == "found"

    def cheap(base: int, head: int, *, part: Part, number: int, blocks: int, cell: str | None) -> Measured:
        took = bench(base, head, part=part, number=number, blocks=blocks, cell=cell)
        return took if cell is None else replace(took, device_s=took.device_s / len(cells))

    found = Search(count=4, program=str, measure=cheap, budget_s=first + bench.block_s * 0.9).run()
    midpoints = [one for one in found.steps if one.part == "midpoint"]
    assert midpoints
    assert midpoints[0].verdict != "undecided"
    assert found.device_s <= first + bench.block_s * 0.9
