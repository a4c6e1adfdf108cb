"""`control:` of a suite: any keys of a cell, checked before anything runs, kept in the manifest."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from harness.errors import SuiteError
from harness.runs.run_store import load_run
from harness.suite.suite_file import Suite, load_suite
from tests.in_process import harness
from tests.model_files import shipped

SUITE = """suite: s
models: [{reference}, {model}]
delegates: [cpu, xnnpack]
processes: 1
run: {{min_runs: 2, min_s: 0, max_s: 2, warmup_runs: 1, warmup_s: 0, timeout_s: 30}}
control: {control}
"""


def write(folder: Path, control: str) -> Path:
    file = folder / "s.yaml"
    text = SUITE.format(reference=shipped("cnn_int8.tflite"), model=shipped("cnn_fp32.tflite"), control=control)
    file.write_text(text, encoding="utf-8")
    return file


def test_any_keys_of_a_cell_name_it(tmp_path: Path) -> None:
    loaded = load_suite(write(tmp_path, "{model: cnn_int8, delegate: cpu, threads: 1, cpus: all, device: R5CT1}"))
    assert loaded.suite.control == {
        "model": "cnn_int8",
        "delegate": "cpu",
        "threads": 1,
        "cpus": "all",
        "device": "R5CT1",
    }


@pytest.mark.parametrize(
    ("control", "key", "words"),
    [
        ("{model: cnn}", "control.model", "there is cnn_int8, cnn_fp32"),
        ("{delegate: gpu}", "control.delegate", "there is cpu, xnnpack"),
        ("{model: cnn_int8, threads: 2}", "control.threads", "there is 1"),
        ("{binary: old}", "control.binary", "the suite names no binary"),
    ],
)
def test_a_control_that_no_cell_is_is_named_with_its_line(tmp_path: Path, control: str, key: str, words: str) -> None:
    file = write(tmp_path, control)
    with pytest.raises(SuiteError, match="there would be no control") as caught:
        load_suite(file)
    assert str(caught.value).startswith(f"{file}:6: {key}: no cell has")
    assert words in str(caught.value)


@pytest.mark.parametrize("control", ["{}", "{modell: cnn_int8}", "cnn_int8"])
def test_what_is_no_control_is_refused(tmp_path: Path, control: str) -> None:
    with pytest.raises(SuiteError, match="control"):
        load_suite(write(tmp_path, control))


def test_the_schema_knows_it() -> None:
    schema = Suite.model_json_schema()
    good = {"suite": "s", "models": ["m.tflite"], "control": {"model": "m", "threads": 4}}
    jsonschema.validate(good, schema)
    for wrong in ({"modell": "m"}, {}, "m"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**good, "control": wrong}, schema)


def test_a_run_keeps_it_and_refuses_a_device_that_is_not_there(tmp_path: Path) -> None:
    suite = write(tmp_path, "{model: cnn_int8, delegate: cpu}")
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert load_run(tmp_path / "run").manifest.control == {"model": "cnn_int8", "delegate": "cpu"}
    suite = write(tmp_path, "{model: cnn_int8, device: elsewhere}")
    done = harness("run", suite, "--device", "virtual:1", "--dry-run")
    assert done.returncode == 2
    assert "control: no cell has device 'elsewhere': there would be no control" in done.stderr
