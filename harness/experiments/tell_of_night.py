"""Sends the notifications of a night, and records which changes they reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.errors import HarnessError
from harness.experiments.night_notice import Notice, post, run_command
from harness.experiments.night_story import notice_of, to_tell
from harness.experiments.nightly_run import Night


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """Whether a notification arrived, and what went wrong."""

    arrived: bool = False
    troubles: tuple[HarnessError, ...] = ()


def tell(night: Night, *, database: str | None, command: Sequence[str] = (), url: str | None = None) -> Notified:
    """Send the notifications of a night, if there is anything to report.

    Args:
        night: its result.
        database: the history, as for `NightPlan`.
        command: a command and its arguments; empty for none.
        url: a web hook; None for none.
    """
    from harness.history.change_log import mark_notified, notified
    from harness.history.database import open_history

    if not (command or url):
        return Notified()
    arrived = False
    troubles: list[HarnessError] = []
    try:
        with open_history(database) as db:
            with db.read() as connection:
                before = notified(connection)
            changes = to_tell(night, before)
            if not changes:
                return Notified()
            arrived, troubles = _send(notice_of(night, changes, before), command, url)
            if arrived:
                with db.begin() as connection:
                    mark_notified(connection, [one.id for one in changes], datetime.now(UTC))
    except HarnessError as error:
        troubles.append(error)
    return Notified(arrived=arrived, troubles=tuple(troubles))


def _send(notice: Notice, command: Sequence[str], url: str | None) -> tuple[bool, list[HarnessError]]:
    """Send to both, even if one of them fails."""
    arrived = False
    troubles: list[HarnessError] = []
    if command:
        try:
            run_command(command, notice)
            arrived = True
        except HarnessError as error:
            troubles.append(error)
    if url is not None:
        try:
            post(url, notice)
            arrived = True
        except HarnessError as error:
            troubles.append(error)
    return arrived, troubles
