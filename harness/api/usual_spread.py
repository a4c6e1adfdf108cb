"""How much runs of a phone usually differ: from its calibrations, and from the nights of the history."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.analysis.between_runs import BetweenRuns
from harness.analysis.cell_selection import Pair
from harness.analysis.metrics import Metric
from harness.errors import HarnessError, UsageError
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
    """Return what is known of the spread between runs, by pairs of cells of two runs: the one that rests on more runs.

    The history is opened only for a pair that asks for it, and never made. It does not count the two runs themselves.

    Args:
        base, head: the runs that are compared.
        metric: what is compared.
        database: the history; None for the default one, without which a comparison goes on.

    Raises:
        UsageError: a calibration was written by a newer harness, or is damaged. From what is returned: you named a history, and there is
            none.
        SetupError: from what is returned: the history that you named cannot be opened.
    """
    calibrated = spreads(base.devices, head.devices, str(metric))
    nightly = NightlySpreads(
        read=lambda device: _series(database, device, metric),
        builds=common_builds(base.devices, head.devices),
        without={base.run_id, head.run_id},
    )

    def spread(pair: Pair) -> BetweenRuns | None:
        known = [one for one in (calibrated(pair), nightly(pair)) if one is not None]
        return max(known, key=lambda one: one.runs, default=None)

    return spread


def _series(database: str | None, device: str, metric: Metric) -> tuple[Series, ...]:
    try:
        file = parse_address(database).file
        if database is None and file is not None and not file.exists():
            return ()
        with open_history(database, create=False, wait_s=_WAIT_S) as db, db.read() as connection:
            from harness.history.series_reader import read_series

            try:
                return read_series(connection, metrics=[metric], device=device)
            except UsageError:  # it does not know the device
                return ()
    except HarnessError as error:
        if database is not None:
            raise
        log.info("the history says nothing of the spread between runs: %s", error)
        return ()
