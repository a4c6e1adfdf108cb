"""Which ops cost more on the nights after a change than on those before it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from sqlalchemy import Connection, select

from harness.analysis.checked_history import OpShift
from harness.analysis.metrics import Metric
from harness.history.series_of_trial import series_devices
from harness.history.tables import devices, ops, runs, trials
from harness.records import DeviceInfo, Purpose, Status
from harness.records.history import Change, NightEstimate, Series, SeriesKey

_NIGHTS = 3
"""Nights on each side, or fewer if there are not as many: a single night's profile says little."""
_MOST = 3
_OF_LATENCY = (Metric.INFERENCE_AVG, Metric.MEDIAN, Metric.P5, Metric.P95)


def op_shifts(connection: Connection, change: Change, series: Series) -> tuple[OpShift, ...]:
    """Return the ops that moved most in the direction of a change; none if its nights have no profile, or its metric is no latency.

    Args:
        connection: to the history.
        change: a change.
        series: its series.
    """
    nights = series.estimates
    place = next((place for place, one in enumerate(nights) if one.run_id == change.first_bad), None)
    if change.series.metric not in _OF_LATENCY or place is None:
        return ()
    before = _costs(connection, change.series, nights[max(0, place - _NIGHTS) : place])
    after = _costs(connection, change.series, nights[place : place + _NIGHTS])
    if not before or not after:
        return ()
    moved = [
        OpShift(node_type=op[0], name=op[1], before_us=before.get(op), after_us=after.get(op))
        for op in dict.fromkeys([*before, *after])
    ]
    sign = 1 if change.worse else -1
    largest = sorted(moved, key=lambda one: -sign * one.change_us)[:_MOST]
    return tuple(one for one in largest if sign * one.change_us > 0)


def _costs(connection: Connection, key: SeriesKey, nights: Sequence[NightEstimate]) -> dict[tuple[str, str], float]:
    """Return the median cost of each op over the processes profiled in some nights. An op that runs several times has the sum."""
    ran = _serials(connection, key.device, nights)
    models = {one.run_id: one.model_sha256 for one in nights}
    query = (
        select(
            trials.c.id,
            trials.c.device,
            trials.c.model_sha256,
            runs.c.run_id,
            ops.c.node_type,
            ops.c.name,
            ops.c.cost_us,
        )
        .join(trials, ops.c.trial == trials.c.id)
        .join(runs, trials.c.run == runs.c.id)
        .where(
            runs.c.run_id.in_(list(models)),
            trials.c.purpose == str(Purpose.PROFILE),
            trials.c.status == str(Status.OK),
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
        if row.device == ran.get(row.run_id) and row.model_sha256 == models[row.run_id]:
            of_op = sums.setdefault((row.node_type, row.name), {})
            of_op[row.id] = of_op.get(row.id, 0.0) + row.cost_us
    return {op: median(by_trial.values()) for op, by_trial in sums.items()}


def _serials(connection: Connection, name: str, nights: Sequence[NightEstimate]) -> dict[str, str]:
    """Return the serial of a series' device in each of some runs: a virtual device has another one each night."""
    query = select(runs.c.run_id, devices).join(devices, devices.c.run == runs.c.id)
    there: dict[str, list[DeviceInfo]] = {}
    for row in connection.execute(query.where(runs.c.run_id.in_([one.run_id for one in nights]))):
        there.setdefault(row.run_id, []).append(DeviceInfo(serial=row.serial, config=row.config, virtual=row.virtual))
    return {
        run_id: serial
        for run_id, many in there.items()
        for serial, named in series_devices(many).items()
        if named == name
    }
