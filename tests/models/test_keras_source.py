"""What a .keras file says before Keras loads it: no TensorFlow is needed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ModelFailed, UsageError
from harness.models.keras_source import read_keras_file


def layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name, **config}, "registered_name": kind}


def saved(path: Path, *layers: dict[str, Any], version: str = "3.15.1") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(layer("Functional", "model", layers=list(layers))))
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
    return path


def test_the_version_chooses_the_keras(tmp_path: Path) -> None:
    for version, legacy in (("3.15.1", False), ("2.21.0", True)):
        assert read_keras_file(saved(tmp_path / "m", version=version), "keras", "m").legacy is legacy


def test_layers_are_named_by_class_nested_ones_too(tmp_path: Path) -> None:
    inner = layer("LSTM", "memory")
    file = read_keras_file(saved(tmp_path / "m", layer("Bidirectional", "both", layer=inner)), "keras", "m")
    assert ("LSTM", "memory") in file.layers
    assert file.named("LSTM") == "the layer 'memory' (LSTM)"
    assert file.named("Absent") == "the class Absent"
    assert not file.optimised
    pruned = layer("PruneLowMagnitude", "prune_dense", layer=layer("Dense", "dense"))
    assert read_keras_file(saved(tmp_path / "p", pruned), "keras", "p").optimised


@pytest.mark.parametrize(
    "function",
    [
        {"function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}},
        {"function": ["4wEAAAA=", None, None], "function_type": "lambda"},
    ],
)
def test_code_in_a_file_is_never_loaded(function: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match=r"the layer 'twice' \(Lambda\) holds Python code") as caught:
        read_keras_file(saved(tmp_path / "m", layer("Lambda", "twice", **function)), "keras", "m")
    assert "model.export" in str(caught.value.remedy)


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m", "w") as archive:
        archive.writestr("config.json", "{")
    with pytest.raises(UsageError, match="m is damaged"):
        read_keras_file(tmp_path / "m", "keras", "m")
