"""Values that have no logarithm: zero, less than zero, NaN, infinite. They are counted and named, never silently dropped. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.analysis.cells import CellResults
from harness.analysis.comparability import Note
from harness.analysis.metrics import Metric, is_good, purpose_for, reported

_ORDER = ("0", "negative", "NaN", "infinite")
_NO_NUMBER = ("NaN", "infinite")


@dataclass(frozen=True, slots=True, kw_only=True)
class OddValues:
    """Values of a metric besides positive numbers that the good processes of a cell reported."""

    processes: int = 0
    """Processes that count."""
    values: int = 0
    """Those of them that report the metric."""
    kinds: Mapping[str, int] = field(default_factory=dict)
    """Number of values by kind: `0`, `negative`, `NaN`, `infinite`."""

    @property
    def no_number(self) -> int:
        """Number of values that nothing can be compared with."""
        return sum(self.kinds.get(kind, 0) for kind in _NO_NUMBER)


def kind_of(value: float) -> str | None:
    """Name the kind of an odd value; None for a positive finite one."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "infinite"
    return None if value > 0 else "negative" if value < 0 else "0"


def odd_values(cell: CellResults | None, metric: Metric) -> OddValues:
    """Count the odd values of a cell."""
    if cell is None:
        return OddValues()
    purpose = purpose_for(cell.results, metric)
    good = [result for result in cell.results if is_good(result, purpose)]
    values = [value for result in good if (value := reported(result, metric, purpose)) is not None]
    kinds = Counter(kind for value in values if (kind := kind_of(value)) is not None)
    return OddValues(processes=len(good), values=len(values), kinds=dict(kinds))


def value_notes(name: str, odd: OddValues, metric: Metric) -> Iterable[Note]:
    """Name them: `HEAD: 5 of 10 values of memory are 0`."""
    for kind in _ORDER:
        if count := odd.kinds.get(kind):
            verb = "is" if count == 1 else "are"
            yield Note("odd_values", f"{name}: {count} of {odd.values} values of {metric.words} {verb} {kind}", False)
    if odd.values and (silent := odd.processes - odd.values):
        text = f"{name}: {silent} of {odd.processes} processes that are ok report no {metric.words}"
        yield Note("no_value", text, False)
