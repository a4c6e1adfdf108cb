"""Reads the lines of `trials.jsonl`. Pure.

msgspec reads what the harness writes, several times as fast as pydantic. Whatever it refuses, pydantic reads or refuses: numbers that JSON
does not know (`"NaN"`), and lines that something else wrote or spoiled. So pydantic alone says what a valid line is.

Values that many results hold are kept once: trials as the manifest holds them, the names of the ops of a model with a delegate.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, Field, fields
from operator import attrgetter
from typing import Any, TypeVar, cast, get_type_hints

import msgspec
from pydantic import TypeAdapter

from harness.records import Measurement, OpTiming, Result, Trial
from harness.records.op_table import NUMBERS, OpNames, OpTable
from harness.runs.stored_json import decoded

RESULT: TypeAdapter[Result] = TypeAdapter(Result)

_Kept = TypeVar("_Kept")


class ResultLines:
    """A reader for the lines of one run.

    Args:
        planned: the run's trials.
    """

    def __init__(self, planned: Iterable[Trial] = ()) -> None:
        self._planned = {trial.trial_id: trial for trial in planned}
        self._names: dict[OpNames, OpNames] = {}
        self._calls: dict[tuple[int | None, ...], tuple[int | None, ...]] = {}

    def read(self, line: bytes) -> Result:
        """Read one line.

        Raises:
            pydantic.ValidationError: it is no result.
        """
        try:
            found = decoded(_LINE, line)
            ops = None if found.measurement is None else _OPS.decode(found.measurement.ops)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return RESULT.validate_json(line)
        trial = self._planned.get(found.trial.trial_id)
        measurement = found.measurement
        if measurement is not None:
            table = None if ops is None else self._table(ops)
            measurement = Measurement(**{**msgspec.structs.asdict(measurement), "ops": table})
        return Result(
            **{
                **msgspec.structs.asdict(found),
                "trial": trial if trial == found.trial else found.trial,
                "measurement": measurement,
            }
        )

    def _table(self, ops: Sequence[Any]) -> OpTable | tuple[OpTiming, ...]:
        if not ops:
            return ()
        columns = dict(zip(_OP_FIELDS, zip(*map(_OP_VALUES, ops), strict=True), strict=True))
        names = OpNames(columns["index"], columns["node_type"], columns["name"], columns["subgraph"])
        calls = columns["times_called"]
        return OpTable(
            names=_once(self._names, names),
            times_called=_once(self._calls, calls),
            **{name: _numbers(columns[name]) for name in NUMBERS},
        )


def _once(kept: dict[_Kept, _Kept], value: _Kept) -> _Kept:
    return kept.setdefault(value, value)


def _numbers(column: tuple[float | None, ...]) -> array[float] | None:
    if None in column:
        if column.count(None) == len(column):
            return None
        return array("d", [math.nan if value is None else value for value in column])
    return array("d", cast(tuple[float, ...], column))


def _struct(kind: type, **instead: Any) -> Any:
    """A struct with the fields of a record, some of them of another type."""
    hints = get_type_hints(kind)
    return msgspec.defstruct(
        kind.__name__, [_field(one, instead.get(one.name, hints[one.name])) for one in fields(kind)], kw_only=True
    )


def _field(one: Field[Any], kind: Any) -> Any:
    if one.default_factory is not MISSING:
        return one.name, kind, msgspec.field(default_factory=one.default_factory)
    if kind is msgspec.Raw:
        return one.name, kind, msgspec.Raw(b"null")
    return (one.name, kind) if one.default is MISSING else (one.name, kind, one.default)


# Ops are left unread at first: they become columns, not objects.
_LINE: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    _struct(Result, measurement=_struct(Measurement, ops=msgspec.Raw) | None)
)
_OPS: msgspec.json.Decoder[Any] = msgspec.json.Decoder(list[_struct(OpTiming)] | None)  # type: ignore[misc]  # made from the record
_OP_FIELDS = tuple(one.name for one in fields(OpTiming))
_OP_VALUES = attrgetter(*_OP_FIELDS)
