"""`harness models diff` as a script and a person call it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.in_process import harness
from tests.litert_host import models
from tests.model_files import shipped, truncated

KEYS = ["name", "max_abs", "max_rel", "snr_db", "cosine", "argmax", "nan"]
PAIR = (shipped("cnn_fp32.tflite"), shipped("cnn_int8.tflite"))


def test_json_has_the_contract_s_keys_and_the_seed_repeats_it() -> None:
    done = harness("models", "diff", *PAIR, "--inputs", "random:3", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    (output,) = document["outputs"]
    assert list(output)[:7] == KEYS
    assert (output["name"], output["samples"], output["nan"]) == ("output_0", 3, 0)
    inputs = document["inputs"]
    assert (inputs["source"], inputs["samples"]) == ("random", 3)
    again = harness("models", "diff", *PAIR, "--inputs", "random:3", "--seed", inputs["seed"], "--json")
    assert json.loads(again.stdout)["outputs"] == document["outputs"]


def test_the_same_file_twice_with_samples_of_one_s_own(tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", image=np.zeros((2, 64, 64, 3), np.float32))
    done = harness("models", "diff", PAIR[0], PAIR[0], "--inputs", tmp_path / "in.npz", "--json")
    (output,) = json.loads(done.stdout)["outputs"]
    assert [output[key] for key in KEYS] == ["output_0", 0.0, 0.0, None, pytest.approx(1.0), 1.0, 0]
    assert "both files are the same" in harness("models", "diff", PAIR[0], PAIR[0], "--inputs", "random:1").stdout


def test_layers_in_text_and_in_json() -> None:
    done = harness("models", "diff", *PAIR, "--inputs", "random:1", "--seed", "3", "--layers")
    assert "12 of 12 tensors have a match by name" in done.stdout
    assert "most is lost in " in done.stdout
    document = json.loads(harness("models", "diff", *PAIR, "--inputs", "random:1", "--layers", "--json").stdout)
    layers = document["layers"]
    assert (layers["matched"], layers["total"], layers["samples"]) == (12, 12, 1)
    assert {"op", "node", "loss_db", "snr_db"} <= set(layers["tensors"][0])


def test_limits_decide_the_exit_code() -> None:
    base = ("models", "diff", *PAIR, "--inputs", "random:1", "--seed", "3")
    broken = harness(*base, "--fail-above", "max_abs=1e-9", "--fail-below", "cosine=0.1")
    assert broken.returncode == 1
    assert "limit broken: output_0: max_abs" in broken.stdout
    assert harness(*base, "--fail-above", "max_abs=10", "--fail-below", "snr_db=0").returncode == 0
    assert (
        harness("models", "diff", PAIR[0], PAIR[0], "--inputs", "random:1", "--fail-below", "snr_db=99").returncode == 0
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fail-above", "snr_db=3"], "FIGURE is one of max_abs, max_rel, nan"),
        (["--fail-below", "cosine"], "not FIGURE=NUMBER"),
        (["--inputs", "random:0"], "not random:N"),
        (["--inputs", "none.npz", "--seed", "3"], "--seed goes with random inputs"),
        (["--signature", "nope"], "no signature 'nope'"),
    ],
)
def test_wrong_requests(options: list[str], words: str) -> None:
    done = harness("models", "diff", *PAIR, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_models_that_cannot_be_compared(tmp_path: Path) -> None:
    other = models.add(tmp_path / "add.tflite")
    done = harness("models", "diff", PAIR[0], other)
    assert (done.returncode, done.stdout) == (2, "")
    assert "different inputs" in done.stderr
    for bad, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "none.tflite", "No such file"),
        (truncated(tmp_path / "h"), "damaged"),
    ):
        done = harness("models", "diff", PAIR[0], bad)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
    flex = harness("models", "diff", PAIR[0], models.unknown_op(tmp_path / "f.tflite", "FlexErf"))
    assert flex.returncode == 1
    assert "FlexErf" in flex.stderr


def test_a_size_that_random_samples_can_only_guess(tmp_path: Path) -> None:
    """The convolution's kernel is larger than an input of open size 1."""
    writer = models.ModelWriter()
    graph = writer.graph()
    x = writer.tensor(graph, "x", (1, 1, 1, 1), signature=(1, -1, -1, 1))
    w = writer.tensor(graph, "w", (1, 3, 3, 1), data=np.ones((1, 3, 3, 1)))
    b, y = (
        writer.tensor(graph, "b", (1,), data=np.zeros(1)),
        writer.tensor(graph, "y", (1, 1, 1, 1), signature=(1, -1, -1, 1)),
    )
    options = schema.Conv2DOptionsT()
    options.strideW = options.strideH = 1
    options.padding = schema.Padding.VALID
    writer.op(graph, "CONV_2D", [x, w, b], [y], options)
    graph.inputs, graph.outputs = [x], [y]
    path = writer.write(tmp_path / "m.tflite")
    done = harness("models", "diff", path, path)
    assert done.returncode == 1
    assert "random samples take open sizes as 1" in done.stderr
    np.savez(tmp_path / "in.npz", x=np.ones((2, 1, 5, 5, 1), np.float32))
    assert harness("models", "diff", path, path, "--inputs", tmp_path / "in.npz").returncode == 0
