"""`harness models inspect` as a script and a person call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import model_files
from tests.in_process import harness
from tests.litert_host import models

CONTRACT_KEYS = ["path", "sha256", "size_bytes", "inputs", "outputs", "signatures", "ops", "dynamic_shapes", "findings"]


def test_json_has_the_contract_s_keys(tmp_path: Path) -> None:
    flex = models.unknown_op(tmp_path / "flex.tflite", "FlexErf")
    done = harness("models", "inspect", model_files.shipped("cnn_fp32.tflite"), flex, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    first, second = document["models"]
    assert list(first)[:9] == CONTRACT_KEYS
    assert list(first["ops"][0]) == ["op", "version", "count", "custom", "select_tf"]
    assert list(first["findings"][0])[:6] == ["for", "severity", "op", "message", "remedy", "tried"]
    assert (second["ops"][0]["custom"], second["ops"][0]["select_tf"]) == (True, True)
    assert {one["tried"] for one in second["findings"]} == {True, False}


def test_files_that_are_no_models_do_not_stop_the_others(tmp_path: Path) -> None:
    bad = [
        model_files.empty(tmp_path / "empty.tflite"),
        model_files.truncated(tmp_path / "half.tflite"),
        model_files.text(tmp_path / "page.tflite"),
        tmp_path,
        tmp_path / "missing.tflite",
    ]
    good = models.add(tmp_path / "good.tflite")
    done = harness("models", "inspect", "--no-try", *bad, good, "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert [one["path"] for one in document["models"]] == [str(good)]
    assert [one["path"] for one in document["failed"]] == [str(path) for path in bad]
    lines = done.stderr.splitlines()
    assert len(lines) == len(bad)
    for line, path, words in zip(
        lines, bad, ("is empty", "is damaged", "is an HTML page", "is a folder", "No such file"), strict=True
    ):
        assert line.startswith(str(path))
        assert words in line
    none = harness("models", "inspect", *bad)
    assert (none.returncode, none.stdout) == (2, "")


def test_text_shows_what_the_file_holds_and_what_it_means(tmp_path: Path) -> None:
    done = harness("models", "inspect", models.partly_delegated(tmp_path / "m.tflite"))
    assert done.returncode == 0
    for words in (
        "x: float32 1x24x24x8",
        "2 CAST v1",
        "xnnpack: warning: RIGHT_SHIFT: 1 of 1",
        "tried here:",
        "expected (rules",
    ):
        assert words in done.stdout


@pytest.mark.parametrize("name", model_files.HOSTILE_NAMES)
def test_no_name_gets_through_to_the_terminal(tmp_path: Path, name: str) -> None:
    path = models.unknown_op(tmp_path / name, "Evil\x1b[2J\u202eop")
    done = harness("models", "inspect", "--no-try", "--", path)
    assert done.returncode == 0
    assert all(c.isprintable() for line in done.stdout.split("\n") for c in line)
    document = json.loads(harness("models", "inspect", "--no-try", "--json", "--", path).stdout)
    assert document["models"][0]["path"] == str(path)
