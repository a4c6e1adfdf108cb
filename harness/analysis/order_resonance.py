"""How much an order of processes keeps step with what comes back regularly, or with what a process leaves to the next. Pure.

A phone that is slower every few processes makes two equal cells differ if the same one runs then again and again. Whether an order lets it
is seen before anything runs: take such a disturbance for the latencies, and ask how sure a t-test over the blocks would be that the cells
differ. Tried are sawtooths and square waves of 2 to 24 processes in many phases, and each cell slowing down its successor.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from harness.analysis.ranks import Floats

Ints = npt.NDArray[np.int_]
Floats32 = npt.NDArray[np.float32]
"""Precise enough, and half as slow: nothing but a choice among orders rests on them."""

PERIODS = range(2, 25)
"""Processes after which a disturbance comes back."""
_PHASES = 12
"""Phases that are tried of each, evenly spread; all of a period that has no more."""
_NEXT_END = 1.25
"""A run that may end after any block is looked at after so many times as many blocks as before."""
_FIRST_END = 5


def resonances(orders: Sequence[Sequence[Sequence[int]]], *, open_end: bool = False) -> Floats:
    """Return for each order the largest square of Student's t that a disturbance without noise gives for any two cells.

    Args:
        orders: of each the blocks, of each block the cells in order; the same ones everywhere.
        open_end: the run may end after any block: take the largest over several ends.
    """
    ran = np.asarray(orders, dtype=np.int_)
    many, blocks, cells = ran.shape
    places = np.argsort(ran, axis=2)  # of each cell in each block, cells by number
    waves = _waves(blocks * cells).reshape(blocks, cells, -1)
    first, second = np.triu_indices(cells, 1)
    ends = np.asarray(_ends(blocks) if open_end else [blocks])
    found = np.zeros(many)
    for number in range(many):
        at = np.arange(blocks)[:, None], places[number]
        by_cell = np.concatenate([waves[at], _left_behind(ran[number]).reshape(blocks, cells, -1)[at]], axis=2)
        differences = by_cell[:, first] - by_cell[:, second]
        # Up to each end.
        total = np.cumsum(np.add.reduceat(differences, [0, *ends[:-1]], axis=0), axis=0)
        squares = np.cumsum(np.add.reduceat(np.square(differences), [0, *ends[:-1]], axis=0), axis=0)
        # Student's t from the share of the squares that the mean explains.
        count = ends[:, None, None]
        share = np.minimum(total**2 / (count * np.maximum(squares, 1e-6)), 1 - 1e-5)
        found[number] = float(((count - 1) * share / (1 - share)).max())
    return found


def _ends(blocks: int) -> list[int]:
    found, end = [], float(_FIRST_END)
    while round(end) < blocks:
        found.append(round(end))
        end *= _NEXT_END
    return [*found, blocks]


def _left_behind(ran: Ints) -> Floats32:
    """For each cell, the processes that follow it."""
    flat = ran.ravel()
    found = np.zeros((len(flat), ran.shape[1]), dtype=np.float32)
    found[1:] = flat[:-1, None] == np.sort(ran[0])
    return found


@lru_cache(maxsize=64)
def _waves(processes: int) -> Floats32:
    """Sawtooths and square waves, a column each."""
    at = np.arange(processes)
    columns = []
    for period in PERIODS:
        begins = {phase * period // _PHASES for phase in range(_PHASES)} if period > _PHASES else range(period)
        for begin in begins:
            phase = (at + begin) % period
            columns += [phase / period, (phase < period / 2).astype(np.float64)]
    return np.ascontiguousarray(np.asarray(columns, dtype=np.float32).T)
