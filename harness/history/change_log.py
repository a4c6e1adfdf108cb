"""The log of changes: what checks found, what experiments answered, what people decided.

Every function that writes takes a connection of `HistoryDatabase.begin`. If two processes write, the second one waits for the first and
then sees what it stored, so two simultaneous checks store a change once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, insert, select, update

from harness.errors import UsageError
from harness.history.change_matching import Matched, NightCounter, free_id, groups_kept, matched, mended_at
from harness.history.change_rows import (
    Experiment,
    change_of,
    experiment_document,
    experiment_of,
    found_values,
    verdict_of,
)
from harness.history.decided_level import decided_values, reopened_values
from harness.history.series_reader import chosen_series
from harness.history.tables import changes
from harness.records.history import Change, ChangeVerdict, Evidence, Series, SeriesKey

_SUGGESTED = 5


def known_changes(
    connection: Connection, *, now: datetime | None = None, series: Collection[SeriesKey] | None = None
) -> tuple[Change, ...]:
    """Return the known changes, oldest first.

    Args:
        connection: to the history.
        now: the moment that decides which are still muted; now by default.
        series: only those of these series; None for all.
    """
    known = chosen_series(connection)
    wanted = None if series is None else set(series)
    rows = connection.execute(select(changes).order_by(changes.c.first_bad_at, changes.c.group_id, changes.c.id))
    moment = now or datetime.now(UTC)
    return tuple(
        change_of(row, known[row.series], moment) for row in rows if wanted is None or known[row.series].key in wanted
    )


def changes_named(connection: Connection, words: str, *, now: datetime | None = None) -> tuple[Change, ...]:
    """Return the change with this id, or all changes of the group with this id.

    Args:
        connection: to the history.
        words: the id of a change or of a group.
        now: as for `known_changes`.

    Raises:
        UsageError: there is none; the remedy names the nearest ids.
    """
    known = known_changes(connection, now=now)
    one = tuple(change for change in known if change.id == words)
    found = one or tuple(change for change in known if change.group == words)
    if not found:
        raise UsageError(f"the history has no change {words}", remedy=_near(words, known))
    return found


def merge_found(
    connection: Connection, found: Sequence[Change], now: datetime, *, series: Sequence[Series] = ()
) -> tuple[Change, ...]:
    """Store what a check found, and return all known changes of the series that it looked at, oldest first.

    A change found again gets a new date, and keeps its id, its group, the answer of its experiment and people's decisions. A refuted or
    accepted change that now lies clearly above the size that was decided on becomes a new suspicion, neither accepted nor notified. A
    suspicion that is no longer found stays, with `unseen_since`, and does not count until it is found again.

    Args:
        connection: in a transaction that may write.
        found: the changes found.
        now: when.
        series: the series that were looked at, with all their nights. Changes of other series stay as they are.

    Raises:
        ValueError: the history lacks the series of a change.
    """
    numbers = {one.key: number for number, one in chosen_series(connection).items()}
    touched = {one.key for one in series} | {one.series for one in found}
    if unknown := touched - numbers.keys():
        raise ValueError(f"the history has no series {min(unknown).words}")
    known = known_changes(connection, now=now, series=touched)
    result = matched(known, found, {one.key: NightCounter.of(one) for one in series})
    groups = groups_kept(result)
    for before, again in result.again:
        _refresh(connection, before, again, groups.get(again.group, again.group), now)
    taken = {one.id for one in known_changes(connection, now=now)}
    for one in result.new:
        made = free_id(one.id, taken)
        taken.add(made)
        _store(connection, replace(one, id=made, group=groups.get(one.group, one.group)), numbers[one.series], now)
    _note_unseen(connection, result, series, now)
    _note_mended(connection, known_changes(connection, now=now, series=touched))
    return known_changes(connection, now=now, series=touched)


def accept(connection: Connection, words: str, now: datetime, *, undo: bool = False) -> tuple[Change, ...]:
    """Accept the new level of a change, or of all changes of a group, so that they no longer count. Return them.

    A change that grows clearly beyond its present size counts again (`merge_found`).

    Args:
        connection: in a transaction that may write.
        words: the id of a change or of a group.
        now: when.
        undo: let them count again.

    Raises:
        UsageError: there is none.
    """
    return _mark(connection, words, now, {"accepted_at": None} if undo else {"accepted_at": now, **decided_values(now)})


def mute(connection: Connection, words: str, now: datetime, *, until: datetime | None = None) -> tuple[Change, ...]:
    """Mute a change, or all changes of a group, until a moment or for good. Return them.

    Args:
        connection: in a transaction that may write.
        words: the id of a change or of a group.
        now: when.
        until: when they count again; None for never.

    Raises:
        UsageError: there is none, or the moment has passed.
    """
    if until is not None and until <= now:
        raise UsageError(f"--until {until:%Y-%m-%d %H:%M} has passed", remedy="give a later date")
    return _mark(connection, words, now, {"muted_at": now, "muted_until": until})


def unmute(connection: Connection, words: str, now: datetime) -> tuple[Change, ...]:
    """Let a muted change, or all changes of a group, count again. Return them.

    Args:
        connection: in a transaction that may write.
        words: the id of a change or of a group.
        now: when.

    Raises:
        UsageError: there is none.
    """
    return _mark(connection, words, now, {"muted_at": None, "muted_until": None})


def record_evidence(
    connection: Connection,
    change_id: str,
    verdict: ChangeVerdict,
    evidence: Evidence | None,
    *,
    notes: Sequence[str] = (),
) -> Change:
    """Store the result of an experiment, and return the change. Its decision overrides what the nights suggest.

    Args:
        connection: in a transaction that may write.
        change_id: the change.
        verdict: `confirmed` or `refuted`; any other one means that the experiment did not decide. A confirmed change for the better becomes
            `improved`.
        evidence: the measurement; None if there is none, for example because a file is gone.
        notes: sentences on it. They stay until the next experiment, even if the change is found again.

    Raises:
        UsageError: there is no such change.
        ValueError: the evidence has no finite ratio and interval.
    """
    decided = verdict if verdict in (ChangeVerdict.CONFIRMED, ChangeVerdict.REFUTED) else None
    row = connection.execute(select(changes).where(changes.c.id == change_id)).one_or_none()
    if row is None:
        raise UsageError(f"the history has no change {change_id}", remedy=_near(change_id, known_changes(connection)))
    before = experiment_of(row)
    made = Experiment(verdict=decided, evidence=evidence, notes=tuple(notes))
    if not made.decided and before.decided:
        # An undecided experiment does not undo a decision.
        made = replace(before, notes=(*before.notes, *(note for note in notes if note not in before.notes)))
    values: dict[str, Any] = {"evidence": experiment_document(made)}
    if made.decided:
        known = chosen_series(connection)[row.series]
        change = change_of(row, known, datetime.now(UTC))
        values |= {"verdict": str(verdict_of(change, made)), "unseen_since": None}
    if decided is ChangeVerdict.REFUTED:
        values |= decided_values(datetime.now(UTC))
    connection.execute(update(changes).where(changes.c.id == change_id).values(**values))
    return changes_named(connection, change_id)[0]


def notified(connection: Connection) -> frozenset[str]:
    """Return the ids of the changes that a notification reported."""
    rows = connection.execute(select(changes.c.id).where(changes.c.notified_at.is_not(None)))
    return frozenset(row.id for row in rows)


def mark_notified(connection: Connection, ids: Collection[str], now: datetime) -> None:
    """Record that a notification reported these changes."""
    connection.execute(update(changes).where(changes.c.id.in_(list(ids))).values(notified_at=now))


def _mark(connection: Connection, words: str, now: datetime, values: dict[str, Any]) -> tuple[Change, ...]:
    ids = [one.id for one in changes_named(connection, words, now=now)]
    connection.execute(update(changes).where(changes.c.id.in_(ids)).values(**values))
    return tuple(one for one in known_changes(connection, now=now) if one.id in ids)


def _near(words: str, known: Sequence[Change]) -> str:
    ids = [one.id for one in reversed(known)]
    near = get_close_matches(words, ids, n=_SUGGESTED, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"the latest are {', '.join(ids[:_SUGGESTED])}" if ids else "it has none: harness history check"


def _refresh(connection: Connection, before: Change, again: Change, group: str, now: datetime) -> None:
    """Update a known change. The decision of an experiment or a person stays, unless the change now lies beyond what they decided on."""
    row = connection.execute(select(changes).where(changes.c.id == before.id)).one()
    values = found_values(again) | {
        "group_id": group,
        "verdict": str(verdict_of(again, experiment_of(row))),
        "unseen_since": None,
    }
    values |= reopened_values(row, again, now)
    connection.execute(update(changes).where(changes.c.id == before.id).values(**values))


def _store(connection: Connection, change: Change, number: int, now: datetime) -> None:
    values = found_values(change) | {
        "id": change.id,
        "group_id": change.group,
        "series": number,
        "verdict": str(change.verdict),
        "found_at": now,
    }
    connection.execute(insert(changes).values(**values))


def _note_unseen(connection: Connection, result: Matched, series: Sequence[Series], now: datetime) -> None:
    """Mark suspicions that the nights no longer show. An experiment's decision stays."""
    began = {one.key: one.estimates[0].at for one in series if one.estimates}
    for one in result.unseen:
        start = began.get(one.series)
        row = connection.execute(select(changes).where(changes.c.id == one.id)).one()
        covered = start is not None and start <= one.last_good_at
        if covered and one.unseen_since is None and not experiment_of(row).decided:
            connection.execute(update(changes).where(changes.c.id == one.id).values(unseen_since=now))


def _note_mended(connection: Connection, known: Sequence[Change]) -> None:
    standing = [one for one in known if one.unseen_since is None and one.verdict is not ChangeVerdict.REFUTED]
    for one in known:
        since = mended_at(one, standing)
        if since != one.mended_since:
            connection.execute(update(changes).where(changes.c.id == one.id).values(mended_since=since))
