from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.models.source_kind import SourceKind, source_hash, source_kind
from tests.model_files import copy_of_shipped, text


def keras_file(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")
    return path


def exported_program(path: Path, inside: str = "model/models/model.json") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(inside, "{}")
        archive.writestr("model/data/sample_inputs/model.pt", b"")
    return path


def onnx_model(path: Path) -> Path:
    path.write_bytes(b"\x08\x08\x12\x07pytorch\x1a\x052.0.1:\xcf\x01")
    return path


def test_the_content_tells_and_the_suffix_does_not(tmp_path: Path) -> None:
    saved = tmp_path / "saved.keras"
    saved.mkdir()
    (saved / "saved_model.pb").write_bytes(b"")
    (tmp_path / "a.bin").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(40))
    for path, kind in (
        (copy_of_shipped(tmp_path / "model.h5"), SourceKind.TFLITE),
        (keras_file(tmp_path / "model.tflite"), SourceKind.KERAS),
        (tmp_path / "a.bin", SourceKind.H5),
        (saved, SourceKind.SAVED_MODEL),
        (exported_program(tmp_path / "model.pt"), SourceKind.PT2),
        (exported_program(tmp_path / "old.keras", "serialized_exported_program.json"), SourceKind.PT2),
        (onnx_model(tmp_path / "model.bin"), SourceKind.ONNX),
    ):
        assert source_kind(path, path.name) is kind


def test_what_is_no_source_is_named(tmp_path: Path) -> None:
    (tmp_path / "unpacked").mkdir()
    for name in ("config.json", "model.weights.h5"):
        (tmp_path / "unpacked" / name).write_text("{}")
    (tmp_path / "above" / "v1").mkdir(parents=True)
    (tmp_path / "above" / "v1" / "saved_model.pb").write_bytes(b"")
    text(tmp_path / "page.keras")
    with zipfile.ZipFile(tmp_path / "app.keras", "w") as archive:
        archive.writestr("readme", "")
    with zipfile.ZipFile(tmp_path / "weights.pt", "w") as archive:
        archive.writestr("weights/data.pkl", "")
    for name, said in (
        ("missing.keras", "cannot be read: No such file"),
        ("unpacked", "an unpacked .keras file"),
        ("above", "without saved_model.pb"),
        ("page.keras", "an HTML page"),
        ("app.keras", "a ZIP archive"),
        ("weights.pt", "save it with torch.export.save"),
    ):
        with pytest.raises(UsageError, match=said) as caught:
            source_kind(tmp_path / name, name)
        assert caught.value.remedy is not None
        assert name in caught.value.message
    with pytest.raises(UsageError) as caught:
        source_kind(tmp_path / "above", "above")
    assert caught.value.remedy == "it holds v1: name one of them"


def test_the_hash_of_a_folder_covers_names_and_contents(tmp_path: Path) -> None:
    first = tmp_path / "one"
    (first / "variables").mkdir(parents=True)
    (first / "saved_model.pb").write_bytes(b"graph")
    (first / "variables" / "data").write_bytes(b"weights")
    shutil.copytree(first, tmp_path / "two")
    assert source_hash(first) == source_hash(tmp_path / "two")
    (tmp_path / "two" / "variables" / "data").write_bytes(b"Weights")
    other_content = source_hash(tmp_path / "two")
    (first / "variables" / "data").rename(first / "variables" / "date")
    assert len({source_hash(first), other_content, source_hash(tmp_path / "two" / "variables" / "data")}) == 3
