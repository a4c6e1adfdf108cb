"""`harness build`: a `benchmark_model` built, downloaded or imported, and the list of those that are here."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast, get_args

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn
from rich.table import Table

from harness.build.builder import BuildRequest, build_request, printed
from harness.build.builder import build as build_binary
from harness.build.events import Advance
from harness.build.prebuilt import fetch_prebuilt
from harness.build.preflight import Preflight, preflight
from harness.build.profiles import BUILD_ABIS, parse_abis
from harness.build.record import BinaryRecord, new_record
from harness.build.source_tree import SourceTree, checkout, read_tree
from harness.build.sources import Sources, TargetName, load_sources, prebuilt
from harness.build.store import BinaryStore
from harness.cli.summary import write_json
from harness.errors import UsageError

_EPILOG = """\b
Examples:
  harness build --source ~/tensorflow --abi arm64-v8a
  harness build --source ~/tensorflow --revision v2.19.0 --abi arm64-v8a --name old
  harness build --source ~/tensorflow --abi arm64-v8a,armeabi-v7a --print
  harness build --prebuilt latest --abi arm64-v8a
  harness build --import ./benchmark_model --name mine
  harness build --list
"""


@click.command(epilog=_EPILOG)
@click.option("--source", type=click.Path(path_type=Path), metavar="DIR", help="A checkout of TensorFlow or LiteRT.")
@click.option(
    "--revision",
    metavar="REV",
    help="Build this revision of --source in a tree of its own; without --source a pinned one is fetched.",
)
@click.option("--abi", "abis", metavar="ABI[,ABI]", help=f"What to build for: {', '.join(BUILD_ABIS)}.")
@click.option("--flex", is_flag=True, help="With Select TF ops.")
@click.option(
    "--target",
    type=click.Choice(get_args(TargetName)),
    default="tflite",
    show_default=True,
    help="TensorFlow Lite's tool, or LiteRT's own newer one.",
)
@click.option("--ruy-profiler", is_flag=True, help="With ruy's own profiler. Never for latencies.")
@click.option("--flag", "flags", multiple=True, metavar="FLAG", help="One more flag of bazel build; may be repeated.")
@click.option("--name", metavar="NAME", help="What to call it; suites refer to it by this name.")
@click.option(
    "--prebuilt", "version", metavar="VERSION", help="Download an official binary: latest, nightly, 2.1.4, ..."
)
@click.option("--sha256", metavar="HEX", help="What --prebuilt must hash to.")
@click.option(
    "--import", "imported", type=click.Path(path_type=Path), metavar="PATH", help="Take a binary that is here."
)
@click.option("--list", "listing", is_flag=True, help="Show the binaries that are here.")
@click.option("--print", "printing", is_flag=True, help="Print the Bazel command and stop.")
@click.option("--check", "checking", is_flag=True, help="Look at what the build needs and stop.")
@click.option("--force", is_flag=True, help="Build whatever the check finds.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def build(
    ctx: click.Context,
    source: Path | None,
    revision: str | None,
    abis: str | None,
    flex: bool,
    target: str,
    ruy_profiler: bool,
    flags: tuple[str, ...],
    name: str | None,
    version: str | None,
    sha256: str | None,
    imported: Path | None,
    listing: bool,
    printing: bool,
    checking: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Get a benchmark_model: build it with Bazel, download an official one, or import your own.

    Each is kept once by its content, with a record of where it came from; `harness run` picks among them by a device's ABI.
    """
    _one_way(source=source or revision, version=version, imported=imported, listing=listing)
    if sha256 is not None and version is None:
        raise UsageError("--sha256 goes with --prebuilt")
    _check_name(name)
    store = BinaryStore()
    if listing:
        _show(store, store.records(), as_json)
    elif imported is not None:
        record = store.add(imported, new_record("import", str(imported.resolve()), name=name))
        _show_new(store, [(record, True)], as_json)
    elif version is not None:
        _download(store, version, _abis(abis), flex, name, sha256, as_json)
    else:
        sources = load_sources()
        tree = _tree(source, revision, store, sources)
        requests = [
            build_request(
                tree,
                abi,
                sources.android,
                target=cast(TargetName, target),
                flex=flex,
                ruy_profiler=ruy_profiler,
                extra_flags=flags,
            )
            for abi in _abis(abis)
        ]
        if printing:
            _print(requests, as_json)
        elif checking:
            ctx.exit(_check(preflight(tree, [r.abi for r in requests], sources.android, Path.home()), as_json))
        else:
            _build(store, requests, sources, name, force, as_json)


def _one_way(*, source: object, version: object, imported: object, listing: bool) -> None:
    chosen = [source is not None, version is not None, imported is not None, listing]
    if sum(chosen) != 1:
        raise UsageError(
            "one of --source or --revision, --prebuilt, --import, --list is needed"
            if not any(chosen)
            else "--source or --revision, --prebuilt, --import and --list exclude each other",
            remedy="harness build --help",
        )


def _check_name(name: str | None) -> None:
    if name is not None and (not name.strip() or len(name) > 80 or not name.isprintable() or name == "host"):
        raise UsageError(f"--name {name!r}: up to 80 printable characters, and not `host`")


def _abis(text: str | None) -> tuple[str, ...]:
    if text is None:
        raise UsageError("--abi: for which ABI?", remedy=f"{', '.join(BUILD_ABIS)}; `harness devices` shows a phone's")
    return parse_abis(text)


def _tree(source: Path | None, revision: str | None, store: BinaryStore, sources: Sources) -> SourceTree:
    if revision is None:
        assert source is not None  # noqa: S101  # _one_way saw to it
        return read_tree(source, sources)
    with Console(stderr=True).status(f"checking out {escape(revision)}"):
        return checkout(revision, source, store.folder("sources"), sources)


def _build(
    store: BinaryStore, requests: list[BuildRequest], sources: Sources, name: str | None, force: bool, as_json: bool
) -> None:
    done = []
    for request in requests:

        def check(request: BuildRequest = request) -> Preflight:
            found = preflight(request.tree, [request.abi], sources.android, Path.home())
            for finding in found.findings:
                if finding.state == "warning" or (force and finding.state == "missing"):
                    click.echo(f"warning: {finding.what}: {finding.detail}", err=True)
            click.echo(f"{request.abi}: {shlex.join(request.command)}", err=True)
            return found

        with _bazel_progress(request.abi) as advance:
            done.append(build_binary(request, store, check, advance, name=name, force=force))
    _show_new(store, done, as_json)


def _download(
    store: BinaryStore,
    version: str,
    abis: tuple[str, ...],
    flex: bool,
    name: str | None,
    sha256: str | None,
    as_json: bool,
) -> None:
    if sha256 is not None and (len(sha256) != 64 or len(abis) != 1):
        raise UsageError("--sha256: 64 hex digits, and one ABI")
    sources = load_sources()
    wanted = [prebuilt(sources, version, abi, flex=flex) for abi in abis]
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    done = []
    for one in wanted:
        with Progress(*columns, console=Console(stderr=True), transient=True) as display:
            task = display.add_task(escape(f"{one.version} {one.abi}"), total=None)

            def advance(got: int, total: int | None, display: Progress = display, task: Any = task) -> None:
                display.update(task, completed=got, total=total)

            record = fetch_prebuilt(one, store, advance, name=name, sha256=sha256.lower() if sha256 else None)
            done.append((record, True))
    _show_new(store, done, as_json)


@contextmanager
def _bazel_progress(abi: str) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[doing]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task(escape(abi), total=None, doing="")

        def advance(now: Advance) -> None:
            count = f"{now.done} / {now.total}  " if now.total is not None else ""
            doing = escape((count + now.doing)[:100])
            display.update(task, completed=now.done or 0, total=now.total, doing=doing)

        yield advance


def _print(requests: list[BuildRequest], as_json: bool) -> None:
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


def _check(found: Preflight, as_json: bool) -> int:
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


def _show_new(store: BinaryStore, done: list[tuple[BinaryRecord, bool]], as_json: bool) -> None:
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


def _show(store: BinaryStore, records: tuple[BinaryRecord, ...], as_json: bool) -> None:
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
