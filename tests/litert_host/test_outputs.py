"""The outputs must be those of the wheel's own Interpreter, for the same inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tests.litert_host.conftest import SHORT, Tool
from tests.litert_host.models import crossed_orders

ROOT = Path(__file__).parents[2]
SUITE_MODELS = sorted((ROOT / "suites" / "models").glob("*.tflite"))
OWN = ["add", "two_inputs", "convolutions", "quantized", "partly_delegated", "dynamic_batch"]


def _random(detail: dict[str, Any], rng: np.random.Generator) -> npt.NDArray[Any]:
    shape, dtype = tuple(detail["shape"]), np.dtype(detail["dtype"])
    if dtype.kind == "f":
        return rng.uniform(-1, 1, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(max(limits.min, -1000), min(limits.max, 1000), shape, endpoint=True).astype(dtype)


def _reference(model: Path, xnnpack: bool, inputs: dict[str, npt.NDArray[Any]]) -> bytes:
    resolver = OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(model), num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], inputs[detail["name"]])
    interpreter.invoke()
    return b"".join(interpreter.get_tensor(detail["index"]).tobytes() for detail in interpreter.get_output_details())


@pytest.mark.parametrize("xnnpack", [True, False], ids=["xnnpack", "builtin"])
@pytest.mark.parametrize("name", [*OWN, *(path.stem for path in SUITE_MODELS)])
def test_outputs_equal_those_of_the_interpreter(
    name: str, xnnpack: bool, tool: Tool, model_dir: Path, tmp_path: Path
) -> None:
    model = model_dir / f"{name}.tflite" if name in OWN else ROOT / "suites" / "models" / f"{name}.tflite"
    details = Interpreter(str(model)).get_input_details()
    rng = np.random.default_rng(7)
    inputs = {detail["name"]: _random(detail, rng) for detail in details}
    files = []
    for index, (layer, values) in enumerate(inputs.items()):
        (tmp_path / f"input_{index}.bin").write_bytes(values.tobytes())
        files.append(f"{layer.replace(':', '::')}:input_{index}.bin")
    done = tool(
        f"--graph={model}",
        f"--input_layer={','.join(inputs)}",
        f"--input_layer_shape={':'.join(','.join(map(str, values.shape)) for values in inputs.values())}",
        f"--input_layer_value_files={','.join(files)}",
        "--num_threads=1",
        f"--use_xnnpack={str(xnnpack).lower()}",
        "--output_filepath=outputs.bin",
        *SHORT,
    )
    assert done.exit_code == 0, done.stderr
    outputs = (tmp_path / "outputs.bin").read_bytes()
    assert outputs == _reference(model, xnnpack, inputs)
    assert np.frombuffer(outputs, np.uint8).any()


def test_outputs_of_another_batch_size(tool: Tool, model_dir: Path, tmp_path: Path) -> None:
    values = np.random.default_rng(8).uniform(-1, 1, (32, 16)).astype(np.float32)
    (tmp_path / "x.bin").write_bytes(values.tobytes())
    model = model_dir / "dynamic_batch.tflite"
    done = tool(
        f"--graph={model}",
        "--input_layer=x",
        "--input_layer_shape=32,16",
        "--input_layer_value_files=x:x.bin",
        "--output_filepath=y.bin",
        *SHORT,
    )
    assert done.exit_code == 0, done.stderr
    weights = np.linspace(-1, 1, 64, dtype=np.float32).reshape(4, 16)
    outputs = np.frombuffer((tmp_path / "y.bin").read_bytes(), np.float32).reshape(32, 4)
    np.testing.assert_allclose(outputs, values @ weights.T, rtol=1e-4, atol=1e-5)


def test_outputs_of_the_second_signature(tool: Tool, model_dir: Path, tmp_path: Path) -> None:
    a, b = np.arange(5, dtype=np.float32), np.full(5, 3, np.float32)
    (tmp_path / "a.bin").write_bytes(a.tobytes())
    (tmp_path / "b.bin").write_bytes(b.tobytes())
    done = tool(
        f"--graph={model_dir / 'two_signatures.tflite'}",
        "--signature_to_run_for=two",
        "--input_layer=two_a:0,two_b:0",
        "--input_layer_shape=5:5",
        "--input_layer_value_files=two_a::0:a.bin,two_b::0:b.bin",
        "--output_filepath=c.bin",
        *SHORT,
    )
    assert done.exit_code == 0, done.stderr
    np.testing.assert_array_equal(np.frombuffer((tmp_path / "c.bin").read_bytes(), np.float32), a * b)


def test_a_signature_that_names_them_in_another_order_changes_neither_inputs_nor_outputs(
    tool: Tool, tmp_path: Path
) -> None:
    # The real tool goes by the subgraph; so does the Interpreter without a signature.
    model = crossed_orders(tmp_path / "crossed.tflite")
    inputs = {"first:0": np.array([[1, 2, 3]], np.float32), "second:0": np.array([[10, 20, 30]], np.float32)}
    for name, values in inputs.items():
        (tmp_path / f"{name[:-2]}.bin").write_bytes(values.tobytes())
    done = tool(
        f"--graph={model}",
        "--input_layer=first:0,second:0",
        "--input_layer_shape=1,3:1,3",
        "--input_layer_value_files=first::0:first.bin,second::0:second.bin",
        "--output_filepath=o.bin",
        *SHORT,
    )
    assert done.exit_code == 0, done.stderr
    outputs = (tmp_path / "o.bin").read_bytes()
    assert np.frombuffer(outputs, np.float32).tolist() == [-9, -18, -27, 11, 22, 33]
    assert outputs == _reference(model, False, inputs)
