"""Puts an official binary into the store: downloads it, compares its hash with the pinned or first seen one, reads its ELF header."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.binaries.benchmark_program import read_benchmark
from harness.binaries.binary_store import BinaryStore, read_program_as
from harness.binaries.elf import Platform, require
from harness.binaries.profiles import device_abi, is_android
from harness.binaries.record import BinaryRecord, new_record
from harness.binaries.sources import Prebuilt
from harness.errors import SetupError, UsageError
from harness.files.download import discard, download
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
    """Download an official binary, or return the one in the store.

    Args:
        wanted: the binary to get.
        store: receives it.
        progress: told the bytes so far and in all.
        name: the user's name for it.
        sha256: the hash that the user requires.

    Raises:
        SetupError: the download failed, has another hash, or is not a program for the ABI.
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
    remedy = "see the version and the ABI: harness build --help"
    got = download(wanted.url, folder, progress, sha256=expected, if_missing=remedy)
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
        # Such as the sign-in page of a hotel's network: the request was right, the answer is not.
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
    # Locked: another process that read the file before would write it back without this hash.
    with held(folder / "hashes.lock"):
        text = json.dumps({**_known_hashes(folder), url: sha256}, indent=1, sort_keys=True)
        write_whole(folder / _HASHES, text.encode())
