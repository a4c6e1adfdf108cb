"""Strangers' text on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """A stranger's text for a terminal: control characters, which could move the cursor or pass for other text, as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
