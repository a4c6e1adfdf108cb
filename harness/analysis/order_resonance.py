"""Measures how much an order of processes keeps step with regular disturbances, or with what a process leaves to the next. Pure.

If a phone is slower every few processes and the same cell runs each time, two equal cells seem to differ. You can see before anything runs
whether an order allows this: take such a disturbance for the latencies, and see how sure a t-test over the blocks would be that the cells
differ. The disturbances are sawtooths and square waves of 2 to 24 processes in many phases, and each cell slowing down its successor.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from harness.analysis import special
from harness.analysis.ranks import Floats

Ints = npt.NDArray[np.int_]
Floats32 = npt.NDArray[np.float32]
"""Precise enough, and half as slow: they only serve to choose among orders."""

PERIODS = range(2, 25)
"""Processes after which a disturbance comes back."""
_PHASES = 12
"""Most phases that are tried of each wave, evenly spread."""
_FIRST_END = 5
"""Least number of blocks of a run with an open end."""
_P, _P_OF_A_LOOK = 0.005, 0.001
"""The p-values of a t-test that make a verdict, about: in a run of known length; at a single look of a run that may end after any block."""


def resonances(orders: Sequence[Sequence[Sequence[int]]], *, open_end: bool = False) -> Floats:
    """Return for each order how much it keeps step: 1 and more where a disturbance without noise makes some two cells differ.

    It is the largest square of Student's t, as a multiple of what a verdict needs. A run that may end after any block has so many ends that
    some disturbance nearly always does so after some of them. Then it is the share of the phases of a wave in which that happens, of the
    worst wave and of all together.

    Args:
        orders: of each the blocks, of each block the cells in order; the same ones everywhere.
        open_end: the run may end after any block.
    """
    ran = np.asarray(orders, dtype=np.int_)
    many, blocks, cells = ran.shape
    places = np.argsort(ran, axis=2)  # of each cell in each block, cells by number
    columns, kinds = waves(blocks * cells)
    kinds = np.concatenate([kinds, kinds.max() + 1 + np.arange(cells)])
    first, second = np.triu_indices(cells, 1)
    ends = np.arange(min(_FIRST_END, blocks), blocks + 1) if open_end else np.asarray([blocks])
    needed = special.stdtrit(np.maximum(1, ends - 1), 1 - (_P_OF_A_LOOK if open_end else _P)) ** 2
    found = np.zeros(many)
    for number in range(many):
        at = np.arange(blocks)[:, None], places[number]
        disturbed = np.concatenate([columns, _left_behind(ran[number])], axis=1).reshape(blocks, cells, -1)[at]
        differences = disturbed[:, first] - disturbed[:, second]
        beyond = _t_squares(differences, ends) / needed[:, None, None]
        if open_end:
            hits = (beyond > 1).any(axis=0)
            shares = np.stack([hits[:, kinds == kind].mean(axis=1) for kind in range(int(kinds.max()) + 1)])
            found[number] = shares.max() + shares.mean()
        else:
            found[number] = beyond.max()
    return found


def _t_squares(differences: Floats32, ends: Ints) -> Floats:
    """The square of Student's t after each end, from the share of the squares that the mean explains."""
    if len(ends) == 1:
        total, squares = differences.sum(axis=0)[None], np.square(differences).sum(axis=0)[None]
    else:
        total = np.cumsum(differences, axis=0)[ends - 1]
        squares = np.cumsum(np.square(differences), axis=0)[ends - 1]
    count = ends[:, None, None]
    share = np.minimum(total**2 / (count * np.maximum(squares, 1e-6)), 1 - 1e-5)
    return np.asarray((count - 1) * share / (1 - share), dtype=np.float64)


def _left_behind(ran: Ints) -> Floats32:
    """For each cell, the processes that follow it."""
    flat = ran.ravel()
    found = np.zeros((len(flat), ran.shape[1]), dtype=np.float32)
    found[1:] = flat[:-1, None] == np.sort(ran[0])
    return found


@lru_cache(maxsize=64)
def waves(processes: int) -> tuple[Floats32, Ints]:
    """Return sawtooths and square waves, a column each, and which columns are one wave in several phases.

    Args:
        processes: the length of a column.
    """
    at = np.arange(processes)
    columns: list[Floats] = []
    kinds: list[int] = []
    for number, period in enumerate(PERIODS):
        for begin in {phase * period // _PHASES for phase in range(_PHASES)}:
            phase = (at + begin) % period
            columns += [phase / period, (phase < period / 2).astype(np.float64)]
            kinds += [2 * number, 2 * number + 1]
    return np.ascontiguousarray(np.asarray(columns, dtype=np.float32).T), np.asarray(kinds, dtype=np.int_)
