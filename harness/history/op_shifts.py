"""Which ops cost more on the nights after a change than on those before it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from sqlalchemy import Connection, select

from harness.analysis.checked_history import OpShift
from harness.analysis.metrics import Metric
from harness.history.tables import ops, runs, trials
from harness.records import Purpose, Status
from harness.records.history import Change, Series

_NIGHTS = 3
"""Nights on each side, as far as there are so many: a single night's profile says little."""
_MOST = 3
_OF_LATENCY = (Metric.INFERENCE_AVG, Metric.MEDIAN, Metric.P5, Metric.P95)


def op_shifts(connection: Connection, change: Change, series: Series) -> tuple[OpShift, ...]:
    """Return the ops that moved most in the direction of a change; nothing if its nights were not profiled, or it is not of the latency.

    Args:
        connection: to the history.
        change: a change.
        series: its series.
    """
    nights = [one.run_id for one in series.estimates]
    if change.series.metric not in _OF_LATENCY or change.first_bad not in nights:
        return ()
    place = nights.index(change.first_bad)
    before = _costs(connection, change, nights[max(0, place - _NIGHTS) : place])
    after = _costs(connection, change, nights[place : place + _NIGHTS])
    if not before or not after:
        return ()
    moved = [
        OpShift(node_type=op[0], name=op[1], before_us=before.get(op), after_us=after.get(op))
        for op in dict.fromkeys([*before, *after])
    ]
    sign = 1 if change.worse else -1
    largest = sorted(moved, key=lambda one: -sign * one.change_us)[:_MOST]
    return tuple(one for one in largest if sign * one.change_us > 0)


def _costs(connection: Connection, change: Change, nights: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return the median cost of each op over the processes profiled in some runs. An op that runs several times costs their sum."""
    key = change.series
    query = (
        select(ops.c.trial, ops.c.node_type, ops.c.name, ops.c.cost_us)
        .join(trials, ops.c.trial == trials.c.id)
        .join(runs, trials.c.run == runs.c.id)
        .where(
            runs.c.run_id.in_(nights),
            trials.c.purpose == str(Purpose.PROFILE),
            trials.c.status == str(Status.OK),
            trials.c.device == key.device,
            trials.c.model == key.model,
            trials.c.variant == key.variant,
            trials.c.delegate == key.delegate,
            trials.c.threads == key.threads,
            trials.c.cpus == key.cpus,
            trials.c.start == key.start,
            trials.c.binary == key.binary,
            ops.c.cost_us.is_not(None),
        )
        .order_by(ops.c.trial, ops.c.position)
    )
    sums: dict[tuple[str, str], dict[int, float]] = {}
    for row in connection.execute(query):
        of_op = sums.setdefault((row.node_type, row.name), {})
        of_op[row.trial] = of_op.get(row.trial, 0.0) + row.cost_us
    return {op: median(by_trial.values()) for op, by_trial in sums.items()}
