"""The console for tables and lines."""

from __future__ import annotations

import os

from rich.console import Console

_UNFOLDED = 10_000


def open_console(*, on_stderr: bool = False) -> Console:
    """Open a console as wide as the terminal. In a pipe or a file nothing is folded, unless COLUMNS gives a width."""
    console = Console(stderr=on_stderr)
    if console.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return console
    return Console(width=_UNFOLDED, stderr=on_stderr)
