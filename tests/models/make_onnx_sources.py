"""Makes small ONNX models into a folder: `python make_onnx_sources.py FOLDER`. It runs in the Python that holds onnx2tf."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save(
    path: Path,
    nodes: list[Any],
    inputs: dict[str, tuple[int, list[Any]]],
    outputs: dict[str, list[Any]],
    **weights: Any,
) -> None:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def main() -> None:
    folder, random = Path(sys.argv[1]), np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return (random.normal(size=shape) / np.sqrt(shape[-1])).astype(np.float32)

    node = helper.make_node
    image = {"image": (TensorProto.FLOAT, ["N", 3, 32, 32])}
    save(
        folder / "classifier.onnx",
        [
            node("Conv", ["image", "kernel", "bias"], ["c"], pads=[1, 1, 1, 1]),
            node("Relu", ["c"], ["r"]),
            node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
            node("Flatten", ["p"], ["f"]),
            node("MatMul", ["f", "dense"], ["logits"]),
            node("Softmax", ["logits"], ["probs"], axis=1),
        ],
        image,
        {"probs": ["N", 10]},
        kernel=normal(8, 3, 3, 3),
        bias=normal(8),
        dense=normal(2048, 10) / np.float32(16),
    )
    # As many channels as rows and columns, so that only the values tell how an output lies; names that TensorFlow does not take.
    save(
        folder / "cube.onnx",
        [
            node("Conv", ["input.1", "kernel"], ["c"], pads=[1, 1, 1, 1]),
            node("Relu", ["c"], ["495"]),
            node("Gather", ["table", "ids"], ["g"]),
            node("ReduceMean", ["c"], ["m"], axes=[2, 3], keepdims=0),
            node("Add", ["g", "m"], ["out:0"]),
        ],
        {"input.1": (TensorProto.FLOAT, [1, 8, 8, 8]), "ids": (TensorProto.INT64, [1])},
        {"495": [1, 8, 8, 8], "out:0": [1, 8]},
        kernel=normal(8, 8, 3, 3),
        table=normal(5, 8),
    )
    save(
        folder / "channels_last.onnx",
        [
            node("Transpose", ["image"], ["t"], perm=[0, 3, 1, 2]),
            node("Conv", ["t", "kernel"], ["c"]),
            node("GlobalAveragePool", ["c"], ["a"]),
            node("Flatten", ["a"], ["y"]),
        ],
        {"image": (TensorProto.FLOAT, [1, 16, 16, 3])},
        {"y": [1, 4]},
        kernel=normal(4, 3, 3, 3),
    )
    # Two outputs that are one for onnx2tf, which puts channels last.
    save(
        folder / "both_layouts.onnx",
        [
            node("ConvTranspose", ["x", "kernel"], ["c"], strides=[2, 2], kernel_shape=[2, 2]),
            node("Concat", ["c", "c"], ["first"], axis=1),
            node("Transpose", ["first"], ["last"], perm=[0, 2, 3, 1]),
        ],
        {"x": (TensorProto.FLOAT, [1, 4, 6, 5])},
        {"last": [1, 12, 10, 6], "first": [1, 6, 12, 10]},
        kernel=normal(4, 3, 2, 2),
    )
    # onnx2tf wants the size of the kernel to be said; ONNX does not.
    save(
        folder / "refused.onnx",
        [node("ConvTranspose", ["x", "kernel"], ["y"], name="up")],
        {"x": (TensorProto.FLOAT, [1, 4, 6, 5])},
        {"y": [1, 3, 7, 6]},
        kernel=normal(4, 3, 2, 2),
    )
    save(
        folder / "open.onnx",
        [node("Relu", ["x"], ["y"])],
        {"x": (TensorProto.FLOAT, ["N", "length", 4])},
        {"y": ["N", "length", 4]},
    )
    save(
        folder / "no_converter.onnx",
        [node("Unique", ["x"], ["u"]), node("Relu", ["u"], ["y"])],
        {"x": (TensorProto.FLOAT, [8])},
        {"y": ["found"]},
    )
    onnx.save(
        onnx.load(str(folder / "classifier.onnx")),
        str(folder / "apart.onnx"),
        save_as_external_data=True,
        location="apart.data",
        size_threshold=0,
    )
    whole = (folder / "classifier.onnx").read_bytes()
    (folder / "cut.onnx").write_bytes(whole[: len(whole) // 2])


if __name__ == "__main__":
    main()
