"""How old something may be: `30d`, `12h`, `8w`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from harness.errors import UsageError

_AGE = re.compile(r"(\d+)\s*([hdw])", re.IGNORECASE)
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}


def parse_age(words: str, named: str) -> timedelta:
    """Read an age.

    Args:
        words: hours, days or weeks: `12h`, `30d`, `8w`.
        named: the option that it comes from.

    Raises:
        UsageError: it is no age.
    """
    found = _AGE.fullmatch(words.strip())
    try:
        if found is not None:
            age = timedelta(hours=int(found[1]) * _HOURS[found[2].lower()])
            datetime.now(UTC) - age  # raises if that is before year 1
            return age
    except OverflowError:
        pass
    raise UsageError(f"{named}: {words!r} is no age", remedy="such as 30d, 12h or 8w")
