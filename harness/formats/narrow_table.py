"""Prints tables and lines on terminals of any width. No word is broken, and the names and marks of a row are never lost.

If a table is too wide, its least important columns go, and a line says so. If that is not enough, each row becomes several lines with all
columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid
from rich.text import Text

from harness.files.terminal_text import printable

_GAP = 2


@dataclass(frozen=True, slots=True)
class PrintedColumn:
    """A column of a table.

    Args:
        heading: text above the column; in stacked rows before each value, unless `bare`.
        cells: a value for each row, as markup.
        right: flush right, for numbers.
        drop: rank in which columns go if there is no room, the largest first; 0 never goes.
        bare: the value needs no heading.
    """

    heading: str
    cells: Sequence[str]
    right: bool = False
    drop: int = 0
    bare: bool = False

    @property
    def width(self) -> int:
        """Width of its widest value or heading, in terminal cells."""
        return max(Text.from_markup(text).cell_len for text in (self.heading, *self.cells))


def print_table(console: Console, columns: Sequence[PrintedColumn], *, title: str = "") -> None:
    """Print a table, narrowed or stacked if the terminal is too narrow for it."""
    if title:
        say(console, title)
    shown = list(columns)
    while _width(shown) > console.width and any(column.drop for column in shown):
        shown.remove(max(shown, key=lambda column: column.drop))
    if _width(shown) > console.width:
        _stack(console, columns)
        return
    grid = Grid(box=None, header_style="bold", pad_edge=False)
    for column in shown:
        grid.add_column(column.heading, justify="right" if column.right else "left", no_wrap=True)
    for row in zip(*(column.cells for column in shown), strict=True):
        grid.add_row(*row)
    console.print(grid, crop=False)
    gone = [column.heading for column in columns if column not in shown and column.heading]
    if gone:
        say(console, f"[dim]no room for: {', '.join(gone)}[/]")


def plain_words(text: str) -> str:
    """Return markup that shows a stranger's text as it is, with control characters escaped."""
    return escape(printable(text))


def say(console: Console, markup: str) -> None:
    """Print a line, folded between words only."""
    for line in markup.split("\n"):
        for part in _filled([Text.from_markup(line)], console.width, 0):
            _print_line(console, part)


def _print_line(console: Console, line: Text) -> None:
    console.print(line, highlight=False, overflow="ignore", crop=False, no_wrap=True)


def _width(columns: Sequence[PrintedColumn]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)


def _stack(console: Console, columns: Sequence[PrintedColumn]) -> None:
    """Print each row as lines of its own: names and marks first, then numbers."""
    names = [column for column in columns if not column.drop and not column.right]
    rest = [column for column in columns if column not in names]
    for row in range(len(columns[0].cells)):
        first = [Text.from_markup(column.cells[row]) for column in names if column.cells[row]]
        values = [
            Text.from_markup(column.cells[row] if column.bare else f"{column.heading} {column.cells[row]}")
            for column in rest
            if column.cells[row]
        ]
        for line in (*_filled(first, console.width, 0), *_filled(values, console.width, 2)):
            _print_line(console, line)


def _filled(parts: Sequence[Text], width: int, indent: int) -> list[Text]:
    """Fill lines with parts. A part that is wider than a line is divided between its words."""
    lines: list[Text] = []
    for part in parts:
        for number, piece in enumerate([part] if indent + part.cell_len <= width else part.split(" ")):
            gap = " " * (1 if number else _GAP)
            if lines and lines[-1].cell_len + len(gap) + piece.cell_len <= width:
                lines[-1] = lines[-1] + Text(gap) + piece
            else:
                lines.append(Text(" " * indent) + piece)
    return lines
