"""The command-line type of a day or a moment: `2026-11-30`, `2026-11-30T06:00`."""

from __future__ import annotations

from datetime import UTC, datetime

import click


class Date(click.ParamType[datetime]):
    """A moment with its time zone; without one it is local. A day is its beginning."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read ISO 8601."""
        if isinstance(value, datetime):
            return value
        try:
            read = datetime.fromisoformat(str(value).strip())
            read.astimezone(UTC)  # databases keep moments in UTC, which has no year 0 either
            return read.astimezone() if read.tzinfo is None else read
        except (ValueError, OverflowError, OSError):
            self.fail(f"{value!r} is no date: write it like 2026-11-30 or 2026-11-30T06:00", param, ctx)


DATE = Date()
