"""Column types for everything that a run may hold: texts of devices and users, moments with any time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import DateTime, Text
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy import Dialect


def storable(text: str) -> str:
    """Return a text that every database takes. NUL and lone surrogates, which file names may hold, become escapes such as `\\x00`."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00")


class Words(TypeDecorator[str]):
    """A text in the form that `storable` gives it. Conditions convert their texts too, so they match the stored ones."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text that is stored."""
        return None if value is None else storable(value)


class Moment(TypeDecorator[datetime]):
    """A moment, stored and read in UTC: SQLite keeps no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC.

        Raises:
            ValueError: it has no time zone, so it names no moment.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"no time zone: {value}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored moment, with its time zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
