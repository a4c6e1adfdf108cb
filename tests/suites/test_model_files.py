"""The broken models are broken in the way they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ai_edge_litert.interpreter import Interpreter

from tests import model_files


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (model_files.empty, "mmap of size 0 requested"),
        (model_files.truncated, "not a valid Flatbuffer buffer"),
        (model_files.text, "not a valid Flatbuffer buffer"),
        (model_files.garbage_with_identifier, "not a valid Flatbuffer buffer"),
    ],
)
def test_no_model_at_all(tmp_path: Path, make: Callable[[Path], Path], words: str) -> None:
    path = make(tmp_path / "model.tflite")
    with pytest.raises(ValueError, match=words):
        Interpreter(str(path))


def test_unresolved_custom_op(tmp_path: Path) -> None:
    path = model_files.unresolved_custom_op(tmp_path / "model.tflite")
    interpreter = Interpreter(str(path))
    with pytest.raises(RuntimeError, match=f"unresolved custom op: {model_files.UNRESOLVED_OP}"):
        interpreter.allocate_tensors()


@pytest.mark.parametrize("name", model_files.HOSTILE_NAMES)
def test_hostile_names_are_possible(tmp_path: Path, name: str) -> None:
    path = model_files.copy_of_shipped(tmp_path / name)
    assert [found.name for found in tmp_path.iterdir()] == [name]
    Interpreter(str(path)).allocate_tensors()
