"""Reports a night: lines for a terminal, one JSON document, and the content of a notification. Pure."""

from __future__ import annotations

import shlex
import socket
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from harness.analysis.checked_history import is_open
from harness.experiments.confirmation_facts import facts_of_tried
from harness.experiments.night_notice import Notice
from harness.experiments.nightly_run import Night, SuiteNight
from harness.files.terminal_text import printable
from harness.formats import change_words as words
from harness.formats.changes_json import change_document, check_document
from harness.formats.confirmation_words import tried_document
from harness.records import Status
from harness.records.history import Change, ChangeVerdict


def suite_lines(night: Night, adding: str = "", binaries: str = "") -> list[str]:
    """Return a line for each suite, safe to print.

    Args:
        night: its result.
        adding: options that add a run to this history, for commands in the lines.
        binaries: options that name the binaries, which resuming a run needs.
    """
    return [printable(_line(one, adding, binaries)) for one in night.suites]


def night_document(night: Night, *, told: bool) -> dict[str, Any]:
    """Return the document of `harness nightly --json`.

    Args:
        night: its result.
        told: whether a notification was sent.
    """
    checked = night.checked
    return {
        "runs": [_suite(one) for one in night.suites],
        "interrupted": night.interrupted,
        "failed": night.bad,
        "check": None if checked is None else check_document(checked),
        "experiments": tried_document([facts_of_tried(one) for one in night.tried]),
        "report": None if night.report is None else str(night.report),
        "notified": told,
        "errors": [str(one) for one in night.troubles],
    }


def to_tell(night: Night, told_before: Collection[str]) -> tuple[Change, ...]:
    """Return the changes that a notification reports; none if there is nothing to report.

    These are all open regressions. A new suspicion causes one notification, a confirmed regression one every night, until somebody accepts
    or mutes it.
    """
    if night.checked is None:
        return ()
    still = tuple(one for group in night.checked.groups() for one in group if is_open(one))
    worth = [one for one in still if one.verdict is ChangeVerdict.CONFIRMED or one.id not in told_before]
    return still if worth else ()


def notice_of(night: Night, changes: Collection[Change], told_before: Collection[str]) -> Notice:
    """Return the content of a notification.

    Args:
        night: its result.
        changes: from `to_tell`.
        told_before: ids of the changes that an earlier notification reported.
    """
    counts = Counter(str(one.verdict) for one in changes)
    new = sum(one.id not in told_before for one in changes)
    failed = sum(_bad_trials(one) for one in night.suites)
    short = f"{counts['confirmed']} confirmed, {counts['suspected']} suspected, {new} new"
    groups: dict[str, list[Change]] = {}
    for one in changes:
        groups.setdefault(one.group, []).append(one)
    lines = [f"Benchmarks: {short}"]
    lines += [
        f"{words.group_verdict(group)}: {words.group_name(group)}, {words.group_metrics(group)} {words.changes(group)} "
        f"{words.since(group)} ({group[0].id})"
        for group in groups.values()
    ]
    report = "" if night.report is None else str(night.report.resolve())
    lines += [f"report: {report}"] if report else []
    return Notice(
        document={
            "event": "harness.nightly",
            "text": "\n".join(printable(line) for line in lines),
            "host": socket.gethostname(),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "confirmed": counts["confirmed"],
            "suspected": counts["suspected"],
            "new": new,
            "bad_trials": failed,
            "runs": [_suite(one) for one in night.suites],
            "changes": [change_document(one) | {"new": one.id not in told_before} for one in changes],
            "report": report or None,
        },
        variables={
            "HARNESS_SUMMARY": short,
            "HARNESS_CONFIRMED": str(counts["confirmed"]),
            "HARNESS_SUSPECTED": str(counts["suspected"]),
            "HARNESS_NEW": str(new),
            "HARNESS_BAD_TRIALS": str(failed),
            "HARNESS_REPORT": report,
        },
    )


def _line(one: SuiteNight, adding: str, binaries: str) -> str:
    if one.outcome is None:
        return f"{one.suite}: did not run: {one.error}"
    counts = ", ".join(f"{one.outcome.counts[status]} {status}" for status in Status if one.outcome.counts.get(status))
    line = f"{one.suite}: {counts or 'no trial'}; {one.outcome.path}"
    folder = shlex.quote(str(one.outcome.path))
    if one.outcome.interrupted:
        return f"{line}; interrupted, go on with: {one.outcome.resume_command(f'{binaries} --history{adding}')}"
    if one.outcome.unfinished:
        line += f"; {one.outcome.unfinished} did not run"
    if one.error is not None:
        line += f"; not in the history: {one.error}; add it later: harness history add {folder}{adding}"
    return line


def _suite(one: SuiteNight) -> dict[str, Any]:
    outcome, added = one.outcome, one.added
    return {
        "suite": one.suite,
        "run_id": None if outcome is None else outcome.run.manifest.run_id,
        "path": None if outcome is None else str(outcome.path),
        "good": outcome is not None and outcome.good,
        "statuses": {} if outcome is None else {str(status): count for status, count in outcome.counts.items()},
        "unfinished": None if outcome is None else outcome.unfinished,
        "added": None if added is None else added.added,
        "known": None if added is None else added.known,
        "error": None if one.error is None else str(one.error),
    }


def _bad_trials(one: SuiteNight) -> int:
    if one.outcome is None:
        return 0
    counts = one.outcome.counts
    return sum(counts.get(status, 0) for status in (Status.FAILED, Status.INVALID)) + one.outcome.unfinished
