"""Reads the lines of `trials.jsonl`. Pure.

msgspec reads what the harness writes, several times as fast as pydantic. Whatever it refuses, pydantic reads or refuses: numbers that JSON
does not know (`"NaN"`), and lines that something else wrote or spoiled. So pydantic alone says what a valid line is.

Values that many results hold are kept once: trials as the manifest holds them, the names of the ops of a model with a delegate.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, get_type_hints

import msgspec

from harness.records import Measurement, OpTiming, Result, Trial
from harness.records.op_table import OpTable
from harness.runs.checked_json import CheckedJson
from harness.runs.stored_json import decoded

RESULT = CheckedJson(Result)


class ResultLines:
    """A reader for the lines of one run.

    Args:
        planned: the run's trials.
    """

    def __init__(self, planned: Iterable[Trial] = ()) -> None:
        self._planned = {trial.trial_id: trial for trial in planned}
        self._kept: dict[Hashable, Hashable] = {}

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
        return OpTable.of_values(map(msgspec.structs.astuple, ops), self._once)

    def _once(self, value: Hashable) -> Hashable:
        return self._kept.setdefault(value, value)


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
