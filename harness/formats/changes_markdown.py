"""Writes the changes of a check as Markdown for a comment. Names are strangers' text: nothing in them becomes markup."""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.checked_history import LEAST_NIGHTS, CheckedHistory, is_open
from harness.formats import change_words as words
from harness.formats.markdown_text import escaped
from harness.records.history import Change, ChangeVerdict

_SIGNS = {
    ChangeVerdict.CONFIRMED: "🔴",
    ChangeVerdict.SUSPECTED: "🟡",
    ChangeVerdict.IMPROVED: "🟢",
    ChangeVerdict.EXPLAINED: "⚪",
    ChangeVerdict.REFUTED: "⚪",
}
_MOST_ROWS = 100


def check_markdown(checked: CheckedHistory, *, argument: str = "") -> str:
    """Return the comment.

    Args:
        checked: the outcome of the check.
        argument: the option for the printed commands to find the database.
    """
    lines = [f"### History: {words.summary(checked)}", "", f"Looked at {words.looked_at(checked)}.", ""]
    listed = [group for group in checked.groups() if any(one.counts for one in group)]
    rows = [_row(one, checked) for group in listed for one in group]
    if rows:
        lines += [
            "| | series | metric | since | level | change (95 %) | verdict | id |",
            "|---|---|---|---|---|--:|---|---|",
        ]
        lines += [*rows[:_MOST_ROWS], ""]
        lines += [f"{len(rows) - _MOST_ROWS} more are not listed.", ""] if len(rows) > _MOST_ROWS else []
    for group in listed:
        lines += _facts(group, checked, argument)
    rest = words.quiet(checked)
    lines += ["", f"Not listed: {rest}."] if rest else []
    if checked.too_short:
        lines += ["", f"<sub>Too few nights: fewer than {LEAST_NIGHTS}.</sub>"]
    return "\n".join(lines).rstrip() + "\n"


def _row(one: Change, checked: CheckedHistory) -> str:
    verdict = escaped(words.verdict(one))
    cells = (
        _SIGNS[one.verdict],
        escaped(words.cell(one.series)),
        escaped(words.metric_words(one.series)),
        f"{one.first_bad_at:%Y-%m-%d}",
        words.levels(one) + (" (synthetic)" if checked.synthetic(one) else ""),
        words.change(one),
        f"**{verdict}**" if checked.fails(one) else verdict,
        escaped(one.id),
    )
    return f"| {' | '.join(cells)} |"


def _facts(group: Sequence[Change], checked: CheckedHistory, argument: str) -> list[str]:
    ids = ", ".join(one.id for one in group)
    texts = words.ops(group, checked)
    texts += list(dict.fromkeys(text for one in group for text in words.facts(one)))
    sure = words.to_be_sure(group)
    if sure is not None and any(is_open(one) for one in group):
        texts.append(f"to be sure: harness history confirm {sure}{argument}")
    return [f"- {escaped(ids)}: {escaped(text)}" for text in texts]
