"""Packs the nights of a history for its page: columns of small integers, and tables in which each text stands once.

A year of 200 series is 73,000 estimates. As objects they take 30 MB; as differences between neighbours, deflated, under two.
`reports/js/history_model.js` unpacks them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Generic, TypeVar
from urllib.parse import quote

from harness.records.history import Ground, NightEstimate, Series
from harness.report.embed import Json, log_prefix
from harness.runs.run_folder import REPORT

_DIGITS = 6
"""Significant digits that are kept of a series' usual value."""
_MOST_DECIMALS = 9
_SPREAD_UNIT = 1e-5

_T = TypeVar("_T", bound=Hashable)
_Run = tuple[float, str, str, tuple[tuple[str, str], ...]]
"""Second of its start, id, folder and labels."""
_Encoded = list[int | None]


class _Places(Generic[_T]):
    """Numbers values by the order in which they first come."""

    def __init__(self) -> None:
        self._places: dict[_T, int] = {}

    def of(self, value: _T) -> int:
        """Return the number of a value."""
        return self._places.setdefault(value, len(self._places))

    def values(self) -> list[_T]:
        """Return all values by their numbers."""
        return list(self._places)


def nights_data(series: Sequence[Series], folder: Path) -> Json:
    """Return every night of every series.

    Args:
        series: in the order of the page.
        folder: the folder that the page will be in, for its links to the runs' reports.
    """
    runs = sorted({_run_of(night) for one in series for night in one.estimates})
    run_places = {run: place for place, run in enumerate(runs)}
    texts, grounds, labels = _Places[str](), _Places[Ground](), _Places[tuple[tuple[str, str], ...]]()
    links = {path: report_link(path, folder) for path in dict.fromkeys(path for _, _, path, _ in runs)}
    columns = [_columns(one, run_places, texts, grounds) for one in series]
    return {
        "series": columns,
        "runs": {
            "at": differences([round(at) for at, _, _, _ in runs]),
            "id": [run_id for _, run_id, _, _ in runs],
            "path": [path for _, _, path, _ in runs],
            "href": [links[path] for _, _, path, _ in runs],
            "labels": [labels.of(of_run) for _, _, _, of_run in runs],
        },
        "labels": labels.values(),
        "grounds": [_ground(one, texts) for one in grounds.values()],
        "texts": texts.values(),
    }


def _columns(one: Series, runs: Mapping[_Run, int], texts: _Places[str], grounds: _Places[Ground]) -> Json:
    nights = one.estimates
    decimals = decimals_for([night.value for night in nights])
    values = [_scaled(night.value, decimals) for night in nights]
    return {
        "run": differences([runs[_run_of(night)] for night in nights]),
        "decimals": decimals,
        "value": differences(values),
        # Distances from the value, which are smaller numbers than the ends themselves.
        "below": [_minus(value, _scaled(night.ci_low, decimals)) for value, night in zip(values, nights, strict=True)],
        "above": [_minus(_scaled(night.ci_high, decimals), value) for value, night in zip(values, nights, strict=True)],
        "spread": [_rounded(night.spread, 1 / _SPREAD_UNIT) for night in nights],
        "processes": stretches(night.processes for night in nights),
        "model": stretches(texts.of(night.model_sha256) for night in nights),
        "binary": stretches(texts.of(night.binary_sha256) for night in nights),
        "ground": stretches(grounds.of(night.ground) for night in nights),
        "synthetic": stretches(int(night.synthetic) for night in nights),
        "differs": stretches(int(night.output_differs) for night in nights),
    }


def _ground(ground: Ground, texts: _Places[str]) -> _Encoded:
    parts = (ground.fingerprint, ground.governor, ground.config, ground.harness_version, ground.asked)
    return [None if part is None else texts.of(part) for part in parts]


def _run_of(night: NightEstimate) -> _Run:
    return seconds(night.at), night.run_id, night.run_path, night.labels


def seconds(moment: datetime) -> float:
    """Return seconds since 1970. A moment without a zone is UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def decimals_for(values: Iterable[float]) -> int:
    """Return the decimal places that keep six digits of the usual value; below 0 for powers of ten that are left out."""
    sizes = [abs(value) for value in values if math.isfinite(value) and value]
    if not sizes:
        return 3
    return max(-_MOST_DECIMALS, min(_MOST_DECIMALS, _DIGITS - 1 - math.floor(math.log10(median(sizes)))))


def _scaled(value: float | None, decimals: int) -> int | None:
    return _rounded(value, 10.0**decimals)


def _rounded(value: float | None, factor: float) -> int | None:
    return None if value is None or not math.isfinite(value * factor) else round(value * factor)


def _minus(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a - b


def differences(values: Iterable[int | None]) -> _Encoded:
    """Return the first value, and for each other the difference to the last known one."""
    found: _Encoded = []
    last = 0
    for value in values:
        found.append(None if value is None else value - last)
        last = last if value is None else value
    return found


def stretches(values: Iterable[int]) -> list[int]:
    """Return each value and how often it comes in a row: `[7, 3, 8, 1]` for 7, 7, 7, 8."""
    found: list[int] = []
    for value in values:
        if found and found[-2] == value:
            found[-1] += 1
        else:
            found += [value, 1]
    return found


def report_link(run_path: str, folder: Path) -> str | None:
    """Return the relative link from a folder to the report of a run; None if there is no such file now."""
    run = Path(run_path)
    try:
        if not run_path or not (run / REPORT).is_file():
            return None
        # Colons are quoted, so that no path looks like a scheme.
        return quote(os.fsencode(f"{log_prefix(run, folder)}{REPORT}"), safe="/")
    except (OSError, ValueError):  # no permission; a name that no file can have
        return None
