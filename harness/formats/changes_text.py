"""Prints the changes of a check on a terminal: a paragraph for each group that needs a decision, a line for each other group."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from harness.analysis.checked_history import LEAST_NIGHTS, CheckedHistory, is_open
from harness.formats import change_words as words
from harness.formats.narrow_table import PrintedColumn, plain_words, print_table, say
from harness.records.history import Change, ChangeVerdict

_STYLES = {
    ChangeVerdict.CONFIRMED: "bold red",
    ChangeVerdict.SUSPECTED: "yellow",
    ChangeVerdict.IMPROVED: "green",
    ChangeVerdict.EXPLAINED: "cyan",
    ChangeVerdict.REFUTED: "dim",
}
_MOST_LINES = 10


def print_check(checked: CheckedHistory, console: Console, *, argument: str = "") -> None:
    """Print what a check found; if nothing, how much it looked at.

    Args:
        checked: its outcome.
        console: where to.
        argument: the option for the printed commands to find the database: ` --database X`, or nothing.
    """
    groups = checked.groups()
    asking = [group for group in groups if any(is_open(one) for one in group)]
    for group in asking:
        _paragraph(checked, group, console, argument)
        console.print()
    others = [group for group in groups if group not in asking and any(one.counts for one in group)]
    for group in others[:_MOST_LINES]:
        _line(group, console)
    if others:
        console.print()
    lines = [f"{words.summary(checked)}: {words.looked_at(checked)}"]
    hidden = len(others) - _MOST_LINES
    rest = [words.quiet(checked), *([f"{hidden} more groups"] if hidden > 0 else [])]
    if any(rest):
        lines += [f"not listed: {', '.join(filter(None, rest))} (harness history list --changes{argument})"]
    if checked.too_short:
        lines += [f"too few nights: fewer than {LEAST_NIGHTS}"]
    if asking:
        lines += ["+ is worse; intervals: 95 %; dates: first night after the change, UTC"]
    for line in lines:
        say(console, plain_words(line))


def as_text(checked: CheckedHistory, *, argument: str = "") -> str:
    """Return the same as plain text."""
    buffer = io.StringIO()
    print_check(checked, Console(file=buffer, width=10_000, color_system=None), argument=argument)
    return buffer.getvalue()


def _paragraph(checked: CheckedHistory, group: Sequence[Change], console: Console, argument: str) -> None:
    say(console, f"{_verdict(group)}: {plain_words(_headline(group))}")
    several = len(group) > 1
    columns = [
        PrintedColumn("  series", [f"  {plain_words(one.series.words)}" for one in group]),
        PrintedColumn("level", [words.levels(one) for one in group], drop=1),
        PrintedColumn("change", [words.change(one) for one in group]),
        PrintedColumn("verdict", [words.verdict(one) for one in group], drop=2),
        PrintedColumn("id", [plain_words(one.id) for one in group]),
    ]
    if several:
        print_table(console, columns)
    else:
        say(console, f"  {words.levels(group[0])}, change {plain_words(group[0].id)}")
    lines = []
    if any(checked.synthetic(one) for one in group):
        lines += ["synthetic: these numbers were replayed or modelled"]
    lines += words.ops(group, checked)
    lines += _facts(group)
    sure = words.to_be_sure(group)
    if sure is not None:
        lines += [f"to be sure: harness history confirm {sure}{argument}"]
    else:
        lines += [f"if this is the new level: harness history accept {group[0].id}{argument}"]
    for line in lines:
        say(console, f"  {plain_words(line)}")


def _headline(group: Sequence[Change]) -> str:
    return f"{words.group_name(group)}: {words.group_metrics(group)} {words.changes(group)} {words.since(group)}"


def _line(group: Sequence[Change], console: Console) -> None:
    reasons = "".join(f"; {text}" for text in _facts(group))
    ids = ", ".join(one.id for one in group)
    say(console, f"{_verdict(group)}: {plain_words(f'{_headline(group)} [{ids}]{reasons}')}")


def _facts(group: Sequence[Change]) -> list[str]:
    """Each sentence once. A sentence that does not hold for all changes names those for which it does."""
    found: dict[str, list[str]] = {}
    for one in group:
        for text in words.facts(one):
            found.setdefault(text, []).append(one.id)
    return [text if len(ids) == len(group) else f"{', '.join(ids)}: {text}" for text, ids in found.items()]


def _verdict(group: Sequence[Change]) -> str:
    return f"[{_STYLES[group[0].verdict]}]{escape(words.group_verdict(group))}[/]"
