"""JSON documents for people and programs: a line for each value."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def indented(document: Any) -> str:
    """Return what `json.dumps(document, indent=1, allow_nan=False)` returns, in a third of the time.

    `json` writes indented text in Python, value by value, and only compact text in C.

    Raises:
        ValueError: a number is infinite, or is none.
        TypeError: something has no form in JSON.
    """
    compact = json.dumps(document, allow_nan=False)
    try:
        return msgspec.json.format(compact, indent=1)
    except msgspec.DecodeError:  # half a character, as of a name that is no UTF-8: only `json` lets it pass
        return json.dumps(document, indent=1, allow_nan=False)
