"""What ran before the two processes of a block, and which blocks to leave out where that matters. Pure.

Two cells that alternate follow the same cell within a block, so what that left behind cancels in their ratio. It does not in the first
block and where the alternation changes its phase: there one side follows the other. If predecessors matter, such blocks are biased, always
towards the same side, so they are set aside. The estimate is the ratio that would be without carry-over.

Only the *means* of the blocks show whether predecessors matter, as with outliers (`harness.analysis.outlying_blocks`): swapping base and
head within a block leaves the means as they are, so the choice favours neither side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.analysis.cells import CellResults
from harness.analysis.ranks import Floats
from harness.analysis.samples import MIN_BLOCKS
from harness.records import CellKey, Result, Status

Bools = npt.NDArray[np.bool_]
_Cells = Sequence[CellKey | None] | npt.NDArray[np.int_]

_STEPS_AWAY = 3.0
"""Least effect on the steps between blocks that counts, in standard errors. Steps share blocks, so one run of ten without an effect
reaches it, and loses a block or two needlessly."""

REST_S = 600.0
"""A pause of this length (a run was resumed) leaves nothing of what ran before."""


@dataclass(frozen=True, slots=True)
class Before:
    """What ran before the processes of each block, blocks along the last axis."""

    apart: Bools
    """Whether the two sides did not run after the same cell."""
    after_head: Floats
    """Share of the two processes that ran after head's cell: 0, 0.5 or 1."""

    @classmethod
    def of(cls, base: _Cells, head: _Cells, cell: CellKey | int) -> Before:
        """Gather it.

        Args:
            base: of each block, the cell that ran before base: None or -1 where nothing did, or it is not known.
            head: likewise before head.
            cell: head's cell.
        """
        ours, theirs = (np.asarray(one, dtype=np.object_) for one in (base, head))
        return cls(np.asarray(ours != theirs, dtype=np.bool_), ((ours == cell) * 1.0 + (theirs == cell)) / 2)


def to_leave_out(means: Floats, before: Before) -> Bools:
    """Return which blocks to set aside because predecessors matter and the two sides followed different cells.

    None if that would be half of the blocks or more: with many cells predecessors are balanced over the run, not within blocks.

    Args:
        means: mean of the logarithms of both sides, in the order of the blocks along the last axis.
        before: what ran before, likewise.
    """
    n = means.shape[-1]
    if n < MIN_BLOCKS:
        return np.zeros(means.shape, dtype=np.bool_)
    steps, turns = np.diff(means, axis=-1), np.diff(before.after_head, axis=-1)
    turned = np.square(turns).sum(axis=-1, keepdims=True)
    effect = (steps * turns).sum(axis=-1, keepdims=True) / np.maximum(turned, 1e-9)
    left = np.square(steps - effect * turns).sum(axis=-1, keepdims=True) / (n - 2)
    matters = (turned > 0) & (np.square(effect) * turned > _STEPS_AWAY**2 * left)
    few = 2 * before.apart.sum(axis=-1, keepdims=True) < n
    return np.asarray(before.apart & matters & few, dtype=np.bool_)


def followed(results: Iterable[Result]) -> list[tuple[Result, Result | None]]:
    """Return the processes of one device in the order of running, each with the one that ran before it.

    None for the first and after a long rest: a run that was resumed hours later begins anew.
    """
    ran = sorted((one for one in results if one.status is not Status.SKIPPED), key=lambda one: one.started_at)
    found: list[tuple[Result, Result | None]] = []
    for last, result in zip([None, *ran], ran, strict=False):
        rested = last is not None and (result.started_at - last.started_at).total_seconds() - last.duration_s >= REST_S
        found.append((result, None if rested else last))
    return found


def sequence_of(cells: Iterable[CellResults]) -> dict[str, CellKey | None]:
    """Return by trial id which cell ran before it on its device, by the keys of `cells`; None where nothing did, or long ago.

    `cells` must be all cells of a run, or the answer is wrong.
    """
    keys: dict[str, CellKey] = {}
    by_device: dict[str, list[Result]] = {}
    for cell in cells:
        for result in cell.results:
            # A report gives model files of one name keys of their own: those of the trials would be no cell's.
            keys[result.trial.trial_id] = cell.key
            by_device.setdefault(result.trial.device, []).append(result)
    return {
        result.trial.trial_id: None if last is None else keys[last.trial.trial_id]
        for results in by_device.values()
        for result, last in followed(results)
    }
