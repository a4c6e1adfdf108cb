"""Prints the results of `harness build`: commands, findings, and the binaries in the store."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.binaries.binary_store import BinaryStore
from harness.binaries.builder import BuildRequest, printed
from harness.binaries.preflight import Preflight
from harness.binaries.record import BinaryRecord
from harness.cli.run_summary import write_json


def print_commands(requests: list[BuildRequest], as_json: bool) -> None:
    """Print the commands for Bazel."""
    if as_json:
        write_json(
            {
                "builds": [
                    {
                        "abi": request.abi,
                        "folder": str(request.tree.path),
                        "environment": request.environment,
                        "command": request.command,
                        "by_hand": request.by_hand,
                    }
                    for request in requests
                ]
            }
        )
        return
    for request in requests:
        click.echo(printed(request))


def show_findings(found: Preflight, as_json: bool) -> int:
    """Print a preflight and return the exit code."""
    if as_json:
        write_json({"findings": [asdict(finding) for finding in found.findings]})
    else:
        for finding in found.findings:
            colour = {"ok": "green", "warning": "yellow", "missing": "red"}[finding.state]
            click.echo(f"{click.style(f'{finding.state:8}', fg=colour)} {finding.what}: {finding.detail}")
            if finding.remedy and finding.state != "ok":
                click.echo(f"         {finding.remedy}")
    return 3 if found.blocking else 0


def _document(store: BinaryStore, record: BinaryRecord) -> dict[str, Any]:
    plain = {key: value for key, value in asdict(record).items() if key not in ("format", "request", "added_at")}
    path = store.root / "programs" / record.sha256 / "benchmark_model"
    return {**plain, "added_at": record.added_at.isoformat(), "build_abi": record.build_abi, "path": str(path)}


def show_new(store: BinaryStore, done: list[tuple[BinaryRecord, bool]], as_json: bool) -> None:
    """Print the requested binary, and whether it is new or was in the store."""
    for record, fresh in done:
        if not record.symbols and record.origin == "build":
            click.echo(
                f"warning: {record.label} ({record.build_abi}) has no symbols: sampling profilers need them", err=True
            )
        if not fresh:
            click.echo(f"{record.build_abi}: nothing has changed, so nothing was built", err=True)
    if as_json:
        write_json({"binaries": [{**_document(store, record), "built": fresh} for record, fresh in done]})
        return
    for record, _fresh in done:
        click.echo(f"{record.build_abi}  {record.sha256[:16]}  {record.label}  {store.path(record)}")


def show_all(store: BinaryStore, records: tuple[BinaryRecord, ...], as_json: bool) -> None:
    """Print the list of binaries."""
    if as_json:
        write_json({"binaries": [_document(store, record) for record in records]})
        return
    if not records:
        click.echo(f"no binaries in {store.root} yet: harness build --help", err=True)
        return
    console = Console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("sha256", "abi", "origin", "what", "tool", "added"):
        table.add_column(heading, overflow="fold")
    for record in records:
        what = record.label
        if record.name and (revision := replace(record, name=None).label) != record.sha256[:12]:
            what += f" ({revision})"
        tool = (record.tool or "") + (" flex" if record.flex else "")
        added = f"{record.added_at.astimezone():%Y-%m-%d %H:%M}"
        table.add_row(record.sha256[:12], record.build_abi, record.origin, escape(what), tool, added)
    (console if console.is_terminal else Console(width=160)).print(table)
