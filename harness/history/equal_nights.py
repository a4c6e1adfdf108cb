"""The spread between runs, from nights with equal ground and equal files."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

from harness.analysis.between_runs import BetweenRuns, pooled_between_runs
from harness.analysis.cell_selection import Pair
from harness.analysis.cells import CellResults
from harness.analysis.samples import MIN_BLOCKS
from harness.history.series_of_trial import belongs
from harness.records.history import Series

LEAST_RUNS = 5
"""Fewer runs give so uncertain a spread that a comparison which allows for it says nothing."""


def spread_of(
    series: Series, *, fingerprint: str | None, model_sha256: str, without: Collection[str] = ()
) -> BetweenRuns | None:
    """Return how much runs of a series differ while nobody changes anything; None with too few nights.

    Nights are compared only if their files and their whole ground are the same.

    Args:
        series: the series.
        fingerprint: only nights on this system build of the device.
        model_sha256: only nights with this model file.
        without: ids of runs that must not count: those that are compared by means of the spread.
    """
    groups: dict[object, list[float]] = {}
    for one in series.estimates:
        equal = one.model_sha256 == model_sha256 and one.ground.fingerprint == fingerprint
        if equal and one.processes >= MIN_BLOCKS and not one.synthetic and one.value > 0 and one.run_id not in without:
            groups.setdefault((one.binary_sha256, one.ground), []).append(math.log(one.value))
    found = pooled_between_runs(groups.values())
    return found if found is not None and found.runs >= LEAST_RUNS else None


class NightlySpreads:
    """What the history knows of the spread between runs of phones, by pairs of cells.

    Args:
        read: returns a device's series of the compared metric; called once for each device, when it is first needed.
        builds: the system build of each phone that both runs measured, by serial.
        without: ids of the runs that are compared.
    """

    def __init__(
        self,
        read: Callable[[str], tuple[Series, ...]],
        builds: Mapping[str, str | None],
        without: Collection[str],
    ) -> None:
        self._read = read
        self._builds = builds
        self._without = without
        self._known: dict[str, tuple[Series, ...]] = {}

    def __call__(self, pair: Pair) -> BetweenRuns | None:
        """Return the spread of a pair; see `spread_of`."""
        if pair.base is None or pair.head is None or pair.base.key.device != pair.head.key.device:
            return None
        # A new model was never measured on several nights; the old one was.
        return self._of(pair.head) or self._of(pair.base)

    def _of(self, cell: CellResults) -> BetweenRuns | None:
        device, trial = cell.key.device, cell.results[0].trial
        if device not in self._builds:
            return None
        if device not in self._known:
            self._known[device] = self._read(device)
        build, model = self._builds[device], trial.model.sha256
        spreads = [
            spread_of(series, fingerprint=build, model_sha256=model, without=self._without)
            for series in self._known[device]
            if belongs(trial, series.key, {})
        ]
        return next((one for one in spreads if one is not None), None)
