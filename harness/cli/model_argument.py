"""A .tflite file on the command line."""

from __future__ import annotations

from pathlib import Path

from harness.errors import ModelFailed
from harness.models.model_format import other_format


def require_tflite(file: Path) -> None:
    """Look at a file's kind and its first bytes.

    Raises:
        ModelFailed: it is a folder, missing, or of another format; the message says what it is.
    """
    try:
        if file.is_dir():
            kind = "a SavedModel" if (file / "saved_model.pb").exists() else "a folder"
            raise ModelFailed(f"{file} is {kind}, not a .tflite", remedy="convert it first: harness models convert")
        if file.exists() and not file.is_file():
            raise ModelFailed(f"{file} is no file")
        what = other_format(file)
    except OSError as error:
        raise ModelFailed(f"{file} cannot be read: {error.strerror}") from None
    if what is not None:
        raise ModelFailed(f"{file} is no TensorFlow Lite model: it is {what}")
