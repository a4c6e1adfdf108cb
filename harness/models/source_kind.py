"""Recognises the kind of a source by its content, and hashes it."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from pathlib import Path

from harness.errors import UsageError
from harness.files.zip_archive import zip_names
from harness.models.model_format import EXPORTED_PROGRAM, IDENTIFIER, looks_like_onnx, other_format

_TAKEN = "a source is a .keras or .h5 file, a SavedModel folder, a .pt2 of PyTorch, an .onnx, or a .tflite"
_HDF5 = b"\x89HDF\r\n\x1a\n"


class SourceKind(StrEnum):
    """The kinds of source that can be converted."""

    KERAS = "keras"
    """A .keras file of Keras 3 or of Keras 2.12 and later."""
    H5 = "h5"
    SAVED_MODEL = "saved_model"
    PT2 = "pt2"
    """An ExportedProgram of PyTorch, as `torch.export.save` writes it."""
    ONNX = "onnx"
    TFLITE = "tflite"


def source_kind(path: Path, name: str) -> SourceKind:
    """Recognise a source; its suffix does not matter.

    Args:
        path: the source.
        name: as the user wrote it, for messages.

    Raises:
        UsageError: it is missing or unreadable, or of another kind.
    """
    try:
        if path.is_dir():
            return _folder_kind(path, name)
        with path.open("rb") as stream:
            head = stream.read(8)
        if head[4:8] == IDENTIFIER:
            return SourceKind.TFLITE
        if head == _HDF5:
            return SourceKind.H5
        if head[:2] == b"PK" and (zipped := _zipped_kind(path)) is not None:
            return zipped
        if looks_like_onnx(path):
            return SourceKind.ONNX
        what = other_format(path)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}", remedy=_TAKEN) from None
    raise UsageError(f"{name} cannot be converted: it is {what}", remedy=_TAKEN)


def source_hash(path: Path) -> str:
    """Return the SHA-256 of a file; of a folder, that of its files' names and contents in order.

    Raises:
        UsageError: a file cannot be read.
    """
    whole = hashlib.sha256()
    try:
        if not path.is_dir():
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        for one in sorted(file for file in path.rglob("*") if file.is_file()):
            with one.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").digest()
            whole.update(one.relative_to(path).as_posix().encode("utf-8", "surrogateescape") + b"\0" + content)
    except OSError as error:
        raise UsageError(f"{error.filename or path} cannot be read: {error.strerror}") from None
    return whole.hexdigest()


def _folder_kind(path: Path, name: str) -> SourceKind:
    if (path / "saved_model.pb").is_file() or (path / "saved_model.pbtxt").is_file():
        return SourceKind.SAVED_MODEL
    inside = sorted(one.name for one in path.iterdir())
    if {"config.json", "model.weights.h5"} <= set(inside):
        raise UsageError(f"{name} is an unpacked .keras file", remedy="give the .keras file itself")
    below = [one for one in path.iterdir() if (one / "saved_model.pb").is_file()]
    hint = f"it holds {', '.join(sorted(one.name for one in below)[:3])}: name one of them" if below else _TAKEN
    raise UsageError(f"{name} is a folder without saved_model.pb", remedy=hint)


def _zipped_kind(path: Path) -> SourceKind | None:
    names = zip_names(path) or []
    if "config.json" in names and any(one.endswith(".weights.h5") for one in names):
        return SourceKind.KERAS
    return SourceKind.PT2 if any(EXPORTED_PROGRAM.match(one) for one in names) else None
