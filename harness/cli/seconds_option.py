"""The command-line type of a number of seconds."""

from __future__ import annotations

import math
from typing import Any

import click


class Seconds(click.FloatRange):
    """A number within a range. `nan` is none: it is neither below nor above any limit, so a budget of it would never be spent."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a number."""
        read = float(super().convert(value, param, ctx))
        if math.isnan(read):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return read
