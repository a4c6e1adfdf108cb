"""Reads and writes the JSON documents of runs and of calibrations, which carry a `format_version`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from harness.errors import UsageError
from harness.files.whole_file import write_whole
from harness.runs.checked_json import CheckedJson, mistake

_Document = TypeVar("_Document")


def read_document(
    file: Path,
    kind: CheckedJson[_Document],
    *,
    newest: int,
    mend: str | None = None,
    older: Mapping[int, Callable[[Any], Any]] = MappingProxyType({}),
    quick: msgspec.json.Decoder[_Document] | None = None,
) -> _Document | None:
    """Read a document; None if there is no such file.

    Args:
        file: its path.
        kind: its type.
        newest: the newest format that this harness reads.
        mend: remedy for a damaged file.
        older: turns a document of an older format into the newest one.
        quick: a decoder several times as fast, used if there are no `older` formats; a document that it refuses is read without it.

    Raises:
        UsageError: the file cannot be read, is damaged, or was written by a newer harness.
    """
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    if quick is not None:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            found = decoded(quick, content)
            if getattr(found, "format_version", newest) <= newest:
                return found
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:  # brackets a hundred thousand deep
        raise UsageError(f"{file} is damaged: {error}", remedy=mend) from None
    version = data.get("format_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > newest:
        raise UsageError(
            f"{file} has format {version}, this harness reads up to {newest}",
            remedy="upgrade the harness that reads it",
        )
    if isinstance(version, int) and version in older:
        data = older[version](data)
    try:
        return kind.validate_python(data)
    except ValueError as error:
        raise UsageError(f"{file} is damaged: {mistake(error)}", remedy=mend) from None


def decoded(quick: msgspec.json.Decoder[_Document], content: bytes) -> _Document:
    """Decode JSON by msgspec.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError: it is not what the decoder reads.
    """
    if not content.isascii():
        content.decode()  # msgspec does not look into what it skips
    return quick.decode(content)


def write_document(file: Path, document: Mapping[str, Any]) -> None:
    """Write a document whole or not at all.

    Raises:
        SetupError: the disk is full, or the place cannot be written.
    """
    write_whole(file, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
