"""Files that are no models are known by their content, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.suite.model_files import model_ref
from harness.suite.model_formats import foreign_format, warnings_about
from tests import model_files
from tests.litert_host import models as make


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "empty"),
        (b"LITERTLM\x01\x00", "LiteRT-LM"),
        (b"PK\x03\x04\x14\x00", "ZIP"),
        (b"\n <!DOCTYPE html><title>Sign in</title>", "web page"),
        (b"\x08\x08\x12\x07pytorch\x1a\x05onnx1", "ONNX"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"\x18\x00\x00\x00TFL3" + bytes(range(64)), "damaged"),
        (b"plain words", "another format"),
    ],
)
def test_the_format_is_named(tmp_path: Path, head: bytes, words: str) -> None:
    file = tmp_path / "m.tflite"
    file.write_bytes(head)
    named = foreign_format(file)
    assert named is not None
    assert words in named
    [warning] = warnings_about([model_ref(file)])
    assert warning.startswith("m.tflite is no TFLite model but ")


def test_a_model_gives_no_warning_and_one_with_signatures_asks_for_one(tmp_path: Path) -> None:
    good, several = model_files.copy_of_shipped(tmp_path / "good.tflite"), make.two_signatures(tmp_path / "two.tflite")
    assert foreign_format(good) is None
    assert warnings_about([model_ref(good), model_ref(several)]) == (
        "two.tflite has the signatures add, two: name the one to run with `signature`",
    )
