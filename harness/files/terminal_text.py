"""Strangers' text on a terminal or in a line of a log."""

from __future__ import annotations


def printable(text: str) -> str:
    """A stranger's text as one harmless line: control characters, which could move the cursor or pass for other text, as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
