"""How much runs of a phone usually differ: from its calibrations, and from the nights of the history."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.analysis.between_runs import BetweenRuns
from harness.analysis.cell_selection import Pair
from harness.analysis.metrics import Metric
from harness.errors import HarnessError, UsageError
from harness.files.terminal_text import printable
from harness.history.database import open_history
from harness.history.database_address import parse_address
from harness.history.equal_nights import NightlySpreads
from harness.runs.between_runs_files import common_builds, spreads
from harness.runs.run_store import Manifest

if TYPE_CHECKING:
    from harness.records.history import Series

log = logging.getLogger(__name__)

_WAIT_S = 5.0


def usual_spread(
    base: Manifest, head: Manifest, metric: Metric, *, database: str | None = None
) -> Callable[[Pair], BetweenRuns | None]:
    """Return the known spread between runs for pairs of cells of two runs. Of two sources, the one with more runs counts.

    The history is opened only when a pair needs it, and never made or migrated. If it cannot be read, one warning says so, and it is not
    asked again. The two runs themselves do not count.

    Args:
        base, head: the runs that are compared.
        metric: what is compared.
        database: the history; None for the default one, without which a comparison goes on.

    Raises:
        UsageError: a calibration was written by a newer harness, or is damaged. The returned function raises it if the history that you
            named does not exist.
        SetupError: the returned function raises it if the history that you named cannot be opened, or an older harness made it.
    """
    calibrated = spreads(base.devices, head.devices, str(metric))
    nightly = NightlySpreads(
        read=SpreadReader(database, metric),
        builds=common_builds(base.devices, head.devices),
        without={base.run_id, head.run_id},
    )

    def spread(pair: Pair) -> BetweenRuns | None:
        known = [one for one in (calibrated(pair), nightly(pair)) if one is not None]
        return max(known, key=lambda one: one.runs, default=None)

    return spread


class SpreadReader:
    """Reads the series of one device after the other, until the history fails.

    Args:
        database: as for `usual_spread`.
        metric: the series' metric.
    """

    def __init__(self, database: str | None, metric: Metric) -> None:
        self._database = database
        self._metric = metric
        self._failed = False

    def __call__(self, device: str) -> tuple[Series, ...]:
        """Return a device's series of the metric; none if the history has none, or failed."""
        if self._failed:
            return ()
        try:
            return self._series(device)
        except HarnessError as error:
            if self._database is not None:
                raise
            self._failed = True
            remedy = f" ({error.remedy})" if error.remedy else ""
            log.warning(
                "the history says nothing of the spread between runs: %s%s", printable(error.message), printable(remedy)
            )
            return ()

    def _series(self, device: str) -> tuple[Series, ...]:
        file = parse_address(self._database).file
        if self._database is None and file is not None and not file.exists():
            return ()
        with open_history(self._database, create=False, migrate=False, wait_s=_WAIT_S) as db, db.read() as connection:
            from harness.history.series_reader import read_series

            try:
                return read_series(connection, metrics=[self._metric], device=device)
            except UsageError:  # it does not know the device
                return ()
