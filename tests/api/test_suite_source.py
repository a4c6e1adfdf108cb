"""A suite from wherever it comes is the same suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.api.suite_source import SuiteSource, loaded_suite
from harness.errors import SuiteError, UsageError
from harness.records import Purpose
from harness.suite.suite_file import Suite, load_suite
from tests.model_files import copy_of_shipped

TEXT = """\
suite: "über\U0001f600: one"
models: [model.tflite, {path: other.tflite, name: "null"}]
delegates: [cpu, {name: gpu, precision: fp16}]
threads: [1, 4]
cpus: [big, "0-3", f0]
purposes: [latency, profile]
processes: {min: 5, max: 20, until: 2%}
baseline: {delegate: cpu}
order: {seed: 7}
"""
KEYS: dict[str, object] = {
    "suite": "über\U0001f600: one",
    "models": (Path("model.tflite"), {"path": "other.tflite", "name": "null"}),
    "delegates": ["cpu", {"name": "gpu", "precision": "fp16"}],
    "threads": [1, 4],
    "cpus": ["big", "0-3", "f0"],
    "purposes": [Purpose.LATENCY, Purpose.PROFILE],
    "processes": {"min": 5, "max": 20, "until": "2%"},
    "baseline": {"delegate": "cpu"},
    "order": {"seed": 7},
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("model.tflite", "other.tflite"):
        copy_of_shipped(tmp_path / name)
    Path("suite.yaml").write_text(TEXT, encoding="utf-8")


def test_a_file_a_dictionary_and_a_suite_are_the_same() -> None:
    of_file = load_suite(Path("suite.yaml"))
    sources: list[SuiteSource] = ["suite.yaml", Path("suite.yaml"), KEYS, of_file.suite, of_file]
    for source in sources:
        found = loaded_suite(source)
        assert (found.suite, found.models) == (of_file.suite, of_file.models)


def test_the_text_that_a_run_keeps_is_the_suite_again() -> None:
    kept = loaded_suite(KEYS)
    Path("again.yaml").write_text(kept.text, encoding="utf-8")
    assert load_suite(Path("again.yaml")).suite == kept.suite
    assert kept.path.parent.resolve() == Path.cwd(), "what is relative in it is relative to the working folder"


def test_a_shipped_suite_is_found_by_its_name() -> None:
    assert isinstance(loaded_suite("quickstart").suite, Suite)


def test_a_wrong_key_is_named_with_its_nearest_valid_word() -> None:
    with pytest.raises(SuiteError) as caught:
        loaded_suite({**KEYS, "thread": [1]})
    assert "thread" in caught.value.message
    assert "threads" in str(caught.value.remedy)


def test_what_is_no_suite_is_said() -> None:
    with pytest.raises(UsageError, match="no such suite file"):
        loaded_suite("nothing.yaml")
    with pytest.raises(SuiteError, match=r"no such model file: 'none.tflite'"):
        loaded_suite({"suite": "s", "models": ["none.tflite"]})
