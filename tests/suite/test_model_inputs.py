"""What a suite says of a model's inputs against the file: names are looked up, never taken by their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.benchmark_model.command_line import model_flags
from harness.errors import SuiteError
from harness.records import ModelRef
from harness.suite.suite_file import load_suite
from tests.litert_host import models as make
from tests.model_files import garbage_with_identifier


def load(folder: Path, entry: str) -> ModelRef:
    file = folder / "s.yaml"
    file.write_text(f"suite: s\nmodels:\n  - path: m.tflite\n{entry}", encoding="utf-8")
    return load_suite(file).models[0]


def inputs(*names: str) -> str:
    rows = "".join(
        f"      - {{name: '{name}', shape: [4, 16], range: [{i}, {i + 5}]}}\n" for i, name in enumerate(names)
    )
    return f"    inputs:\n{rows}"


def test_each_input_gets_its_own_range_whatever_the_order(tmp_path: Path) -> None:
    make.two_inputs(tmp_path / "m.tflite")
    for names, ranges in ((("a", "b"), "a,0,5:b,1,6"), (("b", "a"), "a,1,6:b,0,5")):
        flags = model_flags(load(tmp_path, inputs(*names)))
        assert flags[0] == "--input_layer=a,b"
        assert flags[2] == f"--input_layer_value_range={ranges}"


def test_the_signatures_names_stand_for_its_tensors(tmp_path: Path) -> None:
    writer = make.ModelWriter()
    graph = writer.graph()
    left, right = (writer.tensor(graph, f"serving_{name}:0", (2,)) for name in ("left", "right"))
    out = writer.tensor(graph, "y", (2,))
    writer.op(graph, "ADD", [left, right], [out])
    graph.inputs, graph.outputs = [left, right], [out]
    writer.signature("sum", graph, {"right": right, "left": left}, {"y": out})
    writer.write(tmp_path / "m.tflite")
    both = "    inputs: [{name: right, shape: [2]}, {name: 'serving_left:0', shape: [2], range: [1, 2]}]\n"
    for signature in ("", "    signature: sum\n"):
        fed = load(tmp_path, signature + both)
        assert [(one.name, one.range) for one in fed.inputs] == [("serving_left:0", (1, 2)), ("serving_right:0", None)]


def test_a_signature_has_inputs_of_its_own(tmp_path: Path) -> None:
    make.two_signatures(tmp_path / "m.tflite")
    fed = load(tmp_path, "    signature: two\n    inputs: [{name: b, shape: [5]}, {name: a, shape: [5]}]\n")
    assert [one.name for one in fed.inputs] == ["two_a:0", "two_b:0"]


@pytest.mark.parametrize(
    ("entry", "line", "words"),
    [
        (inputs("a", "c"), 6, ["models[0].inputs[1].name", "no input 'c'", "'a', 'b'"]),
        (inputs("a,", "b"), 5, ["models[0].inputs[0].name", "no input 'a,'"]),
        (inputs("a"), 4, ["'b' not given", "all inputs or none"]),
        (inputs("a", "b", "d"), 7, ["no input 'd'"]),
        (
            "    inputs: [{name: a, shape: [4]}, {name: b, shape: [4, 16]}]\n",
            4,
            ["'a' has 2 dimensions", "not 1", "4x16"],
        ),
        ("    signature: nothing\n", 4, ["models[0].signature", "no signature 'nothing'", "it has none"]),
    ],
)
def test_what_the_model_does_not_have_is_refused_before_anything_runs(
    tmp_path: Path, entry: str, line: int, words: list[str]
) -> None:
    make.two_inputs(tmp_path / "m.tflite")
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, entry)
    assert caught.value.line == line
    for word in words:
        assert word in str(caught.value)


def test_a_signature_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    make.two_signatures(tmp_path / "m.tflite")
    with pytest.raises(SuiteError, match=r"no signature 'ad'.*'add', 'two'"):
        load(tmp_path, "    signature: ad\n")


def test_an_input_named_twice_over_is_refused(tmp_path: Path) -> None:
    make.two_signatures(tmp_path / "m.tflite")
    with pytest.raises(SuiteError, match="'two_a:0' is the input that is given as 'a'"):
        load(
            tmp_path,
            "    signature: two\n    inputs: [{name: a, shape: [5]}, {name: 'two_a:0', shape: [5], range: [1, 2]}]\n",
        )


def test_inputs_that_the_flags_cannot_tell_apart_get_no_ranges(tmp_path: Path) -> None:
    writer = make.ModelWriter()
    graph = writer.graph()
    one, two = (writer.tensor(graph, name, (2,)) for name in ("a:b", "a,b"))
    out = writer.tensor(graph, "y", (2,))
    writer.op(graph, "ADD", [one, two], [out])
    graph.inputs, graph.outputs = [one, two], [out]
    writer.signature("sum", graph, {"one": one, "two": two}, {"y": out})
    writer.write(tmp_path / "m.tflite")
    with pytest.raises(SuiteError, match="apart by name"):
        load(tmp_path, "    inputs: [{name: one, shape: [2], range: [1, 2]}, {name: two, shape: [2]}]\n")


def test_a_file_that_is_no_model_is_left_to_its_trials(tmp_path: Path) -> None:
    garbage_with_identifier(tmp_path / "m.tflite")
    assert [one.name for one in load(tmp_path, inputs("b", "a")).inputs] == ["b", "a"]
