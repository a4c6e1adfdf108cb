"""Writes overlays for Model Explorer: a file per profiled cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from harness.cli.printing import reader_may_leave
from harness.errors import SetupError, UsageError
from harness.files.whole_file import text_output_file
from harness.formats.model_explorer import Overlay

_LISTED = 10


def write_overlays(found: Sequence[Overlay], target: Path | None) -> None:
    """Write overlays into a folder, or a single one into a `.json` file or to stdout, and print what was written.

    Raises:
        UsageError: there is none, or there are several for a single file.
        SetupError: the disk is full.
    """
    if not found:
        raise UsageError("nothing here has a profile", remedy="measure with `purposes: [latency, profile]`")
    if target is None or target.suffix == ".json":
        _write_one(found, target)
        return
    try:
        target.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{target} is not a folder", remedy="name a folder, or a .json file for one cell") from None
    except PermissionError as error:
        raise UsageError(f"cannot make {target}: {error.strerror}") from error
    except OSError as error:
        raise SetupError(f"cannot make {target}: {error.strerror}") from error
    used: set[str] = set()
    for one in found:
        path = target / _file_name(one, used)
        with text_output_file(path) as stream:
            stream.write(one.text())
        click.echo(f"written: {path}: {one.key.model}, {one.name}", err=True)


def _write_one(found: Sequence[Overlay], target: Path | None) -> None:
    if len(found) > 1:
        cells = "; ".join(f"{one.key.model} {one.name}" for one in found[:_LISTED])
        raise UsageError(
            f"{len(found)} cells have a profile: {cells}{'; ...' * (len(found) > _LISTED)}",
            remedy="name a folder: -o overlays/; or choose one, such as --where delegate=cpu,threads=1",
        )
    if target is None:
        with reader_may_leave():
            click.echo(found[0].text(), nl=False)
        return
    with text_output_file(target) as stream:
        stream.write(found[0].text())


def _file_name(one: Overlay, used: set[str]) -> str:
    """Make a plain, unused file name from untrusted text."""
    key = one.key
    words = "-".join((key.model, key.variant, key.delegate, f"{key.threads}thr", key.cpus, key.binary, key.device))
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", words).strip("-.")[:120] or "overlay"
    name, number = plain, 1
    while name.lower() in used:
        number += 1
        name = f"{plain}-{number}"
    used.add(name.lower())
    return f"{name}.json"
