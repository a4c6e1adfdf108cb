"""Finds the models and binaries of a run on this machine, and keeps them in the blob store."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.binaries.binary_store import BinaryStore
from harness.binaries.choice import HOST
from harness.errors import SetupError
from harness.history.blob_store import BlobStore
from harness.records import Artifact, ModelRef
from harness.runs.run_store import Manifest
from harness.virtual.replay.replay_launcher import write_launcher


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOfRun:
    """A model or binary of a run."""

    kind: Literal["model", "binary"]
    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFiles:
    """The files of a run that are in the store now, and sentences on those that are not."""

    kept: tuple[FileOfRun, ...]
    notes: tuple[str, ...]


def keep_files(manifest: Manifest, store: BlobStore) -> KeptFiles:
    """Keep the files of a run that still have the hash of its manifest.

    A file that is gone, changed or too large is left out, and a note says so. The rest is kept.
    """
    files = _files_of(manifest)
    used = frozenset(one.sha256 for one, _ in files)
    kept, notes = [], []
    with _own_program() as own:
        for one, source in files:
            trouble = _keep(one, own if source == _OWN else source, store, used)
            if trouble is not None and source == _OWN:
                trouble = "it is the program for virtual devices of another version of the harness"
            if trouble is None:
                kept.append(one)
            else:
                notes.append(f"{one.kind} {one.name} is not kept: {trouble}")
    if len(notes) > _MOST_NOTES:
        left = len(notes) - _MOST_NOTES + 1
        notes = [*notes[: _MOST_NOTES - 1], f"{left} other files are not kept either"]
    return KeptFiles(kept=tuple(kept), notes=tuple(notes))


_MOST_NOTES = 4
_OWN = Path("the harness's own program for virtual devices")


def _keep(one: FileOfRun, source: Path | None, store: BlobStore, used: frozenset[str]) -> str | None:
    """Keep a file; return the reason if it could not be."""
    if source is None:
        return None if store.path(one.sha256) is not None else "nobody knows where it lies"
    try:
        return store.keep(source, one.sha256, executable=one.kind == "binary", used=used)
    except SetupError as error:
        return error.message


def _files_of(manifest: Manifest) -> list[tuple[FileOfRun, Path | None]]:
    """Each file once, with the path where it should be."""
    found: dict[str, tuple[FileOfRun, Path | None]] = {}
    for model in manifest.models:
        if model.sha256:
            found.setdefault(model.sha256, (_of_model(model), Path(model.path) if model.path else None))
    for artifact in manifest.artifacts:
        if artifact.sha256:
            found.setdefault(artifact.sha256, (_of_artifact(artifact), _place_of(artifact)))
    return list(found.values())


def _of_model(model: ModelRef) -> FileOfRun:
    return FileOfRun(kind="model", name=model.label, sha256=model.sha256, size_bytes=model.size_bytes)


def _of_artifact(artifact: Artifact) -> FileOfRun:
    name = artifact.binary or artifact.name
    return FileOfRun(kind="binary", name=name, sha256=artifact.sha256, size_bytes=artifact.size_bytes)


def _place_of(artifact: Artifact) -> Path | None:
    if artifact.origin == HOST:
        return _OWN
    if artifact.origin == "import":
        return Path(artifact.source) if artifact.source else None
    return BinaryStore().program_file(artifact.sha256)


@contextmanager
def _own_program() -> Iterator[Path]:
    """The program for virtual devices as this harness writes it. A program of an older harness has another hash."""
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        path = Path(folder) / "benchmark_model"
        try:
            write_launcher(path)
        except SetupError:  # without LiteRT there is none
            path.unlink(missing_ok=True)
        yield path
