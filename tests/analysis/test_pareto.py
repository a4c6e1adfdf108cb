from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.pareto import pareto_front


def test_known_front() -> None:
    points = [(3.0, 0.98), (1.0, 0.97), (2.0, 0.96), (4.0, 0.98), (1.0, 0.95)]
    assert pareto_front(points) == (1, 0)
    assert pareto_front([]) == ()
    assert pareto_front([(1.0, 1.0), (1.0, 1.0)]) == (0,)


@given(st.lists(st.tuples(st.integers(0, 9).map(float), st.integers(0, 9).map(float)), max_size=12))
def test_nothing_beats_the_front_and_all_else_is_beaten(points: list[tuple[float, float]]) -> None:
    front = {points[at] for at in pareto_front(points)}

    def beats(a: tuple[float, float], b: tuple[float, float]) -> bool:
        return a != b and a[0] <= b[0] and a[1] >= b[1]

    for one in points:
        assert (one in front) != any(beats(other, one) for other in points)
