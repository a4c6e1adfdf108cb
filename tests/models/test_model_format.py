"""What a file that is called a model is, by its content."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from harness.models.model_format import no_models, other_format
from harness.suite.model_files import model_ref
from tests.model_files import empty, garbage_with_identifier, shipped, text, truncated

CONTENTS = {
    "a.litertlm": (b"LITERTLM\x01\x00\x00\x00\x07" + bytes(50), "a LiteRT-LM bundle"),
    "b.tflite": (b"<!DOCTYPE html>\n<html><title>Sign in</title></html>", "an HTML page"),
    "c.tflite": (b"\n  <HTML lang=en>404", "an HTML page"),
    "d.tflite": (gzip.compress(b"\x1c\0\0\0TFL3" + bytes(50)), "compressed with gzip"),
    "e.onnx": (b"\x08\x07\x12\x07pytorch\x1a\x052.0.1:\xcf\x01", "an ONNX model"),
    "f.tflite": (b"\x08\x08\x12\x0btf2onnx 1.1\x3a\x10", "an ONNX model"),
    "g.h5": (b"\x89HDF\r\n\x1a\n" + bytes(40), "an HDF5 file"),
    "h.gguf": (b"GGUF\x03\0\0\0" + bytes(40), "a GGUF file"),
    "i.tflite": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "a pointer of Git LFS"),
    "j.ort": (b"\x18\0\0\0ORTM" + bytes(40), "an ONNX Runtime model"),
    "k.safetensors": (b'\x40\0\0\0\0\0\0\0{"x":{"dtype":"F32"}}', "a safetensors file"),
    "l.pb": (b"\n\x12\n\x05input\x12\x0bPlaceholder*\0", "a protocol buffer"),
    "m.tflite": (b'{"error": "not found"}', "JSON"),
    "n.tflite": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML"),
    "o.so": (b"\x7fELF\x02\x01" + bytes(40), "a program or a library"),
    "p.tflite": (b"not found\n", "text that begins with 'not found'"),
    "q.tflite": (bytes(range(128, 256)), "of an unknown format"),
    "r.tflite": (b"abc", "text"),
    "s.tar": (b"m.tflite".ljust(257, b"\0") + b"ustar\0" + bytes(200), "a tar archive"),
    "t.tflite": (b"\x1c\0\0\0TFL2" + bytes(40), "schema version 2"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_other_formats_are_named(name: str, tmp_path: Path) -> None:
    content, what = CONTENTS[name]
    path = tmp_path / name
    path.write_bytes(content)
    assert what in (other_format(path) or "")


@pytest.mark.parametrize(
    ("name", "inside", "what"),
    [
        (
            "a.task",
            ["TF_LITE_PREFILL_DECODE", "METADATA"],
            "a MediaPipe bundle (.task): unzip it, its models are TF_LITE_PREFILL_DECODE",
        ),
        ("b.zip", ["x/mobilenet.tflite", "labels.txt"], "a ZIP archive: unzip it, its models are x/mobilenet.tflite"),
        ("c.pt", ["archive/data.pkl", "archive/data/0"], "a PyTorch file"),
        ("c.pt2", ["c/models/model.json", "c/data/sample_inputs/model.pt"], "an ExportedProgram of PyTorch (.pt2)"),
        ("d.keras", ["config.json", "model.weights.h5"], "a Keras model"),
        ("e.tflite", ["readme"], "a ZIP archive: unzip it first"),
    ],
)
def test_archives_tell_what_is_inside(name: str, inside: list[str], what: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        for entry in inside:
            archive.writestr(entry, "x")
    assert (other_format(tmp_path / name) or "").startswith(what)
    cut = tmp_path / "cut.zip"
    cut.write_bytes((tmp_path / name).read_bytes()[:40])
    assert other_format(cut) == "a ZIP archive, cut short or damaged"


def test_models_are_models_whatever_their_state(tmp_path: Path) -> None:
    assert other_format(shipped("cnn_fp32.tflite")) is None
    # What is damaged inside is the runtime's to say.
    assert other_format(truncated(tmp_path / "half.tflite")) is None
    assert other_format(garbage_with_identifier(tmp_path / "noise.tflite")) is None
    assert other_format(empty(tmp_path / "empty.tflite")) == "empty"


def test_of_several_files_those_that_are_no_models(tmp_path: Path) -> None:
    good, page, gone = (
        model_ref(shipped("cnn_fp32.tflite")),
        model_ref(text(tmp_path / "page.tflite")),
        model_ref(truncated(tmp_path / "gone.tflite")),
    )
    (tmp_path / "gone.tflite").unlink()
    (tmp_path / "copy.task").write_bytes((tmp_path / "page.tflite").read_bytes())
    copy = model_ref(tmp_path / "copy.task")
    found = no_models([good, page, gone, copy])
    assert list(found) == [page.path, copy.path], "each by its own name, also of the same bytes"
    for model in (page, copy):
        assert found[model.path].startswith(f"{model.path} is no TensorFlow Lite model: it is an HTML page")
