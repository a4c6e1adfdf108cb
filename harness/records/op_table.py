"""The rows of a per-op table as columns: the same values as a tuple of `OpTiming`, in a tenth of the memory.

A run of 10,000 trials holds a million rows. What names the ops is the same in every profile of a model with a delegate, so those share it.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Self, cast, overload

from harness.records.measured import OpTiming


@dataclass(frozen=True, slots=True)
class OpNames:
    """What names the ops of a table, in the order of its rows."""

    index: tuple[int, ...]
    node_type: tuple[str, ...]
    name: tuple[str, ...]
    subgraph: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OpTable(Sequence[OpTiming]):
    """Rows of a per-op table, equal to a tuple of `OpTiming`. Each row is made when you take it.

    A column of numbers is None if the output has no such column; an unknown number in one is NaN.
    """

    names: OpNames
    times_called: tuple[int | None, ...]
    start_us: array[float] | None
    first_us: array[float] | None
    avg_us: array[float] | None
    percent: array[float] | None
    cdf_percent: array[float] | None
    mem_kb: array[float] | None

    @classmethod
    def of(cls, rows: Sequence[OpTiming]) -> Self:
        """Make a table of at least one row; anything with the fields of an `OpTiming` is a row."""
        return cls.of_values(map(_VALUES, rows))

    @classmethod
    def of_values(cls, rows: Iterable[tuple[Any, ...]], once: Callable[[Hashable], Any] = lambda value: value) -> Self:
        """Make a table of at least one row.

        Args:
            rows: the values of each, in the order of an `OpTiming`'s fields.
            once: returns the one copy that is kept of names, and of numbers of calls, that are equal.
        """
        columns = dict(zip(_FIELDS, zip(*rows, strict=True), strict=True))
        return cls(
            once(OpNames(columns["index"], columns["node_type"], columns["name"], columns["subgraph"])),
            once(columns["times_called"]),
            *[_numbers(columns[name]) for name in NUMBERS],
        )

    def __len__(self) -> int:
        return len(self.names.index)

    @overload
    def __getitem__(self, place: int) -> OpTiming: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[OpTiming, ...]: ...
    def __getitem__(self, place: int | slice) -> OpTiming | tuple[OpTiming, ...]:
        if isinstance(place, slice):
            return tuple(self[one] for one in range(*place.indices(len(self))))
        names = self.names
        return OpTiming(
            index=names.index[place],
            node_type=names.node_type[place],
            name=names.name[place],
            subgraph=names.subgraph[place],
            times_called=self.times_called[place],
            **{column: _at(getattr(self, column), place) for column in NUMBERS},
        )

    def __iter__(self) -> Iterator[OpTiming]:
        return (self[place] for place in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        return tuple(self) == tuple(other) if isinstance(other, OpTable | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


NUMBERS = tuple(one.name for one in fields(OpTable) if one.name not in ("names", "times_called"))
"""The columns of numbers."""

_FIELDS = tuple(one.name for one in fields(OpTiming))
_VALUES = attrgetter(*_FIELDS)


def _numbers(column: tuple[float | None, ...]) -> array[float] | None:
    try:
        return array("d", cast(tuple[float, ...], column))
    except TypeError:  # some number is missing, or all are
        if column.count(None) == len(column):
            return None
        return array("d", [math.nan if value is None else value for value in column])


def _at(column: array[float] | None, place: int) -> float | None:
    if column is None:
        return None
    value = column[place]
    return None if math.isnan(value) else value
