"""`harness build`: builds, downloads or imports a `benchmark_model`, and lists the stored ones."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

import click
from click.core import ParameterSource
from rich.console import Console
from rich.markup import escape

from harness.binaries.benchmark_program import check_name, has_flex, require_benchmark
from harness.binaries.binary_store import BinaryStore
from harness.binaries.builder import BuildRequest, build_request
from harness.binaries.builder import build as build_binary
from harness.binaries.checkout import checkout, planned
from harness.binaries.elf import Platform, read_program, require
from harness.binaries.prebuilt import fetch_prebuilt
from harness.binaries.preflight import Preflight, preflight
from harness.binaries.profiles import BUILD_ABIS, device_abi, is_android, parse_abis
from harness.binaries.record import BinaryRecord, new_record
from harness.binaries.source_tree import SourceTree, read_tree
from harness.binaries.sources import Sources, TargetName, load_sources, prebuilt
from harness.cli.build_progress import bazel_progress, download_progress
from harness.cli.build_show import print_commands, show_all, show_findings, show_new
from harness.errors import UsageError

# An option without effect is refused: a --print or an --abi that does nothing misleads.
_ONLY_WITH = {
    "--revision": ("--source",),
    "--abi": ("--source", "--prebuilt", "--import"),
    "--flex": ("--source", "--prebuilt", "--import"),
    "--target": ("--source",),
    "--ruy-profiler": ("--source",),
    "--flag": ("--source",),
    "--name": ("--source", "--prebuilt", "--import"),
    "--sha256": ("--prebuilt",),
    "--print": ("--source",),
    "--check": ("--source",),
    "--force": ("--source",),
}

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
@click.option(
    "--source",
    type=click.Path(path_type=Path, readable=False),
    metavar="DIR",
    help="A checkout of TensorFlow or LiteRT.",
)
@click.option(
    "--revision",
    metavar="REV",
    help="Build this revision of --source in a tree of its own. Without --source, fetch a pinned revision.",
)
@click.option("--abi", "abis", metavar="ABI[,ABI]", help=f"The ABIs to build for: {', '.join(BUILD_ABIS)}.")
@click.option("--flex", is_flag=True, help="Build with Select TF ops.")
@click.option(
    "--target",
    type=click.Choice(get_args(TargetName)),
    default="tflite",
    show_default=True,
    help="Build TensorFlow Lite's tool, or LiteRT's own newer one.",
)
@click.option("--ruy-profiler", is_flag=True, help="Build with ruy's own profiler. Do not measure latencies with it.")
@click.option(
    "--flag", "flags", multiple=True, metavar="FLAG", help="One more flag for bazel build. May be given several times."
)
@click.option("--name", metavar="NAME", help="The name by which suites call it.")
@click.option(
    "--prebuilt", "version", metavar="VERSION", help="Download an official binary: latest, nightly, 2.1.4, ..."
)
@click.option("--sha256", metavar="HEX", help="The SHA-256 that the download must have.")
@click.option(
    "--import",
    "imported",
    type=click.Path(
        path_type=Path, readable=False
    ),  # an unreadable file is reported where it is read, as everywhere else
    metavar="PATH",
    help="Import this file.",
)
@click.option("--list", "listing", is_flag=True, help="List the binaries that you have.")
@click.option("--print", "printing", is_flag=True, help="Print the Bazel command, and do not build.")
@click.option("--check", "checking", is_flag=True, help="Check what the build needs, and do not build.")
@click.option("--force", is_flag=True, help="Build even if --check would find a problem.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
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
    """Build, download or import a benchmark_model.

    The harness keeps each binary once, with a record of where it came from. For each device, `harness run` picks the binary of its ABI that
    supports most of what the suite asks for.
    """
    way = _one_way(source=source or revision, version=version, imported=imported, listing=listing)
    _check_options(ctx, way)
    _check_name(name)
    store = BinaryStore()
    if listing:
        show_all(store, store.records(), as_json)
    elif imported is not None:
        show_new(store, [(_import(store, imported, abis, flex, name), True)], as_json)
    elif version is not None:
        _download(store, version, _abis(abis), flex, name, sha256, as_json)
    else:
        sources = load_sources()
        wanted = _abis(abis)

        def requests_of(tree: SourceTree) -> list[BuildRequest]:
            return [
                build_request(
                    tree,
                    abi,
                    sources.android,
                    target=cast(TargetName, target),
                    flex=flex,
                    ruy_profiler=ruy_profiler,
                    extra_flags=flags,
                )
                for abi in wanted
            ]

        def get_tree() -> SourceTree:
            if revision is None:
                return tree
            console = Console(stderr=True)
            doing = f"checking out {escape(revision)} into {escape(str(tree.path))}"
            if not console.is_terminal and not tree.path.exists():
                console.print(
                    doing, highlight=False, soft_wrap=True
                )  # a fetch may take long, and without a terminal there is no spinner
            with console.status(doing):
                return checkout(revision, source, store.folder("sources"), sources)

        tree = _planned(source, revision, store, sources)
        if printing:
            print_commands(requests_of(tree), as_json)
        elif checking:
            requests_of(tree)  # also notices a target that the source lacks
            ctx.exit(show_findings(preflight(tree, wanted, sources.android, Path.home()), as_json))
        else:
            _build(store, tree, requests_of, get_tree, sources, name, force, as_json)


def _one_way(*, source: object, version: object, imported: object, listing: bool) -> str:
    """Return which of the four ways was asked for."""
    chosen = {
        "--source": source is not None,
        "--prebuilt": version is not None,
        "--import": imported is not None,
        "--list": listing,
    }
    if sum(chosen.values()) != 1:
        raise UsageError(
            "one of --source or --revision, --prebuilt, --import, --list is needed"
            if not any(chosen.values())
            else "--source or --revision, --prebuilt, --import and --list exclude each other",
            remedy="harness build --help",
        )
    return next(way for way, asked in chosen.items() if asked)


def _check_options(ctx: click.Context, way: str) -> None:
    """Refuse options that have no effect in this way.

    Raises:
        UsageError: an option has no meaning here.
    """
    for parameter in ctx.command.params:
        option = parameter.opts[0]
        given = ctx.get_parameter_source(parameter.name or "") is not ParameterSource.DEFAULT
        if given and option in _ONLY_WITH and way not in _ONLY_WITH[option]:
            ways = " and ".join("--source or --revision" if w == "--source" else w for w in _ONLY_WITH[option])
            raise UsageError(f"{option} goes with {ways}, not with {way}", remedy="leave it out")
    if ctx.params["printing"] and ctx.params["checking"]:
        raise UsageError("--print and --check exclude each other")


def _import(store: BinaryStore, path: Path, abis: str | None, flex: bool, name: str | None) -> BinaryRecord:
    program = read_program(path)
    if abis is not None:
        wanted = parse_abis(abis)
        if len(wanted) != 1:
            raise UsageError("--import: a program is for one ABI", remedy="import them one by one")
        system: Platform = "android" if is_android(wanted[0]) else "linux"
        require(program, str(path), abi=device_abi(wanted[0]), platform=system)
    require_benchmark(path, program)
    if abis is None:
        check_name(path, program)
    known = True if flex else has_flex(path)
    return store.add(path, replace(new_record("import", str(path.resolve()), name=name), flex=known))


def _check_name(name: str | None) -> None:
    if name is not None and (not name.strip() or len(name) > 80 or not name.isprintable() or name == "host"):
        raise UsageError(f"--name {name!r}: up to 80 printable characters, and not `host`")


def _abis(text: str | None) -> tuple[str, ...]:
    if text is None:
        raise UsageError("--abi: for which ABI?", remedy=f"{', '.join(BUILD_ABIS)}; `harness devices` shows a phone's")
    return parse_abis(text)


def _planned(source: Path | None, revision: str | None, store: BinaryStore, sources: Sources) -> SourceTree:
    """Return the tree to examine; a revision is not fetched for that."""
    if revision is not None:
        return planned(revision, source, store.root / "sources", sources)
    assert source is not None  # noqa: S101  # _one_way saw to it
    return read_tree(source, sources)


def _build(
    store: BinaryStore,
    tree: SourceTree,
    requests_of: Callable[[SourceTree], list[BuildRequest]],
    get_tree: Callable[[], SourceTree],
    sources: Sources,
    name: str | None,
    force: bool,
    as_json: bool,
) -> None:
    if not tree.path.exists() and not force:
        # Nobody should fetch for an hour before learning that there is no NDK.
        preflight(tree, [request.abi for request in requests_of(tree)], sources.android, Path.home()).require()
    done = []
    for request in requests_of(get_tree()):

        def check(request: BuildRequest = request) -> Preflight:
            found = preflight(request.tree, [request.abi], sources.android, Path.home())
            for finding in found.findings:
                if finding.state == "warning" or (force and finding.state == "missing"):
                    click.echo(f"warning: {finding.what}: {finding.detail}", err=True)
            click.echo(f"{request.abi}: {shlex.join(request.command)}", err=True)
            return found

        with bazel_progress(request.abi) as advance:
            done.append(build_binary(request, store, check, advance, name=name, force=force))
    show_new(store, done, as_json)


def _download(
    store: BinaryStore,
    version: str,
    abis: tuple[str, ...],
    flex: bool,
    name: str | None,
    sha256: str | None,
    as_json: bool,
) -> None:
    if sha256 is not None:
        sha256 = sha256.lower()
        if not re.fullmatch("[0-9a-f]{64}", sha256) or len(abis) != 1:
            raise UsageError("--sha256: 64 hex digits, and one ABI")
    sources = load_sources()
    wanted = [prebuilt(sources, version, abi, flex=flex) for abi in abis]
    done = []
    for one in wanted:
        with download_progress(f"{one.version} {one.abi}") as advance:
            done.append((fetch_prebuilt(one, store, advance, name=name, sha256=sha256), True))
    show_new(store, done, as_json)
