"""Model files that go wrong, and file names that try to: for tests of every part that meets a model of the user's.

Each function writes one file to the path given and returns the path. For models that work, see `tests.litert_host.models`.
"""

from __future__ import annotations

from pathlib import Path

from harness.files.shipped_data import data_dir
from tests.litert_host import models

HOSTILE_NAMES = (
    "with space.tflite",
    "single'quote.tflite",
    'double"quote.tflite',
    "$(touch substituted).tflite",
    "`touch backticked`.tflite",
    "semicolon;touch separated;.tflite",
    "<script>document.title='run'<script>.tflite",
    "-leading-dash.tflite",
    "back\\slash.tflite",
    "percent%s%n.tflite",
    "*?[a-z].tflite",
    "mobil\u00e9-\u6a21\u578b-\U0001f4f1.tflite",
    "right\u202eto-left.tflite",
    "new\nline.tflite",
)
"""File names that a shell, a glob, a format string, a terminal or an HTML page may trip over. None holds a `/` or a NUL."""

UNRESOLVED_OP = "NoSuchOperator"


def shipped(name: str) -> Path:
    """A model of the quickstart, for instance `cnn_fp32.tflite`. Read it, do not write to it."""
    return data_dir("suites") / "models" / name


def copy_of_shipped(path: Path, name: str = "cnn_fp32.tflite") -> Path:
    """A good model under any path."""
    path.write_bytes(shipped(name).read_bytes())
    return path


def empty(path: Path) -> Path:
    """No bytes at all: `mmap of size 0 requested`."""
    path.write_bytes(b"")
    return path


def truncated(path: Path, name: str = "cnn_fp32.tflite") -> Path:
    """The first half of a good model, as after a broken transfer: `not a valid Flatbuffer buffer`."""
    content = shipped(name).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def text(path: Path) -> Path:
    """A text file with a model's name, such as a Git LFS pointer or an error page that was saved: `not a valid Flatbuffer buffer`."""
    path.write_text("<html><body>404: Not Found</body></html>\n" * 8, encoding="utf-8")
    return path


def garbage_with_identifier(path: Path) -> Path:
    """Noise behind a TFLite file identifier: gets past a check of bytes 4 to 8, not past a verifier."""
    path.write_bytes(b"\x18\x00\x00\x00TFL3" + bytes(range(256)) * 2)
    return path


def unresolved_custom_op(path: Path) -> Path:
    """A valid file whose only operator is a custom one that no library knows: `Encountered unresolved custom op: NoSuchOperator`."""
    return models.unknown_op(path, UNRESOLVED_OP)
