"""A comparison for a terminal."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from harness.analysis.cells import KEYS
from harness.analysis.comparison import Comparison, Table, failed_gate
from harness.analysis.verdict import Verdict
from harness.formats import comparison_words as words
from harness.formats.terminal_text import printable

_STYLES = {Verdict.SLOWER: "red", Verdict.FASTER: "green", Verdict.SAME: "", Verdict.INCONCLUSIVE: "yellow"}


def print_comparison(table: Table, console: Console, *, ops: int) -> None:
    """Print the table, what to know about its numbers, and the ops that explain those that differ."""
    rows = [one for one in table.comparisons if one.state != "missing"]
    varying = [name for name in KEYS if len({_value(one, name) for one in rows}) > 1] or ["model"]
    constant = [name for name in KEYS if name not in varying and rows and _value(rows[0], name)]
    if constant:
        console.print(escape(", ".join(f"{name} {_value(rows[0], name)}" for name in constant)), highlight=False)
    numbered = words.warnings(table)
    # A device's name takes too much of a line to stand in each.
    groups: dict[str, list[Comparison]] = {}
    for one in rows:
        groups.setdefault(_value(one, "device") if "device" in varying else "", []).append(one)
    varying = [name for name in varying if name != "device"] or ["model"]
    for device, group in groups.items():
        if device:
            console.print(f"[bold]{escape(device)}[/]", highlight=False)
        console.print(_grid(group, varying, table, numbered))
    if any(one.judgement.more_processes is not None for one in table.comparisons):
        console.print("+N: about so many more processes a side would decide", highlight=False)
    for overall in table.overall:
        verdict = words.change(overall.estimate, overall.judgement)
        console.print(f"all devices: {escape(words.overall_name(overall))}: {verdict}", highlight=False)
    _notes(table, console, numbered)
    for one in table.comparisons:
        if ops and one.ops is not None and one.verdict in (Verdict.SLOWER, Verdict.FASTER):
            _print_ops(one, console, ops)
    console.print(f"\n{table.metric.words}: {words.summary_line(table)}", highlight=False)
    for line in words.incomplete(table):
        console.print(f"[magenta]{line}[/]", highlight=False)
    tested = sum(one.judgement.q_value is not None for one in table.comparisons)
    if tested:
        console.print(
            f"p-values corrected for {tested} cell{'s' * (tested > 1)} (Benjamini-Hochberg), at most {table.rules.alpha:g}; "
            f"same: within {words.percent(table.rules.min_effect)}",
            highlight=False,
        )
    if table.rules.gate is not None:
        state = f"[red]{words.gate(table)}[/]" if table.gate_broken else words.gate(table)
        console.print(f"gate of {words.percent(table.rules.gate)}: {state}", highlight=False)


def as_text(table: Table, *, ops: int) -> str:
    """The same as plain text, for a file."""
    buffer = io.StringIO()
    print_comparison(table, Console(file=buffer, width=160, color_system=None), ops=ops)
    return buffer.getvalue()


def _grid(rows: Sequence[Comparison], varying: Sequence[str], table: Table, numbered: Mapping[str, int]) -> Grid:
    unit = "MB" if table.metric.unit == "mb" else "ms"
    grid = Grid(box=None, header_style="bold", pad_edge=False)
    for name in varying:
        grid.add_column(name, overflow="fold")
    for heading in (f"base {unit}", f"head {unit}", "n", "ratio", f"{words.level(table)} interval"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
    for one in rows:
        marks = " [magenta]synthetic[/]" if one.synthetic else ""
        marks += "".join(f" [yellow]!{number}[/]" for number in words.numbers_of(one, numbered))
        grid.add_row(*(escape(_value(one, name)) for name in varying), *_numbers(one), _verdict(one, table) + marks)
    return grid


def _value(one: Comparison, name: str) -> str:
    here = str(getattr(one.key, name))
    there = str(getattr(one.base.key, name)) if one.base.key is not None else here
    return printable(here if here == there else f"{there} -> {here}")


def _numbers(one: Comparison) -> tuple[str, ...]:
    counts = str(one.base.n) if one.base.n == one.head.n else f"{one.base.n}/{one.head.n}"
    estimate = one.estimate
    return (
        words.value(one.base.estimate, one.metric.unit).partition(" ")[0],
        words.value(one.head.estimate, one.metric.unit).partition(" ")[0],
        counts,
        f"{estimate.ratio:.3f}" if estimate.ratio is not None else "-",
        escape(words.interval(estimate)),
    )


def _verdict(one: Comparison, table: Table) -> str:
    if one.state == "incomparable":
        return "[magenta]no verdict[/]"
    if one.state != "measured":
        text = "not measured" if one.state == "unmeasured" else "skipped"
        return f"[bold red]{text}, breaks the gate[/]" if failed_gate(one, table.rules) else f"[magenta]{text}[/]"
    judgement = one.judgement
    text = str(judgement.verdict)
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
        if one.state in ("unmeasured", "skipped"):
            console.print(
                f"[magenta]{one.state}[/]: {escape(words.cell_name(one))}: {escape(words.trouble(one))}",
                highlight=False,
            )
    for side in ("base", "head"):
        absent = [one for one in table.comparisons if one.state == "missing" and getattr(one, side).key is None]
        if absent:
            names = "; ".join(words.cell_name(one) for one in absent[:3]) + ("; ..." if len(absent) > 3 else "")
            console.print(f"not in {side.upper()}: {len(absent)} cells: {escape(names)}", highlight=False)
    for (unlike, text), count in sorted(notes.items(), key=lambda item: not item[0][0]):
        mark = f"[yellow]!{numbered[text]} unlike[/]" if unlike else "note"
        console.print(f"{mark}: {escape(text)}" + (f" ({count} cells)" if count > 1 else ""), highlight=False)


def _print_ops(one: Comparison, console: Console, limit: int) -> None:
    diff = one.ops
    assert diff is not None  # noqa: S101  # the caller has looked
    console.print(
        f"\nops of {escape(words.cell_name(one))}: profiled {diff.base_whole_us / 1000:.3f} -> "
        f"{diff.head_whole_us / 1000:.3f} ms, {diff.change_us / 1000:+.3f} ms{', synthetic' if one.synthetic else ''}",
        highlight=False,
    )
    grid = Grid(box=None, header_style="bold", pad_edge=False)
    for heading in ("change ms", "share", "base ms", "head ms"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("", no_wrap=True)
    grid.add_column("op", overflow="fold")
    shown = diff.by_contribution()
    for change in shown[:limit]:
        share = f"{change.share:.1%}" if change.share is not None else ""
        grid.add_row(
            f"{change.change_us / 1000:+.3f}",
            share,
            f"{change.base_us / 1000:.3f}",
            f"{change.head_us / 1000:.3f}",
            change.kind,
            escape(words.ops_name(change)),
        )
    rest = shown[limit:]
    if rest:
        moved = sum(change.change_us for change in rest)
        grid.add_row(f"{moved / 1000:+.3f}", _share(moved, diff.change_us), "", "", "", f"{len(rest)} more")
    grid.add_row(
        f"{diff.unexplained_us / 1000:+.3f}", _share(diff.unexplained_us, diff.change_us), "", "", "", "in no op"
    )
    grid.add_row(f"{diff.change_us / 1000:+.3f}", "100.0%" if diff.change_us else "", "", "", "", "sum")
    console.print(grid)


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else ""
