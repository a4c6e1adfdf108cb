"""Shows on stderr how a build or a download goes on: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from harness.binaries.build_events import Advance

LINE_EVERY_S = 10.0
"""Seconds between lines without a terminal: a CI log shows that work goes on, and is not filled."""


class _Lines:
    """Prints a line at most every `LINE_EVERY_S`, the first one at once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_s = 0.0

    def say(self, text: str) -> None:
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + LINE_EVERY_S
            self._console.print(escape(text), highlight=False, soft_wrap=True)


@contextmanager
def bazel_progress(abi: str) -> Iterator[Callable[[Advance], None]]:
    """Show Bazel's own count of actions and its current one."""
    console = Console(stderr=True)

    def words(now: Advance) -> str:
        return ((f"{now.done} / {now.total}  " if now.total is not None else "") + now.doing)[:100]

    if not console.is_terminal:
        lines = _Lines(console)
        yield lambda now: lines.say(f"{abi}: {words(now)}")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[doing]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as display:
        task = display.add_task(escape(abi), total=None, doing="")

        def advance(now: Advance) -> None:
            display.update(task, completed=now.done or 0, total=now.total, doing=escape(words(now)))

        yield advance


@contextmanager
def download_progress(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show the bytes so far and in all, and the speed."""
    console = Console(stderr=True)
    if not console.is_terminal:
        lines = _Lines(console)
        yield lambda got, total: lines.say(f"{what}: {got / 1e6:.1f} MB" + (f" of {total / 1e6:.1f}" if total else ""))
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as display:
        task = display.add_task(escape(what), total=None)
        yield lambda got, total: display.update(task, completed=got, total=total)
