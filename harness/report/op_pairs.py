"""Aligns the ops of cells' profiles, once for each pair of lists of ops. Pure.

Cells of a model and delegate share their list of ops (`data.OpTables`), and what stands for what depends on the lists alone, not on the
times. So the page can set any two cells of a model against each other, though it aligns nothing itself. It is the alignment of
`harness compare` (`analysis/op_alignment.py`): in the page, as there, the lines add up to the change of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from harness.analysis.op_alignment import align
from harness.analysis.op_diff import change_kind
from harness.analysis.op_profile import OpRow

KINDS = ("same", "renamed", "replaced", "new", "gone")
"""As the page's numbers for them; what they mean: `analysis/op_diff.py`."""

MOST_WORK = 8_000_000
"""Products of the lengths of aligned lists, all together: a quarter of a second for a million."""

Groups = list[int]
"""Runs of groups alike, in the order of execution, flat: kind, ops of the one side, ops of the other, how many such groups."""


def alignments(
    lists: Sequence[Sequence[OpRow]], wanted: Iterable[tuple[int, int]], *, most_work: int = MOST_WORK
) -> tuple[dict[tuple[int, int], Groups], int]:
    """Align pairs of lists, the most wanted first.

    Args:
        lists: the ops of the primary graph of each list, in the order of execution.
        wanted: pairs of numbers of lists, base first. A pair that is there the other way round already is left out.
        most_work: products of the lengths of the aligned lists, all together.

    Returns:
        The alignments, and how many pairs were left out because that would have taken too long.
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
