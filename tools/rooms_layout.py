"""Where the boxes and arrows of the picture of rooms go: floors from above, few crossings, short arrows (after Sugiyama).

K. Sugiyama, S. Tagawa, M. Toda, Methods for visual understanding of hierarchical system structures. IEEE Transactions on Systems, Man,
and Cybernetics 11, 1981. An arrow that passes a floor gets a place of its own there; arrows to one room share it. Pure and
deterministic: no drawing, no chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

Stop = tuple[str, int]
"""A place on a floor: the room that stands there, or the room that an arrow which passes here leads to; and the floor's number."""

_PASSES = 12


@dataclass(frozen=True)
class Plan:
    """Where everything goes.

    Attributes:
        width: how wide the widest floor is, in pixels; at least what was asked for.
        x: the middle of each stop, in pixels from the left.
        routes: the stops of each arrow, from the importing room to the imported one.
    """

    width: float
    x: Mapping[Stop, float]
    routes: Mapping[tuple[str, str], tuple[Stop, ...]]


def plan(
    floors: Sequence[Sequence[str]], arrows: Sequence[tuple[str, str]], *, width: float, room: float, passing: float
) -> Plan:
    """Place rooms and arrows.

    Args:
        floors: the rooms of each floor, from the top; each arrow leads to a lower one.
        arrows: pairs of the importing and the imported room.
        width: how wide the floors are; more where a floor does not fit.
        room: width that a room takes, with its margin.
        passing: width that a passing arrow takes.
    """
    floor_of = {name: number for number, floor in enumerate(floors) for name in floor}
    routes = {
        (start, end): (
            (start, floor_of[start]),
            *((end, number) for number in range(floor_of[start] + 1, floor_of[end] + 1)),
        )
        for start, end in arrows
    }
    hops = sorted({hop for route in routes.values() for hop in pairwise(route)})
    order = [sorted({(name, number) for name in floor}) for number, floor in enumerate(floors)]
    for number, stops in enumerate(order):
        stops += sorted({stop for hop in hops for stop in hop if stop[1] == number} - set(stops))
    _untangle(order, hops)
    takes = {stop: room if floor_of[stop[0]] == stop[1] else passing for stops in order for stop in stops}
    width = max(width, *(sum(takes[stop] for stop in stops) for stops in order))
    return Plan(width, _settle(order, hops, takes, width), routes)


def _untangle(order: list[list[Stop]], hops: Sequence[tuple[Stop, Stop]]) -> None:
    """Move one stop at a time to the place on its floor with the fewest crossings, until no move helps."""
    best = _cost(order, hops)
    for _ in range(_PASSES):
        before = best
        for stops in order:
            for stop in sorted(stops):
                for place in range(len(stops)):
                    was = stops.index(stop)
                    stops.insert(place, stops.pop(was))
                    cost = _cost(order, hops)
                    if cost < best:
                        best = cost
                    else:
                        stops.insert(was, stops.pop(place))
        if best == before:
            return


def _cost(order: Sequence[Sequence[Stop]], hops: Sequence[tuple[Stop, Stop]]) -> tuple[int, float]:
    """Count crossings, then how far arrows lead sideways."""
    place = {stop: (index + 0.5) / len(stops) for stops in order for index, stop in enumerate(stops)}
    crossings = sum(
        (place[a] - place[c]) * (place[b] - place[d]) < 0 for (a, b), (c, d) in combinations(hops, 2) if a[1] == c[1]
    )
    return crossings, round(sum(abs(place[a] - place[b]) for a, b in hops), 6)


def _settle(
    order: Sequence[Sequence[Stop]], hops: Sequence[tuple[Stop, Stop]], takes: Mapping[Stop, float], width: float
) -> dict[Stop, float]:
    """Draw each stop towards the mean of its neighbours, floor by floor, in the order that was found and without overlap."""
    near: dict[Stop, list[Stop]] = {stop: [] for stops in order for stop in stops}
    for start, end in hops:
        near[start].append(end)
        near[end].append(start)
    x = {stop: width * (index + 0.5) / len(stops) for stops in order for index, stop in enumerate(stops)}
    for turn in range(2 * _PASSES):
        for stops in order if turn % 2 == 0 else reversed(order):
            wanted = [
                sum(x[other] for other in near[stop]) / len(near[stop]) if near[stop] else x[stop] for stop in stops
            ]
            x.update(zip(stops, _apart(wanted, [takes[stop] for stop in stops], width), strict=True))
    return {stop: round(value, 1) for stop, value in x.items()}


def _apart(wanted: Sequence[float], widths: Sequence[float], width: float) -> list[float]:
    """Find the places nearest to the wanted ones (least squares) that keep the order and overlap nowhere."""
    offsets = [sum(widths[:index]) + widths[index] / 2 for index in range(len(widths))]
    # What is left once the widths are taken off must only not decrease: pool neighbours that do.
    pools: list[tuple[float, int]] = []
    for value, offset in zip(wanted, offsets, strict=True):
        mean, count = value - offset, 1
        while pools and pools[-1][0] > mean:
            other, size = pools.pop()
            mean, count = (mean * count + other * size) / (count + size), count + size
        pools.append((mean, count))
    free = [min(max(mean, 0.0), width - sum(widths)) for mean, count in pools for _ in range(count)]
    return [base + offset for base, offset in zip(free, offsets, strict=True)]
