"""Tables and lines on terminals of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.formats.narrow_table import PrintedColumn, print_table, say

NAMES = ("a_model_of_some_length", "m")
COLUMNS = [
    PrintedColumn("model", NAMES),
    PrintedColumn("threads", ("1", "4"), drop=1),
    PrintedColumn("ms", ("12.345", "1.5"), right=True),
    PrintedColumn("spread", ("3.1%", ""), right=True, drop=2),
    PrintedColumn("status", ("[green]ok[/] [magenta]synthetic[/]", "[red]failed[/]")),
]


def printed(width: int, columns: list[PrintedColumn]) -> list[str]:
    file = io.StringIO()
    print_table(Console(file=file, width=width, color_system=None), columns, title="[bold]phone[/]")
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_where_there_is_room_everything_is_in_one_table() -> None:
    assert printed(100, COLUMNS) == [
        "phone",
        "model                   threads      ms  spread  status",
        "a_model_of_some_length  1        12.345    3.1%  ok synthetic",
        "m                       4           1.5          failed",
    ]


def test_columns_go_in_their_order_and_that_is_said() -> None:
    assert printed(56, COLUMNS)[1:] == [
        "model                   threads      ms  status",
        "a_model_of_some_length  1        12.345  ok synthetic",
        "m                       4           1.5  failed",
        "no room for: spread",
    ]
    assert printed(48, COLUMNS)[-1] == "no room for: threads, spread"


def test_where_the_last_columns_have_no_room_rows_are_stacked_and_lose_nothing() -> None:
    assert printed(40, COLUMNS) == [
        "phone",
        "a_model_of_some_length  ok synthetic",
        "  threads 1  ms 12.345  spread 3.1%",
        "m  failed",
        "  threads 4  ms 1.5",
    ]


@pytest.mark.parametrize("width", [10, 15, 25, 33, 40, 60, 80, 200])
def test_no_word_is_broken_at_any_width(width: int) -> None:
    words = {*NAMES, "ok", "synthetic", "failed"}
    assert words <= set(" ".join(printed(width, COLUMNS)).split())


def test_a_line_is_folded_between_words_only() -> None:
    file = io.StringIO()
    say(
        Console(file=file, width=20, color_system=None),
        "[bold]one[/] line\nwith a_word_that_is_longer_than_a_line in it",
    )
    assert file.getvalue().splitlines() == ["one line", "with", "a_word_that_is_longer_than_a_line", "in it"]
