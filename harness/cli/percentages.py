"""The command-line type of `--gate 3%`."""

from __future__ import annotations

import re

import click

_PERCENT = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*%\s*")


class Percent(click.ParamType[float]):
    """A percentage with its sign, converted to a fraction. A bare number is refused, since `3` might mean 3 % or 300 %."""

    name = "percent"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read `3%`, `0.5 %`."""
        if isinstance(value, float):
            return value
        found = _PERCENT.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is not a percentage: write it like 3%", param, ctx)
        fraction = float(found.group(1)) / 100
        if not 0 <= fraction <= 10:
            self.fail(f"{value} is not between 0% and 1000%", param, ctx)
        return fraction


PERCENT = Percent()
