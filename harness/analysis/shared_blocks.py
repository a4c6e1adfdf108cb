"""The blocks in which both cells of a pair count, and whether they are enough to compare within blocks. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from harness.analysis.comparability import Note
from harness.analysis.samples import MIN_BLOCKS


def blocks_to_pair(ours: Mapping[int, Sequence[float]], theirs: Mapping[int, Sequence[float]]) -> list[int]:
    """Return the blocks by which two cells of one run are compared; none if their processes are compared as two independent samples.

    They are if the cells share no block, or share too few for a verdict although each has enough processes. Eleven good processes a side
    do not share a block if in each block one of the two failed.

    Args:
        ours: values of the one cell's processes that count, by block.
        theirs: the same of the other.
    """
    shared = sorted(block for block in ours if block in theirs)
    enough = min(sum(map(len, ours.values())), sum(map(len, theirs.values()))) >= MIN_BLOCKS
    return [] if len(shared) < MIN_BLOCKS and enough else shared


def few_blocks_note(ours: Collection[int], theirs: Collection[int]) -> Note:
    """The note beside a pair that took turns and is not compared within blocks."""
    shared = len(set(ours) & set(theirs))
    text = (
        f"both sides count in {shared} of {len(set(ours) | set(theirs))} blocks, too few to compare within blocks: compared as if "
        "measured apart, so a drift may look like a difference"
    )
    return Note("few_blocks", text, False)
