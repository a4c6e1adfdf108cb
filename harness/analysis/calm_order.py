"""An order for several cells that keeps step with nothing, block after block. Pure.

Each block is the best of several random ones: the one after which no two cells differ much, whatever wave disturbed the run so far, and
after which each has followed each about as often. So the order is as good after any block as after the last.

The measure of how much a wave makes two cells differ is the share of the squares of their differences that the mean explains: 1 if they
always differ alike, 1 / n if they did so once in n blocks. Its cube counts, so that the worst matter most: of the worst wave and of all
together, over phases and pairs of cells. The effect of a cell on its successor counts likewise, though less: an order that balances
predecessors strictly keeps step with some wave.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from harness.analysis.order_resonance import Floats32, Ints, waves

MOST_CELLS = 24
"""With more, a block takes long to choose, and a plain order hardly keeps step with anything: there are too many cells."""
_MOST_TRIES, _WORTH = 24, 180
"""The best is taken of this many random blocks divided by the number of cells, since each takes time. With many more, orders of few cells
become so alike that they keep step again; with fewer, tables of twelve cells do."""
_LEFT_BEHIND = 0.15
"""Weight of a cell's effect on its successor, relative to that of waves."""
_ANY_FIRST, _MOST_ANY_FIRST = 1 / 12, 2 / 3
"""Share of the random blocks that begin with any cell, by the number of cells; the others begin with the one that ran last. Within a block
no cell follows itself, so only that lets each follow itself as often as others."""
_ANOTHER_FIRST = {3: 0.18, 4: 0.05}
"""Of so few cells, what it costs a block, by the number of blocks so far, to begin with another cell than the one that ran last. That evens
out the waves of few cells best, but leaves a half or a third of a predecessor's effect in the ratio of the block."""

Order = tuple[int, ...]


def calm_orders(cells: Sequence[int], blocks: int, last: int | None, rng: random.Random) -> list[Order]:
    """Return the order of the cells in each of the next blocks.

    Args:
        cells: what runs in each block, by number; at least two.
        blocks: number of blocks.
        last: the cell that ran last before.
        rng: source of chance; the same one gives the same orders.
    """
    count = len(cells)
    before = cells.index(last) if last in cells else None
    columns, kinds = waves(blocks * count)
    phases = np.bincount(kinds)
    by_kind, begins = np.argsort(kinds, kind="stable"), np.cumsum(phases) - phases
    first, second = np.triu_indices(count, 1)
    total: Floats32 = np.zeros((len(first), columns.shape[1] + count), dtype=np.float32)
    squares = np.zeros_like(total)
    found: list[Order] = []
    tries = min(_MOST_TRIES, _WORTH // count)
    for block in range(blocks):
        tried = np.asarray([_shuffled(count, before, rng) for _ in range(tries)], dtype=np.int_)
        disturbed = _disturbed(tried, before, columns[block * count : (block + 1) * count])
        differences = disturbed[:, first] - disturbed[:, second]
        totals, all_squares = total + differences, squares + np.square(differences)
        explained = np.square(totals) / ((block + 1) * np.maximum(all_squares, 1e-6))
        of_waves = (explained[:, :, : len(kinds)] ** 3).mean(axis=1)[:, by_kind]
        of_kinds = np.add.reduceat(of_waves, begins, axis=1) / phases
        left = explained[:, :, len(kinds) :]
        cost = of_kinds.max(axis=1) + of_kinds.mean(axis=1)
        cost = cost + _LEFT_BEHIND * (left.max(axis=(1, 2)) + left.mean(axis=(1, 2)))
        if before is not None:
            cost = cost + _ANOTHER_FIRST.get(count, 0.0) * (tried[:, 0] != before) / (block + 1)
        best = int(cost.argmin())
        total, squares = totals[best], all_squares[best]
        before = int(tried[best, -1])
        found.append(tuple(cells[place] for place in tried[best]))
    return found


def _shuffled(count: int, before: int | None, rng: random.Random) -> list[int]:
    order = rng.sample(range(count), count)
    if before is not None and rng.random() >= min(_MOST_ANY_FIRST, _ANY_FIRST * count):
        place = order.index(before)
        order[0], order[place] = order[place], order[0]
    return order


def _disturbed(tried: Ints, before: int | None, columns: Floats32) -> Floats32:
    """By order, cell and disturbance, how much each cell would be slowed: by the waves, and after each cell."""
    places = np.argsort(tried, axis=1)
    ran_before = np.roll(tried, 1, axis=1)
    ran_before[:, 0] = -1 if before is None else before
    followed = np.take_along_axis(ran_before, places, axis=1)
    left = (followed[:, :, None] == np.arange(tried.shape[1])).astype(np.float32)
    return np.concatenate([columns[places], left], axis=2)
