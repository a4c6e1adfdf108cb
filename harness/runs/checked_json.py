"""Reads and writes records as JSON by pydantic, which is loaded with the first need: most runs are read by msgspec alone."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_Record = TypeVar("_Record")


class CheckedJson(Generic[_Record]):
    """The JSON form of one kind of record. Making its validator takes longer than reading a small run.

    Args:
        kind: a dataclass, resolved with the first need.
    """

    def __init__(self, kind: type[_Record]) -> None:
        self._kind = kind

    @cached_property
    def _adapter(self) -> TypeAdapter[_Record]:
        from pydantic import TypeAdapter

        return TypeAdapter(self._kind)

    def validate_json(self, text: bytes) -> _Record:
        """Read a record.

        Raises:
            pydantic.ValidationError: it is none.
        """
        return self._adapter.validate_json(text)

    def validate_python(self, value: Any) -> _Record:
        """Make a record of decoded JSON.

        Raises:
            pydantic.ValidationError: it is none.
        """
        return self._adapter.validate_python(value)

    def dump_json(self, record: _Record, *, indent: int | None = None) -> bytes:
        """Write a record."""
        return self._adapter.dump_json(record, indent=indent)


def mistake(error: ValueError) -> str:
    """Return the first mistake that pydantic found, as `place: message`.

    Raises:
        ValueError: the error itself, if it is not pydantic's.
    """
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        raise error
    detail = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in detail["loc"])
    return f"{place}: {detail['msg']}" if place else detail["msg"]
