"""What is said of model files before anything runs. Files of other formats: `test_model_format.py`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.suite.model_files import model_ref
from harness.suite.model_warnings import warnings_about
from tests import model_files
from tests.litert_host import models as make


def test_a_model_gives_no_warning_and_one_with_signatures_asks_for_one(tmp_path: Path) -> None:
    good, several = model_files.copy_of_shipped(tmp_path / "good.tflite"), make.two_signatures(tmp_path / "two.tflite")
    assert warnings_about([model_ref(good), model_ref(several)]) == (
        "two.tflite has the signatures add, two: name the one to run with `signature`",
    )


def test_variants_are_told_apart_though_their_files_have_one_name(tmp_path: Path) -> None:
    several = replace(model_ref(make.two_signatures(tmp_path / "model.tflite")), name="coder")
    assert [
        said.partition(" has ")[0]
        for said in warnings_about([replace(several, variant=one) for one in ("fp32", "int8")])
    ] == [
        "coder, fp32",
        "coder, int8",
    ]


def test_a_damaged_file_is_told_and_one_of_another_format_is_not_told_twice(tmp_path: Path) -> None:
    damaged, other = tmp_path / "damaged.tflite", tmp_path / "bundle.task"
    damaged.write_bytes(b"\x18\x00\x00\x00TFL3" + bytes(range(64)))
    other.write_bytes(b"PK\x03\x04\x14\x00")
    refs = [model_ref(damaged), model_ref(other)]
    other.unlink()
    damaged_words = "damaged.tflite is a damaged file: its trials will fail"
    assert warnings_about(refs[:1]) == (damaged_words,)
    assert warnings_about(refs)[1].startswith("bundle.task cannot be read")
