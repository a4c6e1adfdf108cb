"""Aligns the ops of cells' profiles, once for each pair of lists of ops. Pure.

Cells of a model and delegate share their list of ops (`op_tables.OpTables`), and matches depend on the lists alone, not on times. So the
page can compare any two cells of a model without aligning anything itself. The alignment is that of `harness compare`: the lines add up to
the whole change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from harness.analysis.op_alignment import align
from harness.analysis.op_diff import change_kind
from harness.analysis.op_profile import OpRow

KINDS = ("same", "renamed", "replaced", "new", "gone")
"""Kinds of `analysis/op_diff.py` in the order of the page's numbers for them."""

MOST_WORK = 8_000_000
"""Limit of the sum of products of the lengths of aligned lists. A million takes a quarter of a second."""

Groups = list[int]
"""Runs of equal groups in the order of execution, flat: kind, ops of base, ops of head, number of such groups."""


def alignments(
    lists: Sequence[Sequence[OpRow]], wanted: Iterable[tuple[int, int]], *, most_work: int = MOST_WORK
) -> tuple[dict[tuple[int, int], Groups], int]:
    """Align pairs of lists; return the alignments, and how many pairs would have taken too long.

    Args:
        lists: the ops of the primary graph of each list, in the order of execution.
        wanted: pairs of numbers of lists, base first, the most important first. Reversed duplicates are left out.
        most_work: see `MOST_WORK`.
    """
    found: dict[tuple[int, int], Groups] = {}
    left_out: set[tuple[int, int]] = set()
    work = 0
    for base, head in wanted:
        if (base, head) in found or (head, base) in found or (base, head) in left_out or (head, base) in left_out:
            continue
        cost = 0 if base == head else len(lists[base]) * len(lists[head])
        if work + cost > most_work:
            left_out.add((base, head))
            continue
        work += cost
        found[base, head] = _runs(lists[base], lists[head])
    return found, len(left_out)


def _runs(base: Sequence[OpRow], head: Sequence[OpRow]) -> Groups:
    groups = [(KINDS.index(change_kind(ours, theirs)), len(ours), len(theirs)) for ours, theirs in align(base, head)]
    return [number for group, alike in groupby(groups) for number in (*group, sum(1 for _ in alike))]
