"""What the documentation names must be there: links, files, options of commands, columns of tables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from harness.cli.main import cli
from harness.files.flat_table import Column
from harness.formats import comparison_table, run_tables

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "bazel" / "README.md",
        ROOT / "benchmarks" / "README.md",
        *(ROOT / "docs").glob("*.md"),
        ROOT / "examples" / "optimize" / "README.md",
        ROOT / "suites" / "models" / "README.md",
    ]
)
WIDTH = 100
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
# Where a path of the documentation may begin. The architecture names modules by room.
BASES = (ROOT, ROOT / "harness")


def prose(text: str) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(text: str) -> Iterator[list[str]]:
    """The words of each `harness ...` that a page shows, in blocks and in sentences."""
    lines = [
        line.strip().removeprefix("$ ")
        for block in re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL)
        for line in block.split("\n")
    ]
    for shown in [*lines, *re.findall(r"`(harness [^`]+)`", prose(text))]:
        if shown.startswith("harness "):
            yield shlex.split(shown.replace("\n", " "), comments=True)[1:]


def known_options(words: list[str]) -> set[str]:
    """The options of the command that the words name."""
    command: click.Command | None = cli
    context = click.Context(cli)
    known = {"--help", "--version"}
    for word in words:
        if isinstance(command, click.Group) and not word.startswith("-"):
            command = command.get_command(context, word.split("|")[0])
            assert command is not None, word
            known |= {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    return known


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text(encoding="utf-8"))):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_lines_of_prose_have_one_width(page: Path) -> None:
    for line in prose(page.read_text(encoding="utf-8")).split("\n"):
        # A table's row and a picture are one line each, and so is a word that cannot be broken.
        if not line.startswith(("|", "  |", "![")) and " " in line.strip().removeprefix("- "):
            assert len(line) <= WIDTH, line


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|md|yaml|bazelrc))`", page.read_text(encoding="utf-8"))
    missing = [path for path in named if not any((base / path).exists() for base in BASES)]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_that_are_shown_have_these_options(page: Path) -> None:
    for words in commands(page.read_text(encoding="utf-8")):
        options = {word for word in words if word.startswith("-")}
        assert options <= known_options(words), words


@pytest.mark.parametrize(
    ("table", "columns"), [*run_tables.COLUMNS.items(), ("cells", comparison_table.COMPARISON_COLUMNS["cells"])]
)
def test_the_page_of_exports_lists_the_columns_in_their_order(table: str, columns: tuple[Column, ...]) -> None:
    page = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
    rows = page.partition(f"\n| `{table}`")[2].partition("\n\n")[0].split("\n")[2:]
    listed = [name for row in rows for name in re.findall(r"\w+", row.split("|")[1])]
    assert listed == [column.name for column in columns]
