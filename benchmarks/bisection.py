"""How often a bisection names the wrong revision, on synthetic histories whose truth is known. Nothing here was measured on a device.

    python -m benchmarks.bisection [--bisections 200] [--seed 14]

It runs the search of `harness bisect` itself (`harness.experiments.bisect_search`), with a callable that draws the latencies of both sides
from `benchmarks.latency_model` in place of a device. Each bisection draws a history of 8 to 128 revisions, a phone and a share of
revisions that do not build. A revision is right if it makes the program slower by more than the smallest effect that counts, against the
revision that was measured before it. Where the change lies among revisions that do not build, one of them must.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.claims import Claim
from benchmarks.latency_model import SCENARIOS, Scenario, simulate
from harness.experiments.bisect_records import BisectAnswer, Measured, Part
from harness.experiments.bisect_search import ERROR, MIN_EFFECT, Search

_BUDGET_S = 600.0
"""A process takes a second here, so a bisection may run 300 pairs of them."""
_OVERHEAD_US = 1000.0
"""Latency of the good revision."""

Truth = Sequence[float]
"""Log ratio of each revision to the good one; the first is 0."""


@dataclass(frozen=True, slots=True)
class History:
    """A kind of history."""

    name: str
    draw: Callable[[np.random.Generator, int], Truth]
    one_step: bool
    """Whether exactly one revision makes it slower."""


def _one_step(rng: np.random.Generator, count: int) -> Truth:
    return _steps(count, {int(rng.integers(1, count + 1)): _size(rng)})


def _several(rng: np.random.Generator, count: int) -> Truth:
    places = rng.choice(np.arange(1, count + 1), size=3, replace=False)
    return _steps(count, {int(place): _size(rng) for place in places})


def _up_and_down(rng: np.random.Generator, count: int) -> Truth:
    """Slower, repaired, and slower again: not monotone."""
    places = sorted(int(one) for one in rng.choice(np.arange(1, count + 1), size=3, replace=False))
    up = _size(rng)
    return _steps(count, {places[0]: up, places[1]: -up, places[2]: _size(rng)})


def _wobbling(rng: np.random.Generator, count: int) -> Truth:
    """One step, and every other revision moves by what a new layout of the code does."""
    truth = np.asarray(_one_step(rng, count)) + rng.normal(0, 0.002, count + 1)
    return [float(one) for one in truth - truth[0]]


def _creep(rng: np.random.Generator, count: int) -> Truth:
    """No revision is guilty alone: each adds its share."""
    return [float(one) for one in np.linspace(0, _size(rng), count + 1)]


def _size(rng: np.random.Generator) -> float:
    return float(np.log1p(rng.choice([0.03, 0.05, 0.10, 0.30])))


def _steps(count: int, jumps: dict[int, float]) -> Truth:
    return [sum(size for place, size in jumps.items() if place <= at) for at in range(count + 1)]


HISTORIES = (
    History("one step", _one_step, one_step=True),
    History("several steps", _several, one_step=False),
    History("up and down", _up_and_down, one_step=False),
    History("wobbling", _wobbling, one_step=False),
    History("creep", _creep, one_step=False),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a simulated bisection ended."""

    history: History
    phone: Scenario
    verdict: str
    """`right`, `wrong`, `undecided` or `no difference`."""
    processes: int
    stated: float
    """The chance of a wrong decision that the answer states; 0 without an answer."""
    wrong_steps: int
    """Midpoints of a history with one step that were put on the wrong side, answered or not."""


def bisect_once(rng: np.random.Generator, history: History, phone: Scenario) -> Outcome:
    """Draw a history, and bisect it."""
    count = int(rng.integers(8, 129))
    truth = history.draw(rng, count)
    broken = {int(place) for place in range(1, count) if rng.random() < 0.1}
    processes = 0

    def measure(base: int, head: int, *, part: Part, number: int, blocks: int, cell: str | None) -> Measured:
        nonlocal processes
        processes += 2 * blocks
        effect = math.expm1(truth[head] - truth[base])
        ours, theirs = (side[0] for side in simulate(rng, phone, experiments=1, processes=blocks, effect=effect))
        pairs = [(_OVERHEAD_US * math.exp(a), _OVERHEAD_US * math.exp(b)) for a, b in zip(ours, theirs, strict=True)]
        return Measured(cells={"the cell": pairs}, blocks=blocks, device_s=2.0 * blocks, run=f"{part}-{head}-{number}")

    search = Search(
        count=count,
        program=lambda place: None if place in broken else str(place),
        measure=measure,
        budget_s=_BUDGET_S,
    )
    answer = search.run()
    return Outcome(
        history=history,
        phone=phone,
        verdict=_judged(answer, truth),
        processes=processes,
        stated=answer.error if answer.outcome in ("found", "range") else 0.0,
        wrong_steps=_wrong_steps(answer, truth) if history.one_step else 0,
    )


def _wrong_steps(answer: BisectAnswer, truth: Truth) -> int:
    middles = [step for step in answer.steps if step.part == "midpoint" and step.verdict != "undecided"]
    return sum((step.verdict == "bad") != (truth[step.head] > 0) for step in middles)


def _judged(answer: BisectAnswer, truth: Truth) -> str:
    if answer.outcome == "no_difference":
        return "no difference" if abs(truth[-1]) > math.log1p(MIN_EFFECT) else "right"
    if answer.outcome == "undecided":
        return "undecided"
    gains = [truth[place] - truth[answer.after] for place in answer.remaining]
    # Whoever looks for a gain, as where the history ends below its begin, wants a jump down.
    direction = 1.0 if truth[-1] >= 0 else -1.0
    return "right" if max(direction * gain for gain in gains) > math.log1p(MIN_EFFECT) else "wrong"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and the claims; 1 if one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bisections", type=int, default=200)
    parser.add_argument("--seed", type=int, default=14)
    asked = parser.parse_args(arguments)
    rng = np.random.default_rng(asked.seed)
    outcomes = [
        bisect_once(rng, HISTORIES[number % len(HISTORIES)], SCENARIOS[int(rng.integers(len(SCENARIOS)))])
        for number in range(asked.bisections)
    ]
    print(f"{len(outcomes)} bisections, all SYNTHETIC: histories of 8 to 128 revisions, a tenth of which do not build;")
    print(f"changes of 3 to 30 %, at most {_BUDGET_S:.0f} device seconds at a second a process.\n")
    print(f"{'history or phone':<18}{'right':>8}{'wrong':>8}{'undecided':>11}{'no difference':>15}{'processes':>11}")
    for history in HISTORIES:
        _row(history.name, [one for one in outcomes if one.history is history])
    print()
    for phone in SCENARIOS:
        _row(phone.name, [one for one in outcomes if one.phone is phone])
    print()
    _row("all", outcomes)
    answered = [one for one in outcomes if one.stated]
    wrong = sum(one.verdict == "wrong" for one in outcomes)
    stated = float(np.mean([one.stated for one in answered])) if answered else 0.0
    observed = wrong / max(1, len(answered))
    print(f"\nwrong: stated at most {stated:.2%} on average, observed {observed:.2%} of {len(answered)} answers")
    single = [one for one in outcomes if one.history.one_step and one.phone.noise <= 0.01 and one.stated]
    right = sum(one.verdict == "right" for one in single)
    steps = sum(one.history.one_step for one in outcomes)
    misled = sum(one.wrong_steps > 0 for one in outcomes)
    print(
        f"of {steps} histories with one step, {misled} had a decision on the wrong side, which the last measurement must catch"
    )
    claims = [
        Claim("wrong answers", observed, 0.0, ERROR, len(answered)),
        Claim("bisections with a wrong decision", misled / max(1, steps), 0.0, ERROR, steps),
        Claim("stated error", max((one.stated for one in answered), default=0.0), 0.0, ERROR, 0),
        Claim("right, of one step that is answered", right / max(1, len(single)), 1 - ERROR, 1.0, len(single)),
    ]
    for claim in claims:
        print(
            f"{'holds' if claim.holds else 'FAILS'}: {claim.words}: {claim.figure:.2%} in {claim.low:.0%} to {claim.high:.0%}"
        )
    return 0 if all(claim.holds for claim in claims) else 1


def _row(name: str, outcomes: Sequence[Outcome]) -> None:
    counts = Counter(one.verdict for one in outcomes)
    middle = float(np.median([one.processes for one in outcomes])) if outcomes else 0.0
    words = ("right", "wrong", "undecided", "no difference")
    cells = [f"{counts[word]:>{width}}" for word, width in zip(words, (8, 8, 11, 15), strict=True)]
    print(f"{name:<18}{''.join(cells)}{middle:>11.0f}")


if __name__ == "__main__":
    sys.exit(main())
