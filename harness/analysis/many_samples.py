"""Tests and intervals of many samples at once: samples of equal sizes cost one call together. Pure.

A table of 500 cells with 20 ops each asks for 10,000 intervals and four times as many p-values; one by one, NumPy spends nearly all of the
time on the calls. What you get is what each sample says by itself (`harness.analysis.samples`), to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from harness.analysis.one_sided import unpaired_p
from harness.analysis.ranks import Floats
from harness.analysis.samples import RatioSample, UnpairedSample, unpaired_many, unpaired_p_within

_AT_ONCE = 200_000
"""Largest number of pairwise differences in one call: many more do not fit into a processor's cache."""

_Size = TypeVar("_Size", bound=Hashable)
_Answer = TypeVar("_Answer")


def alike(sizes: Iterable[_Size]) -> dict[_Size, list[int]]:
    """Return the places where each distinct size stands."""
    groups: dict[_Size, list[int]] = {}
    for place, size in enumerate(sizes):
        groups.setdefault(size, []).append(place)
    return groups


def in_parts(places: Sequence[int], base_n: int, head_n: int) -> Iterator[Sequence[int]]:
    """Divide the places of samples of one size into parts for one call each."""
    rows = max(1, _AT_ONCE // (base_n * head_n))
    return (places[begin : begin + rows] for begin in range(0, len(places), rows))


@dataclass(frozen=True, slots=True)
class _Stack:
    """Samples of one size, a row each."""

    places: Sequence[int]
    base: Floats
    head: Floats


class ManySamples:
    """Samples that are asked the same questions. Answers come in their order.

    Args:
        samples: of any kind. Those of two separate sides are asked together, all others one by one.
    """

    def __init__(self, samples: Sequence[RatioSample]) -> None:
        self._count = len(samples)
        self._stacks: list[_Stack] = []
        self._singles: list[tuple[int, RatioSample]] = []
        plain: list[tuple[int, UnpairedSample]] = []
        for place, sample in enumerate(samples):
            # A kind that builds on it answers differently.
            if type(sample) is UnpairedSample:
                plain.append((place, sample))
            else:
                self._singles.append((place, sample))
        for size, members in alike((len(one.base), len(one.head)) for _, one in plain).items():
            for part in in_parts(members, *size):
                rows = [plain[member] for member in part]
                base, head = (np.array([getattr(one, side) for _, one in rows]) for side in ("base", "head"))
                self._stacks.append(_Stack([place for place, _ in rows], base, head))

    def p_above(self, edges: Floats) -> list[float]:
        """Return each one's p-value of "the log ratio is at most the edge"; one edge for each sample."""
        return self._asked(
            lambda stack: unpaired_p(stack.base, stack.head, edges[stack.places]).tolist(),
            lambda place, sample: sample.p_above(float(edges[place])),
        )

    def p_below(self, edges: Floats) -> list[float]:
        """Return each one's p-value of "the log ratio is at least the edge"."""
        return self._asked(
            lambda stack: unpaired_p(stack.head, stack.base, -edges[stack.places]).tolist(),
            lambda place, sample: sample.p_below(float(edges[place])),
        )

    def p_within(self, edges: Floats) -> list[float]:
        """Return each one's p-value of "the log ratio is at least the edge away from 0"."""
        return self._asked(
            lambda stack: unpaired_p_within(stack.base, stack.head, edges[stack.places]).tolist(),
            lambda place, sample: sample.p_within(float(edges[place])),
        )

    def intervals(self, level: float) -> list[tuple[float, float]]:
        """Return both ends of each one's interval for the log ratio."""

        def of_stack(stack: _Stack) -> Iterable[tuple[float, float]]:
            found = unpaired_many(stack.base, stack.head, level=level, drifts=False)
            return zip(found.low.tolist(), found.high.tolist(), strict=True)

        return self._asked(of_stack, lambda _, sample: sample.interval(level))

    def _asked(
        self, ask_stack: Callable[[_Stack], Iterable[_Answer]], ask_single: Callable[[int, RatioSample], _Answer]
    ) -> list[_Answer]:
        answers = {place: ask_single(place, sample) for place, sample in self._singles}
        for stack in self._stacks:
            answers.update(zip(stack.places, ask_stack(stack), strict=True))
        return [answers[place] for place in range(self._count)]
