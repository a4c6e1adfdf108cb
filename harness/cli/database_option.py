"""The options of every verb that opens the history: `--database`, `--wait`, `--label`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from harness.cli.seconds_option import wait_option
from harness.history.database import WAIT_S
from harness.history.database_address import VARIABLE

_Command = Callable[..., Any]


def database_option(command: _Command) -> _Command:
    """Add `--database` to a command, as its parameter `database`: a file or a URL, or None."""
    return click.option(
        "--database",
        metavar="URL",
        help=f"The history: a file (SQLite) or postgresql://USER@HOST/NAME. Default: {VARIABLE}, else your own file.",
    )(command)


def database_wait_option(command: _Command) -> _Command:
    """Add `--wait` for a database that another process writes, as the parameter `wait_s`."""
    return wait_option("another process that writes to the history", WAIT_S)(command)


def label_option(command: _Command) -> _Command:
    """Add `--label` to a command, as its parameter `labels`."""
    return click.option(
        "--label",
        "labels",
        multiple=True,
        metavar="K=V",
        help="Label the run, such as commit=4f1c2e9 or branch=main. May be given several times.",
    )(command)
