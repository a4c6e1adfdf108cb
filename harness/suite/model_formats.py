"""What can be said of model files before anything runs: files of other formats, and signatures to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.litert_host.model_file import ModelError, open_graph
from harness.records import ModelRef

_MAGIC = (
    (b"LITERTLM", "a LiteRT-LM bundle"),
    (b"PK\x03\x04", "a ZIP archive, as .task bundles and .zip files are"),
    (b"GGUF", "a GGUF file"),
    (b"\x89HDF", "an HDF5 file, as Keras saves them"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"version https://git-lfs", "a pointer of Git LFS (git lfs pull fetches the file)"),
)
_HEAD = 512


def foreign_format(path: Path) -> str | None:
    """The format of a file that is no TFLite model, or what is wrong with one; None for a model.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if not head:
        return "an empty file"
    if head[4:8] == b"TFL3":
        try:
            open_graph(str(path))
        except ModelError:
            return "a damaged file"
        return None
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page (HTML), maybe of a login"
    if path.suffix == ".onnx" or (head[0] == 8 and b"onnx" in text):
        return "an ONNX model"
    return "of another format (the identifier TFL3 is missing)"


def warnings_about(models: Sequence[ModelRef]) -> tuple[str, ...]:
    """What a user should know of the files before they run: which are no models, and which leave open what runs."""
    found: list[str] = []
    for model in models:
        path = Path(model.path)
        try:
            foreign = foreign_format(path)
        except OSError as error:
            foreign = f"a file that cannot be read: {error.strerror}"
        if foreign is not None:
            found.append(f"{path.name} is no TFLite model but {foreign}: its trials will fail")
        elif model.signature is None:
            keys = [one.key for one in open_graph(model.path)[0].signatures]
            if len(keys) > 1:
                found.append(f"{path.name} has the signatures {', '.join(keys)}: name the one to run with `signature`")
    return tuple(found)
