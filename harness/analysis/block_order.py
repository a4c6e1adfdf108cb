"""The order of the cells within each block, so that neither what ran before nor the time decides who is faster. Pure.

A process can leave heat, memory pressure or a full cache to the one after it, and a phone can be slower every few processes. If each block
were simply shuffled, a cell would never follow itself within a block, so of two cells the one that heats its successor would make the
other look slow. Here the predecessors are balanced, across the borders of blocks too:

*   Two cells alternate, AB BA AB BA: within a block both follow the same cell, so what it left behind cancels. Alternating throughout
    would keep step with anything that comes back every fourth process, so one block repeats the order of the one before. A run that may
    end after any block does so several times, at growing distances.
*   Three cells in a run of known length: most blocks begin with the cell that ended the one before, since within a block no cell follows
    itself; the rest is shuffled.
*   Up to `calm_order.MOST_CELLS` cells, and three where the run may end after any block: again most blocks begin with that cell, and each
    is the best of several random ones, such that neither predecessors nor waves make two cells look unlike.
*   More are shuffled such that each follows each, itself included, about equally often.

Such a strict order may keep step with a regular disturbance. So for two cells, and for three in a run of known length, many orders are
drawn, and the one that does so least is taken (`harness.analysis.order_resonance`). Fixed squares (Williams) do keep step; `python -m
benchmarks.orders` compares them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from harness.analysis.calm_order import MOST_CELLS, Order, calm_orders
from harness.analysis.order_resonance import resonances

_DRAWN, _DRAWN_OF_THREE = 32, 96
"""Orders of a whole run of two and three cells that are drawn; two have few different ones."""
_ANY_FIRST_OF_THREE = 0.15
"""Share of the blocks of three cells that begin with any cell. Without them, orders of few blocks are so few that waves find their step;
each leaves a third of a predecessor's effect in the ratio of its block, on average."""
_TRIES = 8
"""Orders that are drawn for a block of many cells; the one whose predecessors are rarest so far is taken."""
_MANY = 64
"""With more candidates only a few are looked at: then hardly any pair comes twice anyway."""
_STRETCH, _GROWTH = (2.5, 7.0), (1.3, 2.3)
"""Of two cells in a run that may end early: length of the first stretch of alternating blocks, and how much longer each is than the one
before."""


def block_orders(
    cells: Sequence[int],
    blocks: int,
    rng: random.Random,
    *,
    earlier: Sequence[Sequence[int]] = (),
    open_end: bool = False,
) -> list[Order]:
    """Return the order of the cells in each of the next blocks.

    Args:
        cells: what runs in each block, by number.
        blocks: number of blocks.
        rng: source of chance; the same one gives the same orders.
        earlier: the orders of the blocks before; other cells may have run in them, or none.
        open_end: the run may end after any block, so the balance must not wait for the last one.
    """
    if len(cells) < 2 or blocks < 1:
        return [tuple(cells)] * blocks
    last = next((one[-1] for one in reversed(earlier) if one), None)
    if len(cells) == 2:
        drawn = [_alternating(cells, blocks, last, rng, open_end=open_end) for _ in range(_DRAWN)]
        return drawn[int(resonances(drawn, open_end=open_end).argmin())]
    if len(cells) == 3 and not open_end:
        drawn = [_chained(cells, blocks, last, rng) for _ in range(_DRAWN_OF_THREE)]
        return drawn[int(resonances(drawn).argmin())]
    if len(cells) <= MOST_CELLS:
        return calm_orders(cells, blocks, last, rng)
    follows = _Follows()
    follows.count(earlier)
    orders: list[Order] = []
    for _ in range(blocks):
        tries = _TRIES if len(cells) <= _MANY else 1
        order = min((_shuffled(cells, last, follows, rng) for _ in range(tries)), key=lambda one: one[0])[1]
        last = follows.count([order], last)
        orders.append(order)
    return orders


def _chained(cells: Sequence[int], blocks: int, last: int | None, rng: random.Random) -> list[Order]:
    """Shuffled blocks, each of which begins with the cell that ran last, but for a share of them."""
    orders: list[Order] = []
    for _ in range(blocks):
        order = rng.sample(list(cells), len(cells))
        if last in order and rng.random() >= _ANY_FIRST_OF_THREE:
            place = order.index(last)
            order[0], order[place] = order[place], order[0]
        last = order[-1]
        orders.append(tuple(order))
    return orders


def _alternating(
    cells: Sequence[int], blocks: int, last: int | None, rng: random.Random, *, open_end: bool
) -> list[Order]:
    order = tuple(rng.sample(list(cells), 2))
    if last in cells:
        # The first block follows its own cell, as the later ones do.
        order = tuple(sorted(cells, key=lambda cell: cell != last))
    repeats = _repeats(blocks, rng, open_end=open_end)
    orders = [order]
    while len(orders) < blocks:
        orders.append(orders[-1] if len(orders) in repeats else orders[-1][::-1])
    return orders


def _repeats(blocks: int, rng: random.Random, *, open_end: bool) -> set[int]:
    """The blocks that have the order of the one before, so that either phase of the alternation runs about equally long."""
    if not open_end:
        return {rng.randrange(1, blocks)} if blocks > 1 else set()
    at, length, growth = 0, rng.uniform(*_STRETCH), rng.uniform(*_GROWTH)
    found: set[int] = set()
    while at < blocks:
        at += round(length)
        found.add(at)
        length *= growth
    return found


class _Follows:
    """How often each cell has followed each."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, int], int] = {}

    def count(self, orders: Sequence[Sequence[int]], last: int | None = None) -> int | None:
        """Count what ran, and say what ran last."""
        for order in orders:
            for cell in order:
                if last is not None:
                    self._counts[last, cell] = self._counts.get((last, cell), 0) + 1
                last = cell
        return last

    def __call__(self, before: int | None, cell: int) -> int:
        return self._counts.get((before, cell), 0) if before is not None else 0


def _shuffled(cells: Sequence[int], last: int | None, follows: _Follows, rng: random.Random) -> tuple[int, Order]:
    """A random order in which each cell is one that followed the one before most rarely; and how often these pairs had come in all."""
    left = list(cells)
    order: list[int] = []
    had = 0
    while left:
        few = left if len(left) <= _MANY else [left[rng.randrange(len(left))] for _ in range(_TRIES)]
        rarest = min(follows(last, cell) for cell in few)
        chosen = rng.choice([cell for cell in few if follows(last, cell) == rarest])
        where = left.index(chosen)
        left[where] = left[-1]
        left.pop()
        had += rarest
        order.append(chosen)
        last = chosen
    return had, tuple(order)


class LaterBlocks:
    """The order within the blocks of a run whose cells drop out: as planned while all run, then balanced for those that are left.

    The same cells in the same blocks give the same orders, so a run that goes on after a kill keeps to them.

    Args:
        planned: of each block the cells in order, by number.
        seed: of what is drawn later.
    """

    def __init__(self, planned: Sequence[Sequence[int]], seed: str) -> None:
        self._planned = [tuple(order) for order in planned]
        self._seed = seed
        self._plans: dict[tuple[frozenset[int], ...], list[Order]] = {}

    def orders(self, ran: Sequence[frozenset[int]]) -> list[Order]:
        """The order of every block so far.

        Args:
            ran: the cells of each; those of the block that runs next come last.
        """
        ran = tuple(ran)
        found: list[Order] = []
        whole = True
        for block, cells in enumerate(ran):
            whole &= cells == frozenset(self._planned[block])
            if whole:
                found.append(self._planned[block])
                continue
            if block == 0 or cells != ran[block - 1]:
                start, key = block, ran[: block + 1]
                if key not in self._plans:
                    self._plans[key] = self._anew(sorted(cells), start, found)
            found.append(self._plans[key][block - start])
        return found

    def _anew(self, cells: Sequence[int], start: int, earlier: Sequence[Order]) -> list[Order]:
        rng = random.Random(f"{self._seed}/{start}")  # noqa: S311  # an order, not a secret
        return block_orders(cells, len(self._planned) - start, rng, earlier=earlier, open_end=True)
