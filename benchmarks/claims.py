"""What a benchmark claims, whether it holds, and the tables around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed, the figure, and between which limits it must lie."""

    words: str
    figure: float
    low: float
    high: float
    experiments: int

    @property
    def holds(self) -> bool:
        """Whether it does. A share that was found by chance may lie beyond a limit by what chance does: two standard errors."""
        slack = 0.0
        if self.experiments:
            at_limit = [limit * (1 - limit) for limit in (self.low, self.high) if 0 < limit < 1]
            slack = 2 * float(np.sqrt(max(at_limit, default=0.25) / self.experiments))
        return self.low - slack <= self.figure <= self.high + slack


def share(value: float | None) -> str:
    """Return `95.0%`; `-` without a value."""
    return "-" if value is None else f"{value:.1%}"


def table_row(first: str, *cells: object) -> None:
    """Print a row of a table."""
    print(f"{first:<16}" + "".join(f"{cell!s:>22}" for cell in cells), flush=True)
