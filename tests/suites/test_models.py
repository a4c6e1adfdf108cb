"""The quickstart's models are what MODELS.json and their README say: right bytes, right operators, right answers, delegated as told."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from harness.files.shipped_data import data_dir
from harness.litert_host.abi import EventType
from harness.litert_host.library import Library
from harness.litert_host.session import CpuOptions, Session

FOLDER = data_dir("suites") / "models"
INDEX: dict[str, Any] = json.loads((FOLDER / "MODELS.json").read_text(encoding="utf-8"))
NAMES = sorted(INDEX["models"])

LEFT_TO_BUILT_IN_KERNELS = {
    "cnn_fp32.tflite": [],
    "cnn_int8.tflite": [(11, "SOFTMAX")],
    "mixed_fp32.tflite": [(3, "CUMSUM"), (6, "ARG_MAX"), (7, "RESHAPE"), (8, "CAST"), (14, "TOPK_V2")],
    "mobilenet_fp32.tflite": [],
    "mobilenet_int8.tflite": [],
}
"""Nodes that XNNPACK of LiteRT 2.3 does not take: (index, operator)."""

INT8_TOLERANCE = 0.05
"""Norm of (int8 output - fp32 output) by the norm of the fp32 output. Measured when the models were made: 0.030 and 0.026."""


@cache
def parsed(name: str) -> Any:
    return schema.ModelT.InitFromPackedBuf((FOLDER / name).read_bytes(), 0)


def seeded_images(shape: tuple[int, ...], count: int = 4) -> NDArray[np.float32]:
    """Ramps with noise, within the -1 to 1 that the models were calibrated for; first axis is the image."""
    random = np.random.default_rng(99)
    ramp = np.linspace(-0.5, 0.5, shape[1], dtype=np.float32)[None, :, None, None]
    slopes = random.uniform(-1, 1, (count, 1, 1, shape[3]))
    noisy: NDArray[np.float32] = (slopes * ramp + random.uniform(-0.5, 0.5, (count, *shape[1:]))).astype(np.float32)
    return noisy


def outputs(name: str, *, xnnpack: bool = True) -> NDArray[np.float32]:
    """What the model makes of the seeded images, in real numbers: the first float output, or the dequantised int8 one."""
    kernels = OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(FOLDER / name), num_threads=1, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    result = next(o for o in interpreter.get_output_details() if o["dtype"] in (np.float32, np.int8))
    rows = []
    for image in seeded_images(tuple(entry["shape"])):
        value = image[None]
        if entry["dtype"] == np.int8:
            scale, zero = entry["quantization"]
            value = np.clip(np.round(value / scale) + zero, -128, 127).astype(np.int8)
        interpreter.set_tensor(entry["index"], value)
        interpreter.invoke()
        row = interpreter.get_tensor(result["index"])[0]
        if result["dtype"] == np.int8:
            scale, zero = result["quantization"]
            row = (row.astype(np.float32) - zero) * scale
        rows.append(row.astype(np.float32))
    return np.stack(rows)


def profile_once(name: str) -> tuple[list[tuple[int, str]], int]:
    """Built-in nodes that ran in one inference with XNNPACK, as (index, operator), and the number of XNNPACK operators."""
    session = Session(Library())
    session.load(str(FOLDER / name))
    session.compile(CpuOptions(xnnpack=True, threads=1, profile=True))
    session.allocate(0)
    session.create_buffers({})
    session.prepare_run()
    session.start_profiler()
    status, _ = session.run()
    assert status == 0
    (events,) = session.stop_profiler([session.event_count()])
    built_in = [(event.node, event.tag) for event in events if event.kind == EventType.OPERATOR_INVOKE]
    return built_in, sum(event.kind == EventType.DELEGATE_OPERATOR_INVOKE for event in events)


def test_index_lists_the_files_and_no_others() -> None:
    assert {path.name for path in FOLDER.glob("*.tflite")} == set(NAMES)
    assert INDEX["format"] == 1
    assert set(INDEX["made_by"]) == {"script", "seed", "tensorflow", "keras", "numpy"}


def test_all_models_together_stay_small() -> None:
    assert sum((FOLDER / name).stat().st_size for name in NAMES) <= 4_000_000


@pytest.mark.parametrize("name", NAMES)
def test_bytes_are_those_of_the_index(name: str) -> None:
    content, entry = (FOLDER / name).read_bytes(), INDEX["models"][name]
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry["sha256"], entry["size_bytes"])


@pytest.mark.parametrize("name", NAMES)
def test_operators_are_those_of_the_index(name: str) -> None:
    (graph,), entry = parsed(name).subgraphs, INDEX["models"][name]
    words = {number: word for word, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    codes = [parsed(name).operatorCodes[operator.opcodeIndex] for operator in graph.operators]
    assert Counter(words[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in codes) == entry["ops"]
    assert len(graph.operators) == entry["nodes"]


@pytest.mark.parametrize("name", NAMES)
def test_shapes_are_static_and_batch_is_one(name: str) -> None:
    (graph,) = parsed(name).subgraphs
    dynamic = [t.name for t in graph.tensors if t.shapeSignature is not None and min(t.shapeSignature, default=0) < 0]
    assert not dynamic
    for index in (*graph.inputs, *graph.outputs):
        assert graph.tensors[index].shape[0] == 1


@pytest.mark.parametrize("name", NAMES)
def test_runs_and_depends_on_its_input(name: str) -> None:
    rows = outputs(name)
    assert np.isfinite(rows).all()
    assert all((one != other).any() for one, other in pairwise(rows))


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith("_fp32.tflite")])
def test_both_kinds_of_kernels_agree(name: str) -> None:
    np.testing.assert_allclose(outputs(name), outputs(name, xnnpack=False), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith("_int8.tflite")])
def test_int8_models_take_and_give_int8(name: str) -> None:
    interpreter = Interpreter(str(FOLDER / name))
    details = [*interpreter.get_input_details(), *interpreter.get_output_details()]
    assert [d["dtype"] for d in details] == [np.int8, np.int8]
    assert all(d["quantization"][0] > 0 for d in details)


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith("_int8.tflite")])
def test_int8_answers_as_fp32_does(name: str) -> None:
    exact, quantised = outputs(name.replace("int8", "fp32")), outputs(name)
    assert np.linalg.norm(quantised - exact) <= INT8_TOLERANCE * np.linalg.norm(exact)


@pytest.mark.parametrize("name", NAMES)
def test_xnnpack_takes_what_the_readme_says(name: str) -> None:
    built_in, delegated = profile_once(name)
    assert built_in == LEFT_TO_BUILT_IN_KERNELS[name]
    assert delegated > 0


def test_mixed_is_delegated_in_three_partitions() -> None:
    """Nodes run in the order of their indices here, so that a partition is a stretch between nodes that stayed behind."""
    left = {index for index, _ in profile_once("mixed_fp32.tflite")[0]}
    taken = [index for index in range(INDEX["models"]["mixed_fp32.tflite"]["nodes"]) if index not in left]
    assert 1 + sum(later != earlier + 1 for earlier, later in pairwise(taken)) == 3
    interpreter = Interpreter(str(FOLDER / "mixed_fp32.tflite"))
    interpreter.allocate_tensors()
    assert sum(op["op_name"] == "DELEGATE" for op in interpreter._get_ops_details()) == 3


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = FOLDER / "make_models.py"
    return subprocess.run(
        [sys.executable, "-B", str(script), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_script_explains_itself_without_tensorflow() -> None:
    done = run_script("--help")
    assert done.returncode == 0
    assert "Example:" in done.stdout


def test_script_names_what_it_lacks(tmp_path: Path) -> None:
    if importlib.util.find_spec("tensorflow") is not None:
        pytest.skip("TensorFlow is installed here: nothing is lacking")
    done = run_script("--out", str(tmp_path / "models"))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert "TensorFlow is missing" in done.stderr
    assert not (tmp_path / "models").exists()
