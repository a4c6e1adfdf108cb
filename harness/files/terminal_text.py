"""Makes strangers' text safe for a terminal or a line of a log."""

from __future__ import annotations


def printable(text: str) -> str:
    """Escape control characters, which could move the cursor or fake other text; the result is one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def printable_lines(text: str) -> str:
    """Escape control characters but for line feeds: for messages of several lines that name strangers' files."""
    return "\n".join(map(printable, text.split("\n")))
