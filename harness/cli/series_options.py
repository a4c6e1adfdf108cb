"""The options that choose series of the history: `--metric`, `--device`, `--model`, `--delegate`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from harness.analysis.metrics import Metric

_Command = Callable[..., Any]


def series_options(*defaults: Metric) -> Callable[[_Command], _Command]:
    """Add them to a command, as its parameters `metrics` (a tuple), `device`, `model` and `delegate`.

    Args:
        defaults: the default metrics; none for all.
    """

    def added(command: _Command) -> _Command:
        for name in ("delegate", "model", "device"):
            text = f"Only series of this {name}; may hold * and ?."
            command = click.option(f"--{name}", metavar="GLOB", help=text)(command)
        return click.option(
            "--metric",
            "metrics",
            multiple=True,
            type=click.Choice([str(metric) for metric in Metric]),
            default=[str(metric) for metric in defaults],
            show_default=", ".join(map(str, defaults)) or "all",
            help="Only series of this metric. May be given several times.",
        )(command)

    return added
