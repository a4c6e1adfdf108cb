"""Prints a comparison on a terminal."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape

from harness.analysis.cells import KEYS
from harness.analysis.comparison import Comparison, Table, failed_gate
from harness.analysis.sides import OUTPUT_DIFFERS
from harness.analysis.verdict import Verdict
from harness.files.terminal_text import printable
from harness.formats import comparison_words as words
from harness.formats.narrow_table import PrintedColumn, print_table, say

_STYLES = {
    Verdict.SLOWER: "red",
    Verdict.FASTER: "green",
    Verdict.SAME: "",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.SUSPECTED: "yellow",
}


def print_comparison(table: Table, console: Console, *, ops: int) -> None:
    """Print the table, the notes on its numbers, and up to `ops` ops that explain each difference."""
    rows = [one for one in table.comparisons if one.state != "missing"]
    varying = [name for name in KEYS if len({_value(one, name) for one in rows}) > 1] or ["model"]
    constant = [name for name in KEYS if name not in varying and rows and _value(rows[0], name)]
    if constant:
        say(console, escape(", ".join(f"{name} {_value(rows[0], name)}" for name in constant)))
    numbered = words.warnings(table)
    # Device names are too long for a column: each gets a heading.
    groups: dict[str, list[Comparison]] = {}
    for one in rows:
        groups.setdefault(_value(one, "device") if "device" in varying else "", []).append(one)
    varying = [name for name in varying if name != "device"] or ["model"]
    for device, group in groups.items():
        if device:
            say(console, f"[bold]{escape(device)}[/]")
        print_table(console, _columns(group, varying, table, numbered))
    if any(one.state == "measured" and one.judgement.more_processes is not None for one in table.comparisons):
        say(console, "+N: about so many more processes a side would decide")
    for overall in table.overall:
        verdict = words.change(overall.estimate, overall.judgement, table.metric.unit)
        say(console, f"all devices: {escape(words.overall_name(overall))}: {verdict}")
    _notes(table, console, numbered)
    for one in table.comparisons:
        if ops and one.ops is not None and one.verdict in (Verdict.SLOWER, Verdict.FASTER, Verdict.SUSPECTED):
            _print_ops(one, console, ops)
    say(console, f"\n{table.metric.words}: {words.summary_line(table)}")
    for line in words.incomplete(table):
        say(console, f"[magenta]{line}[/]")
    tested = sum(one.judgement.q_value is not None for one in table.comparisons)
    if tested:
        say(
            console,
            f"p-values corrected for {tested} cell{'s' * (tested > 1)} (Holm), at most {table.rules.alpha:g}; "
            f"same: within {words.percent(table.rules.min_effect)}",
        )
    if table.rules.gate is not None:
        line = words.gate_line(table)
        say(console, f"[red]{line}[/]" if table.gate_broken else line)
        if why := words.only_suspects(table):
            say(console, f"[yellow]{escape(why)}[/]")
        for breach in words.breaches(table):
            say(console, f"[red]breaks the gate[/]: {escape(printable(breach))}")


def as_text(table: Table, *, ops: int) -> str:
    """Return the same as plain text."""
    buffer = io.StringIO()
    print_comparison(table, Console(file=buffer, width=10_000, color_system=None), ops=ops)
    return buffer.getvalue()


def _columns(
    rows: Sequence[Comparison], varying: Sequence[str], table: Table, numbered: Mapping[str, int]
) -> list[PrintedColumn]:
    """The columns for a device. Names, ratio and verdict always stay; n, interval, base and head go in this order if there is no room."""
    unit = "MB" if table.metric.unit == "mb" else "ms"
    numbers = list(zip(*(_numbers(one) for one in rows), strict=True))
    headings = (f"base {unit}", f"head {unit}", "n", "ratio", f"{words.level(table)} interval")
    return [
        *(PrintedColumn(name, [escape(_value(one, name)) for one in rows]) for name in varying),
        *(
            PrintedColumn(heading, values, right=True, drop=drop)
            for heading, values, drop in zip(headings, numbers, (2, 1, 4, 0, 3), strict=True)
        ),
        PrintedColumn("verdict", [_verdict(one, table) + _marks(one, numbered) for one in rows]),
    ]


def _marks(one: Comparison, numbered: Mapping[str, int]) -> str:
    synthetic = " [magenta]synthetic[/]" if one.synthetic else ""
    differs = f" [bold red]{OUTPUT_DIFFERS}[/]" if one.output_differs else ""
    return synthetic + differs + "".join(f" [yellow]!{number}[/]" for number in words.numbers_of(one, numbered))


def _value(one: Comparison, name: str) -> str:
    here = str(getattr(one.key, name))
    there = str(getattr(one.base.key, name)) if one.base.key is not None else here
    return printable(here if here == there else f"{there} -> {here}")


def _numbers(one: Comparison) -> tuple[str, ...]:
    counts = str(one.base.n) if one.base.n == one.head.n else f"{one.base.n}/{one.head.n}"
    return (
        words.value(one.base.estimate, one.metric.unit).partition(" ")[0],
        words.value(one.head.estimate, one.metric.unit).partition(" ")[0],
        counts,
        words.bare_ratio(one),
        escape(words.interval_of(one)),
    )


_LACKING: Mapping[str, str] = {"unmeasured": "not measured", "skipped": "skipped"}


def _verdict(one: Comparison, table: Table) -> str:
    if one.state == "incomparable":
        return "[magenta]no verdict[/]"
    if one.state != "measured":
        text = _LACKING.get(one.state, one.state)
        return f"[bold red]{text}, breaks the gate[/]" if failed_gate(one, table.rules) else f"[magenta]{text}[/]"
    judgement = one.judgement
    text = words.verdict_name(judgement.verdict, one.metric.unit)
    if judgement.more_processes is not None:
        text += f" +{judgement.more_processes}"
    style = _STYLES[judgement.verdict]
    if failed_gate(one, table.rules):
        text, style = f"{text}, breaks the gate", "bold red"
    return f"[{style}]{text}[/]" if style else text


def _notes(table: Table, console: Console, numbered: Mapping[str, int]) -> None:
    notes: dict[tuple[bool, str], int] = {}
    for one in table.comparisons:
        for note in one.notes if words.has_ratio(one) else ():
            notes[note.unlike, note.text] = notes.get((note.unlike, note.text), 0) + 1
    for one in table.comparisons:
        if one.state in _LACKING:
            say(
                console,
                f"[magenta]{_LACKING[one.state]}[/]: {escape(printable(words.cell_name(one)))}: {escape(words.trouble(one))}",
            )
    for side in ("base", "head"):
        absent = [one for one in table.comparisons if one.state == "missing" and getattr(one, side).key is None]
        if absent:
            names = "; ".join(words.cell_name(one) for one in absent[:3]) + ("; ..." if len(absent) > 3 else "")
            say(console, f"not in {side.upper()}: {len(absent)} cells: {escape(printable(names))}")
    reasons = Counter(
        reason for one in table.comparisons if one.state == "measured" for reason in one.judgement.reasons
    )
    for reason, count in reasons.items():
        say(console, f"inconclusive: {escape(reason)}" + (f" ({count} cells)" if count > 1 else ""))
    for (unlike, text), count in sorted(notes.items(), key=lambda item: not item[0][0]):
        mark = f"[yellow]!{numbered[text]} unlike[/]" if unlike else "note"
        say(console, f"{mark}: {escape(printable(text))}" + (f" ({count} cells)" if count > 1 else ""))


def _print_ops(one: Comparison, console: Console, limit: int) -> None:
    diff = one.ops
    assert diff is not None  # noqa: S101
    say(
        console,
        f"\nops of {escape(printable(words.cell_name(one)))}: profiled {diff.base_whole_us / 1000:.3f} -> "
        f"{diff.head_whole_us / 1000:.3f} ms, {diff.change_us / 1000:+.3f} ms{', synthetic' if one.synthetic else ''}",
    )
    shown = diff.by_contribution()
    rows: list[tuple[str, ...]] = [
        (
            f"{change.change_us / 1000:+.3f}",
            f"{change.share:.1%}" if change.share is not None else "",
            f"{change.base_us / 1000:.3f}",
            f"{change.head_us / 1000:.3f}",
            change.kind,
            escape(printable(words.ops_name(change))),
        )
        for change in shown[:limit]
    ]
    rest = shown[limit:]
    if rest:
        moved = sum(change.change_us for change in rest)
        rows.append((f"{moved / 1000:+.3f}", _share(moved, diff.change_us), "", "", "", f"{len(rest)} more"))
    rows.append(
        (f"{diff.unexplained_us / 1000:+.3f}", _share(diff.unexplained_us, diff.change_us), "", "", "", "in no op")
    )
    rows.append((f"{diff.change_us / 1000:+.3f}", "100.0%" if diff.change_us else "", "", "", "", "sum"))
    change_ms, share, base_ms, head_ms, kind, name = zip(*rows, strict=True)
    columns = [
        PrintedColumn("change ms", change_ms, right=True),
        PrintedColumn("share", share, right=True, drop=1),
        PrintedColumn("base ms", base_ms, right=True, drop=3),
        PrintedColumn("head ms", head_ms, right=True, drop=2),
        PrintedColumn("", kind, drop=4, bare=True),
        PrintedColumn("op", name),
    ]
    print_table(console, columns)


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else ""
