"""Judges how the ops of a whole table of cells changed: the correction counts all ops of all cells. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.analysis.cell_selection import Pair
from harness.analysis.held_back import only_suspected
from harness.analysis.op_diff import OpDiff, ProfilePair, op_diffs
from harness.analysis.op_profile import profile_of
from harness.analysis.verdict import Judgement, Rules, judge


def diffs_of(pairs: Sequence[Pair | None], turns: Sequence[bool]) -> list[OpDiff | None]:
    """Return how the ops of each pair changed; None for no pair, and unless both sides were profiled.

    Args:
        pairs: the cells.
        turns: whether the two sides of each took turns.
    """
    profiles = [
        _profiles(pair, in_turn) if pair is not None else None for pair, in_turn in zip(pairs, turns, strict=True)
    ]
    found = iter(op_diffs([one for one in profiles if one is not None]))
    return [next(found) if one is not None else None for one in profiles]


def _profiles(pair: Pair, in_turn: bool) -> ProfilePair | None:
    if pair.base is None or pair.head is None:
        return None
    ours, theirs = profile_of(pair.base.results), profile_of(pair.head.results)
    return ProfilePair(base=ours, head=theirs, interleaved=in_turn) if ours and theirs else None


def judge_ops(
    diffs: Sequence[OpDiff | None], rules: Rules, *, sure: Sequence[bool], what: str
) -> list[tuple[Judgement | None, ...]]:
    """Judge all ops of all cells together. Ops have no control, because the control's ops are another model's.

    If no pair took turns, there is no forecast (`held_back`).

    Args:
        diffs: one for each pair of cells.
        rules: how verdicts are reached.
        sure: whether the two sides of each took turns.
        what: the words for those that did not (`held_back`).

    Returns:
        The judgements on the changes of each diff, in their order; None for an op with too few profiled processes.
    """
    everything = [change.estimate for diff in diffs if diff for change in diff.changes]
    judged = iter(judge([one for one in everything if one is not None], rules, forecast=any(sure)))

    def of_pair(diff: OpDiff, in_turn: bool) -> Iterable[Judgement | None]:
        for change in diff.changes:
            found = next(judged) if change.estimate is not None else None
            yield found if found is None or in_turn else only_suspected(found, what)

    return [tuple(of_pair(diff, in_turn)) if diff else () for diff, in_turn in zip(diffs, sure, strict=True)]
