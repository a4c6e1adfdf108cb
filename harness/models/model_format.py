"""Tells the format of a model file by its content. TensorFlow Lite's models have the identifier `TFL3` at byte 4.

Other files, which people name by mistake, are recognised by their first bytes, so that the message says what the file is and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.files.zip_archive import zip_names
from harness.records import ModelRef

IDENTIFIER = b"TFL3"
_HEAD = 1024

# Sources: the formats' own documentation; `file`'s magic database for the archives.
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"LITERTLM", "a LiteRT-LM bundle (.litertlm): LiteRT-LM's own tools run it"),
    (b"\x1f\x8b", "compressed with gzip: decompress it first"),
    (b"BZh", "compressed with bzip2: decompress it first"),
    (b"\xfd7zXZ\0", "compressed with xz: decompress it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: decompress it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras .h5): `harness models convert` makes a .tflite of it"),
    (b"GGUF", "a GGUF file (llama.cpp): no runtime of TensorFlow Lite reads it"),
    (b"\x7fELF", "a program or a library (ELF)"),
    (b"MZ", "a program or a library (Windows)"),
    (b"\x80\x02", "a Python pickle (an old PyTorch checkpoint): convert it to TensorFlow Lite"),
    (b"%PDF", "a PDF document"),
    (b"version https://git-lfs.github.com/spec/", "a pointer of Git LFS: fetch the file itself with `git lfs pull`"),
    (b"/annex/objects/", "a pointer of git-annex: fetch the file itself with `git annex get`"),
)
_FLATBUFFERS: Mapping[bytes, str] = {
    b"ORTM": "an ONNX Runtime model (.ort): convert the original to TensorFlow Lite",
    b"CIR0": "a Circle model (.circle) of Samsung's ONE",
    b"TFL1": "a TensorFlow Lite model of schema version 1: convert the original anew",
    b"TFL2": "a TensorFlow Lite model of schema version 2: convert the original anew",
}
EXPORTED_PROGRAM = re.compile(r"(?:[^/]+/models/[^/]+|serialized_exported_program)\.json$")
"""A file in every archive of `torch.export.save`: by PyTorch 2.8 and later, and by earlier versions."""
_ZIPPED: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        EXPORTED_PROGRAM,
        "an ExportedProgram of PyTorch (.pt2): `harness models convert` makes a .tflite of it",
    ),
    (
        re.compile(r"(?:.*/)?data\.pkl$"),
        "a PyTorch file (.pt) without its program: save it with torch.export.save, and give the .pt2",
    ),
    (
        re.compile(r"model\.weights\.h5$|.*\.weights\.h5$"),
        "a Keras model (.keras): `harness models convert` makes a .tflite of it",
    ),
    (
        re.compile(r"(?:.*/)?saved_model\.pb$"),
        "a zipped SavedModel: unzip it, then `harness models convert` makes a .tflite of it",
    ),
    (re.compile(r".*\.mlmodel$|.*/Manifest\.json$"), "a Core ML package: convert the original to TensorFlow Lite"),
    (re.compile(r"dlc\.metadata$|model\.params$"), "a Qualcomm DLC: only Qualcomm's own tools run it"),
)
_PAGE = re.compile(
    rb"\s{0,200}(?:<!--.{0,400}?-->\s{0,20})?<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_ONNX = re.compile(rb"\x08[\x01-\x20](?:\x12[\x01-\x7f][\x20-\x7e]|[\x1a\x22\x2a]|[\x3a\x42])")
"""`ir_version`, then the producer's name, its version, the domain, the graph or the operator sets."""
_SAFETENSORS = re.compile(rb"[\s\S]{6}\0\0\{\"")


def no_models(models: Iterable[ModelRef]) -> dict[str, str]:
    """Return a sentence for each file that is not a TensorFlow Lite model, by path, which says what the file is.

    Unreadable files are left out; their error appears when they are used.
    """
    found = {}
    for model in models:
        try:
            what = other_format(Path(model.path))
        except OSError:
            continue
        if what is not None:
            found[model.path] = f"{model.path} is no TensorFlow Lite model: it is {what}"
    return found


def other_format(path: Path) -> str | None:
    """If a file is not a TensorFlow Lite model, say what it is and what to do; None for a model.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if head[4:8] == IDENTIFIER:
        return None
    if not head:
        return "empty"
    return (
        _by_magic(head)
        or _by_structure(head, path)
        or _by_text(head)
        or "of an unknown format, without `TFL3` at byte 4"
    )


def looks_like_onnx(path: Path) -> bool:
    """Return whether a file begins as ONNX models do.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return _ONNX.match(stream.read(_HEAD)) is not None


def _by_magic(head: bytes) -> str | None:
    if head[257:262] == b"ustar":
        return "a tar archive: unpack it first"
    return next((what for magic, what in _MAGIC if head.startswith(magic)), None)


def _by_structure(head: bytes, path: Path) -> str | None:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(path)
    if head[4:8] in _FLATBUFFERS:
        return _FLATBUFFERS[head[4:8]]
    if _SAFETENSORS.match(head) is not None:
        return "a safetensors file: weights without a graph"
    suffix = path.suffix.lower()
    if suffix == ".mlmodel":
        return "a Core ML model: convert the original to TensorFlow Lite"
    if suffix == ".onnx" or _ONNX.match(head) is not None:
        return "an ONNX model: `harness models convert` makes a .tflite of it"
    if suffix == ".pb" or (head[:1] == b"\n" and b"\x12" in head[:200] and b"\0" in head):
        return "a protocol buffer, maybe a TensorFlow graph: convert it to TensorFlow Lite"
    return None


def _zipped(path: Path) -> str:
    names = zip_names(path)
    if names is None:
        return "a ZIP archive, cut short or damaged"
    for pattern, what in _ZIPPED:
        if any(pattern.match(name) for name in names):
            return what
    inside = [name for name in names if name.endswith(".tflite") or name.startswith("TF_LITE_")]
    kind = "a MediaPipe bundle (.task)" if path.suffix.lower() == ".task" or "METADATA" in names else "a ZIP archive"
    if inside:
        return f"{kind}: unzip it, its models are {', '.join(inside[:3])}"
    return f"{kind}: unzip it first"


def _by_text(head: bytes) -> str | None:
    if _PAGE.match(head) is not None:
        return "an HTML page, maybe of a login or an error: download the file anew"
    try:
        text = (head if len(head) < _HEAD else head[:-4]).decode("utf-8")  # a full head may end within a character
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith(("<?xml", "<")):
        return "XML, maybe the answer of a server: download the file anew"
    if start.startswith(("{", "[")):
        return "JSON, maybe the answer of a server: download the file anew"
    return f"text that begins with {start[:40].splitlines()[0]!r}" if start else "text"
