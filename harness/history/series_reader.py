"""Reads series of estimates from the history, with three queries for any number of series and nights."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, select

from harness.errors import UsageError
from harness.history.tables import estimates, labels, runs, series
from harness.records.asked import model_label
from harness.records.history import Ground, NightEstimate, Series, SeriesKey, Unit

_MOST_NAMED = 5000
"""A query names at most this many series. For more, it reads all series and drops the unwanted ones."""
_KEYS = ("device", "model", "delegate")


class KnownSeries(NamedTuple):
    """A series in the database."""

    key: SeriesKey
    unit: Unit


class _Run(NamedTuple):
    run_id: str
    path: str
    at: datetime
    harness_version: str
    labels: tuple[tuple[str, str], ...]


def read_series(
    connection: Connection,
    *,
    metrics: Collection[str] | None = None,
    device: str | None = None,
    model: str | None = None,
    delegate: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[Series, ...]:
    """Read series with their estimates, oldest first. Those without an estimate in the time range are left out.

    Args:
        connection: to the history.
        metrics: only these; None for all.
        device, model, delegate: only these, as in the selections of `harness compare`: values may hold `*` and `?`, an exact name wins,
            and `gpu` also matches the gpu with options.
        since, until: only runs that began in this range, both ends included.

    Raises:
        UsageError: no series has such a device, model or delegate (the message suggests a similar one), or those have none of the metrics.
    """
    chosen = chosen_series(connection, metrics=metrics, where={"device": device, "model": model, "delegate": delegate})
    nights = _runs(connection, since, until)
    found: dict[int, list[tuple[int, NightEstimate]]] = {number: [] for number in chosen}
    rank = {number: place for place, number in enumerate(nights)}
    grounds: dict[tuple[str | None, ...], Ground] = {}
    for row in connection.execute(_query(chosen, since, until)):
        night = nights.get(row.run)
        if row.series not in found or night is None:
            continue
        facts = (row.fingerprint, row.governor, row.config, night.harness_version, row.asked)
        ground = grounds.get(facts)
        if ground is None:
            ground = grounds[facts] = Ground(
                fingerprint=row.fingerprint,
                governor=row.governor,
                config=row.config,
                harness_version=night.harness_version,
                asked=row.asked,
            )
        found[row.series].append((rank[row.run], _estimate(row, night, ground)))
    return tuple(
        Series(key=chosen[number].key, unit=chosen[number].unit, estimates=_in_order(rows))
        for number, rows in sorted(found.items(), key=lambda one: chosen[one[0]].key)
        if rows
    )


def chosen_series(
    connection: Connection, *, metrics: Collection[str] | None = None, where: Mapping[str, str | None] | None = None
) -> dict[int, KnownSeries]:
    """Return the series that a selection names, by their numbers in the database.

    Args:
        connection: to the history.
        metrics: only these; None for all.
        where: patterns by key, as for `read_series`.

    Raises:
        UsageError: as `read_series`.
    """
    query = select(series)
    if metrics is not None:
        query = query.where(series.c.metric.in_(list(metrics)))
    left = {row.id: KnownSeries(_key(row), row.unit) for row in connection.execute(query)}
    patterns = {name: pattern for name in _KEYS if (pattern := (where or {}).get(name)) is not None}
    try:
        for name, pattern in patterns.items():
            left = _narrowed(left, name, pattern)
    except UsageError:
        if metrics is not None:
            # If the names are right, only the metrics are missing; else this call names the wrong one.
            there = sorted({one.key.metric for one in chosen_series(connection, where=where).values()})
            words = ", ".join(f"{name}={pattern}" for name, pattern in patterns.items())
            raise UsageError(
                f"no series of {words} has the metric {' or '.join(metrics)}", remedy=f"there is {', '.join(there)}"
            ) from None
        raise
    return left


def _narrowed(known: dict[int, KnownSeries], name: str, pattern: str) -> dict[int, KnownSeries]:
    values = {number: _values(one.key, name) for number, one in known.items()}
    kept = {number: known[number] for number, names in values.items() if names[0] == pattern}
    kept = kept or {
        number: known[number]
        for number, names in values.items()
        if any(one == pattern or fnmatchcase(one, pattern) for one in names)
    }
    if not kept:
        there = sorted({names[0] for names in values.values()})
        near = get_close_matches(pattern, there, n=1)
        listed = ", ".join(there[:10]) + ", ..." * (len(there) > 10)
        remedy = f"did you mean {near[0]}?" if near else f"there is {listed or 'nothing'}"
        raise UsageError(f"no series of the history has {name}={pattern}", remedy=remedy)
    return kept


def _values(key: SeriesKey, name: str) -> list[str]:
    if name == "device":
        return [key.device]
    if name == "model":
        return [key.model, model_label(key.model, key.variant)]
    return [key.cell.delegate, key.delegate, key.delegate.partition("(")[0]]


def _key(row: Any) -> SeriesKey:
    return SeriesKey(
        device=row.device,
        model=row.model,
        delegate=row.delegate,
        threads=row.threads,
        cpus=row.cpus,
        metric=row.metric,
        binary=row.binary,
        variant=row.variant,
        start=row.start,
    )


def _within(since: datetime | None, until: datetime | None) -> list[Any]:
    return [
        *([runs.c.started_at >= since] if since is not None else []),
        *([runs.c.started_at <= until] if until is not None else []),
    ]


def _runs(connection: Connection, since: datetime | None, until: datetime | None) -> dict[int, _Run]:
    """Return the runs of a time range by their numbers, oldest first."""
    within = _within(since, until)
    marks: dict[int, list[tuple[str, str]]] = {}
    of_labels = select(labels).join(runs, labels.c.run == runs.c.id).where(*within).order_by(labels.c.key)
    for row in connection.execute(of_labels):
        marks.setdefault(row.run, []).append((row.key, row.value))
    columns = (runs.c.id, runs.c.run_id, runs.c.path, runs.c.started_at, runs.c.harness_version)
    query = select(*columns).where(*within).order_by(runs.c.started_at, runs.c.id)
    return {
        row.id: _Run(row.run_id, row.path, row.started_at, row.harness_version, tuple(sorted(marks.get(row.id, ()))))
        for row in connection.execute(query)
    }


def _query(chosen: Collection[int], since: datetime | None, until: datetime | None) -> Select[Any]:
    query = select(estimates)
    if len(chosen) <= _MOST_NAMED:
        query = query.where(estimates.c.series.in_(list(chosen)))
    if since is not None or until is not None:
        query = query.join(runs, and_(estimates.c.run == runs.c.id, *_within(since, until)))
    return query


def _estimate(row: Any, night: _Run, ground: Ground) -> NightEstimate:
    return NightEstimate(
        run_id=night.run_id,
        run_path=night.path,
        at=night.at,
        value=row.value,
        processes=row.processes,
        spread=row.spread,
        ci_low=row.ci_low,
        ci_high=row.ci_high,
        model_sha256=row.model_sha256,
        binary_sha256=row.binary_sha256,
        ground=ground,
        synthetic=row.synthetic,
        output_differs=row.output_differs,
        labels=night.labels,
    )


def _in_order(rows: Sequence[tuple[int, NightEstimate]]) -> tuple[NightEstimate, ...]:
    return tuple(estimate for _, estimate in sorted(rows, key=lambda one: one[0]))
