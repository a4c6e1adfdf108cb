"""`harness models list`: the models that have a name, and which of them are here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from harness.cli.console import open_console
from harness.cli.printing import reader_may_leave
from harness.cli.run_summary import write_json
from harness.files.terminal_text import printable
from harness.files.user_folders import own_registry_file
from harness.models.model_fetch import cached_path
from harness.models.model_registry import NamedModel, registered_models

_EPILOG = """\b
Examples:
  harness models list
  harness models list --json | jq -r '.models[].name'
"""


@click.command("list", epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def list_models(as_json: bool) -> None:
    """List the models that you can fetch by name.

    They come from the registry that ships with the harness, and from your own: models.yaml in your settings folder.
    """
    found = list(registered_models().values())
    with reader_may_leave(document=as_json):
        if as_json:
            write_json({"models": [_document(one) for one in found]})
        else:
            _print(found)


def _print(found: list[NamedModel]) -> None:
    console = open_console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "size", "licence", "inputs", "here", "what it is"):
        table.add_column(heading, justify="right" if heading == "size" else "left", overflow="fold")
    for one in found:
        entry = one.entry
        size = f"{entry.size_bytes / 1000:,.0f} kB" if entry.size_bytes else ""
        inputs = ", ".join(f"{given.dtype} {_shape(given.shape)}" for given in entry.inputs)
        what = (entry.description or "") + (" (your own)" if one.registry == "own" else "")
        here = "yes" if _path(one) else ""
        table.add_row(*(escape(printable(text)) for text in (one.name, size, entry.licence, inputs, here, what)))
    console.print(table)
    console.print(
        f"\nharness models fetch NAME fetches one; add your own to {escape(str(own_registry_file()))}", highlight=False
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join("?" if size == -1 else str(size) for size in shape)


def _path(one: NamedModel) -> Path | None:
    place = cached_path(one.address, one.entry.sha256)
    return place if place.is_file() else None


def _document(one: NamedModel) -> dict[str, Any]:
    path = _path(one)
    return {
        "name": one.name,
        **one.entry.model_dump(mode="json"),
        "registry": one.registry,
        "path": None if path is None else str(path),
    }
