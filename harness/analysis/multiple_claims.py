"""Keeps a table of many cells honest: corrected p-values, and intervals beside what was picked out. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return adjusted p-values in the order given (Holm, Scandinavian Journal of Statistics 6, 1979).

    If you claim what is at most `alpha`, the chance of *any* wrong claim in the table is at most `alpha`, whatever is true of the other
    cells and however the cells depend on each other (they share a baseline). Benjamini and Hochberg's correction keeps only the expected
    share of wrong claims: in a table with many real changes it lets a wrong one through more often.
    """
    count = len(p_values)
    adjusted = [1.0] * count
    largest = 0.0
    for rank, index in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, p_values[index] * (count - rank)))
        adjusted[index] = largest
    return adjusted


def selected_level(level: float, selected: int, count: int) -> float:
    """Return the level for the intervals of `selected` cells that their data picked out of `count`.

    At the plain level such intervals miss more often than they say, because a cell is picked when chance helps. At this level at most
    `1 - level` of the picked ones are expected to miss (Benjamini and Yekutieli, Journal of the American Statistical Association 100,
    2005).
    """
    if not selected or selected >= count:
        return level
    return 1 - (1 - level) * selected / count
