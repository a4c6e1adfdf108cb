"""The options that put a run into a history, for a command that is printed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from harness.history.database_address import parse_address


def adding_options(database: str | None, labels: Mapping[str, str]) -> str:
    """Return ` --label K=V --database URL`, quoted for a shell and without a password; empty if no option is needed.

    Args:
        database: the history, as given.
        labels: of the run.

    Raises:
        UsageError: no history can be at the address.
    """
    words = "".join(f" --label {shlex.quote(f'{key}={value}')}" for key, value in labels.items())
    return words + parse_address(database).argument
