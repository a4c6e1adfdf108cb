"""The command-line type of a number of seconds, and the option `--wait`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Seconds(click.FloatRange):
    """A number within a range. It refuses `nan`, which is neither below nor above any limit: such a budget would never be spent."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a number."""
        read = float(super().convert(value, param, ctx))
        if math.isnan(read):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return read


def wait_option(what: str, default_s: float = 0.0) -> Callable[[_Command], _Command]:
    """Return a decorator that adds `--wait` to a command, as its parameter `wait_s`.

    Args:
        what: what the command waits for.
        default_s: default in seconds; the help shows it unless it is 0.
    """
    return click.option(
        "--wait",
        "wait_s",
        type=Seconds(0, 86400),
        default=default_s,
        show_default=default_s > 0,
        metavar="SECONDS",
        help=f"Wait up to SECONDS for {what}.",
    )
