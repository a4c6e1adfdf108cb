"""Finds the model files that a suite names by path or glob."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import SuiteError
from harness.files.yaml_document import dotted, line_of
from harness.records import ModelInput, ModelRef
from harness.suite.model_inputs import Mismatch, matched_to_file


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPattern:
    """One of a suite's `models`: a path or glob relative to the suite file, with settings for its files."""

    path: str
    name: str | None = None
    signature: str | None = None
    inputs: tuple[ModelInput, ...] = ()


def find_models(entries: Mapping[int, ModelPattern], text: str, file: Path) -> tuple[ModelRef, ...]:
    """Find the files that a suite's `models` name.

    Args:
        entries: the suite's models that are given by path, by their index in `models`.
        text: the suite's text, to name lines in errors.
        file: the suite file.

    Raises:
        SuiteError: a file is missing or cannot be read, two models have the same name, or a model has no such signature or input.
    """
    found: dict[str, ModelRef] = {}
    mistakes: list[SuiteError] = []
    for index, entry in entries.items():
        try:
            _find(entry, index, text, file, found)
        except SuiteError as error:
            mistakes.append(error)
    if mistakes:
        raise SuiteError.of(mistakes)
    return tuple(found.values())


def _find(entry: ModelPattern, index: int, text: str, file: Path, found: dict[str, ModelRef]) -> None:
    """Add the files of one entry to `found`, which holds models by name."""
    pattern, name = entry.path, entry.name

    def wrong(message: str, remedy: str | None = None, below: Sequence[str | int] = ()) -> SuiteError:
        key = ("models", index, *below)
        return SuiteError(message, file=file, line=line_of(text, key), key=dotted(key), remedy=remedy)

    paths = _expand(pattern, file.parent)
    if not paths:
        if glob.has_magic(pattern):
            raise wrong(f"no file matches {pattern!r}", f"looked in {file.parent.resolve()}")
        raise wrong(f"no such model file: {pattern!r}", _neighbours(file.parent / pattern))
    if name and len(paths) > 1:
        raise wrong(f"{len(paths)} files match {pattern!r}, but one name is given", "leave the name out")
    for path in paths:
        if _is_no_text(path):
            raise wrong(f"the name of {os.fsencode(path)!r} is not UTF-8", "rename it")
        try:
            ref = replace(model_ref(path, name), signature=entry.signature, inputs=entry.inputs)
        except OSError as error:
            raise wrong(f"{path} cannot be read: {error.strerror}") from None
        try:
            ref = matched_to_file(ref)
        except Mismatch as error:
            raise wrong(error.message, error.remedy, error.keys) from None
        known = found.get(ref.name)
        if known is not None and known != ref:
            files = f"{known.path} and {ref.path}" if known.path != ref.path else f"{ref.path}, with different settings"
            raise wrong(f"two models are called {ref.name!r}: {files}", "give one of them a name")
        found[ref.name] = ref


def _is_no_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return True
    return False


def _expand(pattern: str, base: Path) -> list[Path]:
    # `a[1].tflite` is first a file of exactly that name, and only then a pattern.
    literal = base / pattern
    if literal.is_file():
        return [literal]
    if literal.is_dir() or not glob.has_magic(pattern):
        return []
    # Path.glob refuses absolute patterns, and the suite's folder may itself be called `[a]`.
    matches = glob.glob(pattern, root_dir=base, recursive=True)  # noqa: PTH207
    return sorted(path for match in matches if (path := base / match).is_file())


def _neighbours(path: Path) -> str | None:
    if path.is_dir():
        return f"it is a folder: {path / '*.tflite'}"
    models = sorted(file.name for file in path.parent.glob("*.tflite")) if path.parent.is_dir() else []
    return f"{path.parent} holds {', '.join(models[:5])}" if models else None


def model_ref(path: Path, name: str | None = None) -> ModelRef:
    """Read the name, size and content hash of a model file.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
    return ModelRef(name=name or path.stem, path=str(path.resolve()), sha256=digest.hexdigest(), size_bytes=size)
