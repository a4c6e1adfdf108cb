"""Writes a comparison as Markdown for a pull request comment. Names are strangers' text: nothing in them becomes markup."""

from __future__ import annotations

from collections.abc import Mapping

from harness.analysis.comparison import Comparison, Table, failed_gate
from harness.analysis.verdict import Verdict
from harness.formats import comparison_words as words
from harness.formats.markdown_text import escaped as _escape

_SIGNS = {
    Verdict.SLOWER: "🔴",
    Verdict.FASTER: "🟢",
    Verdict.SAME: "⚪",
    Verdict.INCONCLUSIVE: "❔",
    Verdict.SUSPECTED: "🟡",
}


def markdown(table: Table, base: str, head: str, *, ops: int) -> str:
    """Return the comment, with BASE and HEAD as given, and up to `ops` ops for each cell that differs."""
    lines = [f"### {_escape(table.metric.words)}: {words.summary_line(table)}", ""]
    lines += [f"**{line}**\n" for line in words.incomplete(table)]
    if table.rules.gate is not None:
        verdict = words.gate(table).replace("broken", "**broken**", 1) if table.gate_broken else words.gate(table)
        lines += [f"Gate of {words.percent(table.rules.gate)}: {verdict}", ""]
        why = words.only_suspects(table)
        lines += [why[0].upper() + why[1:], ""] if why else []
        breaches = [f"- **breaks the gate**: {_escape(line)}" for line in words.breaches(table)]
        lines += [*breaches, ""] if breaches else []
    lines += [f"Base {_escape(base)}, head {_escape(head)}", ""]
    lines += [f"| | cell | base | head | head/base ({words.level(table)}) | verdict |", "|---|---|--:|--:|--:|---|"]
    numbered = words.warnings(table)
    lines += [_row(one, table, numbered) for one in table.comparisons if one.state != "missing"]
    for overall in table.overall:
        verdict = words.change(overall.estimate, overall.judgement, table.metric.unit)
        sign = _SIGNS[overall.judgement.verdict]
        name = _escape(words.overall_name(overall))
        lines.append(f"| {sign} | all: {name} | | | {_escape(words.ratio(overall.estimate))} | {verdict} |")
    lines += ["", *_notes(table, numbered), *_absent(table), *_ops(table, ops)]
    tested = sum(one.judgement.q_value is not None for one in table.comparisons)
    lines.append(
        f"<sub>Differs only if the whole interval lies beyond ±{words.percent(table.rules.min_effect)} and the p-value of that, corrected "
        f"for {tested} cell{'s' * (tested != 1)} (Holm), is at most {table.rules.alpha:g}.</sub>"
    )
    return "\n".join(lines) + "\n"


def _row(one: Comparison, table: Table, numbered: Mapping[str, int]) -> str:
    unit = one.metric.unit
    verdict = words.verdict(one) if words.has_ratio(one) else _escape(words.verdict(one))
    if failed_gate(one, table.rules):
        verdict = f"**{verdict}**"
    verdict += "".join(f" ⚠️{number}" for number in words.numbers_of(one, numbered))
    cells = (
        _SIGNS[one.judgement.verdict] if one.state == "measured" else "⚠️",
        _escape(words.cell_name(one)),
        words.side(one.base, unit),
        words.side(one.head, unit),
        _escape(words.ratio_of(one)),
        verdict,
    )
    return f"| {' | '.join(cells)} |"


def _notes(table: Table, numbered: Mapping[str, int]) -> list[str]:
    cells: dict[str, list[str]] = {}
    for one in table.comparisons:
        for note in one.notes if words.has_ratio(one) else ():
            text = (f"⚠️{numbered[note.text]} " if note.unlike else "") + _escape(note.text)
            cells.setdefault(text, []).append(_escape(words.cell_name(one)))
    if not cells:
        return []
    everywhere = sum(words.has_ratio(one) for one in table.comparisons)
    lines = [
        f"- {text}" + ("" if len(names) == everywhere else f": {'; '.join(names[:5])}{' ...' * (len(names) > 5)}")
        for text, names in cells.items()
    ]
    return [*lines, ""]


def _absent(table: Table) -> list[str]:
    lines = []
    missing = [one for one in table.comparisons if one.state == "missing"]
    for name, side in (
        ("Base", [one for one in missing if one.base.key is None]),
        ("Head", [one for one in missing if one.head.key is None]),
    ):
        if side:
            names = "; ".join(_escape(words.cell_name(one)) for one in side[:5]) + " ..." * (len(side) > 5)
            lines.append(f"- {name} lacks {len(side)} cells: {names}")
    return [*lines, ""] if lines else []


def _ops(table: Table, limit: int) -> list[str]:
    lines: list[str] = []
    for one in table.comparisons:
        differs = one.verdict in (Verdict.SLOWER, Verdict.FASTER, Verdict.SUSPECTED)
        if one.ops is None or not limit or not differs:
            continue
        diff = one.ops
        lines += [
            f"<details><summary>Ops of {_escape(words.cell_name(one))}: {diff.change_us / 1000:+.3f} ms "
            f"in the profiled processes{', synthetic' if one.synthetic else ''}</summary>",
            "",
            "| change ms | share | op | |",
            "|--:|--:|---|---|",
        ]
        shown = diff.by_contribution()
        for change in shown[:limit]:
            share = f"{change.share:.0%}" if change.share is not None else ""
            name = _escape(words.ops_name(change))
            lines.append(f"| {change.change_us / 1000:+.3f} | {share} | {name} | {change.kind} |")
        rest = sum(change.change_us for change in shown[limit:])
        if shown[limit:]:
            lines.append(f"| {rest / 1000:+.3f} | | {len(shown) - limit} more | |")
        lines += [f"| {diff.unexplained_us / 1000:+.3f} | | in no op | |", "", "</details>", ""]
    return lines
