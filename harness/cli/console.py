"""The console that tables and lines are printed on."""

from __future__ import annotations

import os

from rich.console import Console

_UNFOLDED = 10_000


def open_console(*, on_stderr: bool = False) -> Console:
    """As wide as the terminal is. A pipe or a file has no width: nothing is folded there, unless COLUMNS gives it one."""
    console = Console(stderr=on_stderr)
    if console.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return console
    return Console(width=_UNFOLDED, stderr=on_stderr)
