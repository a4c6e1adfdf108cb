"""The choices that no other beats in both of two quantities."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Return the places of the points that no other beats: less of the first quantity is better, more of the second.

    Args:
        points: pairs such as (latency, accuracy).

    Returns:
        Places in `points`, by the first quantity. Of equal points the first.
    """
    found: list[int] = []
    best: float | None = None
    for place in sorted(range(len(points)), key=lambda at: (points[at][0], -points[at][1], at)):
        if best is None or points[place][1] > best:
            found.append(place)
            best = points[place][1]
    return tuple(found)
