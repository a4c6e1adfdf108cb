"""An official binary into the store: downloaded, its hash held to what is pinned or was seen first, its ELF header read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.binaries.benchmark_program import read_benchmark
from harness.binaries.binary_store import BinaryStore, read_program_as
from harness.binaries.download import discard, download
from harness.binaries.elf import Platform, require
from harness.binaries.profiles import device_abi, is_android
from harness.binaries.record import BinaryRecord, new_record
from harness.binaries.sources import Prebuilt
from harness.errors import SetupError, UsageError
from harness.files.lock import held
from harness.files.whole_file import write_whole

_HASHES = "hashes.json"


def fetch_prebuilt(
    wanted: Prebuilt,
    store: BinaryStore,
    progress: Callable[[int, int | None], None],
    *,
    name: str | None = None,
    sha256: str | None = None,
) -> BinaryRecord:
    """Download an official binary, or take the one that is here.

    Args:
        wanted: what to get.
        store: where it ends.
        progress: told bytes so far and in all.
        name: what the user calls it.
        sha256: what the user says it must hash to.

    Raises:
        SetupError: it cannot be had, its hash is not the expected one, or what came is no program for the ABI.
    """
    folder = store.folder("downloads")
    known = _known_hashes(folder)
    expected = sha256 or wanted.sha256 or (None if wanted.moving else known.get(wanted.url))
    if expected is not None:
        for record in store.records():
            same = record.sha256 == expected and record.origin == "prebuilt" and record.source == wanted.url
            if same and name in (None, record.name):
                store.path(record)
                return record
    got = download(wanted.url, folder, progress, sha256=expected)
    try:
        seen = read_program_as(got.path, wanted.url, read_benchmark)
        system: Platform = "android" if is_android(wanted.abi) else "linux"
        require(seen, wanted.url, abi=device_abi(wanted.abi), platform=system)
        record = replace(
            new_record("prebuilt", wanted.url, name=name),
            tool=wanted.target,
            flex=wanted.flex,
            revision=wanted.version,
            revision_name=wanted.version,
        )
        kept = store.add(got.path, record)
    except UsageError as error:
        # Such as the sign-in page of a hotel's network. The request was right: what came is not.
        raise SetupError(error.message, remedy="see the address in a browser") from None
    finally:
        discard(got.path)
    _remember(folder, wanted.url, kept.sha256)
    return kept


def _known_hashes(folder: Path) -> dict[str, str]:
    path = folder / _HASHES
    try:
        data: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SetupError(f"{path} is damaged: {error}", remedy="remove that file") from None
    return {str(url): str(sha256) for url, sha256 in data.items()} if isinstance(data, dict) else {}


def _remember(folder: Path, url: str, sha256: str) -> None:
    # One after the other: what a process that reads at the same time writes would lack this hash.
    with held(folder / "hashes.lock"):
        text = json.dumps({**_known_hashes(folder), url: sha256}, indent=1, sort_keys=True)
        write_whole(folder / _HASHES, text.encode())
