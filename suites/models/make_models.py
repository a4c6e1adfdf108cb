"""Makes the quickstart's models, and MODELS.json, which says what they are. Needs TensorFlow: `pip install '.[models]'`.

The networks are small ones of well-known shapes. Their weights are random numbers from a fixed seed: what they compute means nothing,
how long it takes means what it would with trained weights. Batch normalisation is calibrated on seeded images, so that activations keep
a natural spread through all layers, as in a trained network: otherwise 8-bit quantisation would have nothing to represent.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import importlib.util
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

INPUT_RANGE = (-1.0, 1.0)
"""Values of the images that batch normalisation and quantisation are calibrated on: uniform noise over smooth gradients."""

CALIBRATION_IMAGES = 32

# Inverted residuals of the MobileNet-style network: (expansion, channels, repeats, stride of the first). The beginning of MobileNetV2's own
# table, narrower towards the end: the late stages hold most of the weights and little of the time. One inference should stay well above
# the 0.2 ms that LiteRT's profiler itself takes in each (it reads /proc/self/status six times), also on two threads.
INVERTED_RESIDUALS = ((1, 16, 1, 1), (6, 24, 3, 2), (6, 32, 3, 2), (6, 48, 4, 2), (6, 72, 3, 1))


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network and the files made of it. `build` takes (keras, input) and returns the outputs; `size` is (height, width, channels)."""

    name: str
    description: str
    size: tuple[int, int, int]
    build: Callable[[Any, Any], Any]
    int8: bool


def build_cnn(keras: Any, x: Any) -> Any:
    """Convolutions, pooling, two dense layers, softmax: what a first tutorial builds."""
    layers = keras.layers
    for filters in (16, 32, 48, 64):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.0)(x))
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu")(x)
    return layers.Softmax()(layers.Dense(10)(x))


def build_mobilenet(keras: Any, x: Any) -> Any:
    """Inverted residuals with linear bottlenecks (Sandler et al., 2018, arXiv:1801.04381), ending in logits.

    Without a softmax on purpose: XNNPACK has none for int8, and this network is the one that a delegate takes whole.
    """
    x = _convolution(keras, x, 32, kernel=3, stride=2)
    for expansion, channels, repeats, first_stride in INVERTED_RESIDUALS:
        for repeat in range(repeats):
            x = _inverted_residual(keras, x, expansion, channels, first_stride if repeat == 0 else 1)
    x = _convolution(keras, x, 320, kernel=1)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.layers.Dense(100)(x)


def build_mixed(keras: Any, x: Any) -> Any:
    """Convolutions broken up by operators that XNNPACK lacks (CUMSUM, ARG_MAX, TOPK_V2), so that it takes the graph in several partitions.

    ARG_MAX and TOPK_V2 are also foreign to the GPU delegate.
    """
    ops = keras.ops
    x = _convolution(keras, x, 16, kernel=3, stride=2)
    x = _depthwise(keras, x, stride=1)
    x = _convolution(keras, x, 32, kernel=1)
    x = ops.cumsum(x, axis=-1) * (1.0 / 32.0)
    x = _convolution(keras, x, 48, kernel=1)
    x = _depthwise(keras, x, stride=2)
    # TensorFlow's own operator: keras.ops.argmax tells -0.0 from 0.0 with a dozen more, some unknown to TFLite.
    argmax = importlib.import_module("tensorflow").argmax
    strongest = keras.layers.Lambda(lambda t: argmax(t, axis=-1, output_type="int32"))(x)
    strongest = ops.cast(ops.expand_dims(strongest, axis=-1), "float32") * (1.0 / 48.0)
    x = keras.layers.Concatenate()([x, strongest])
    x = _convolution(keras, x, 64, kernel=3, stride=2)
    x = keras.layers.GlobalAveragePooling2D()(x)
    values, indices = ops.top_k(keras.layers.Dense(20)(x), k=5)
    return [values, indices]


RECIPES = (
    Recipe("cnn", "small CNN with pooling and softmax", (64, 64, 3), build_cnn, int8=True),
    Recipe("mobilenet", "MobileNetV2-style: inverted residuals, depthwise", (288, 288, 3), build_mobilenet, int8=True),
    Recipe("mixed", "convolutions around CUMSUM, ARG_MAX, TOPK_V2", (96, 96, 3), build_mixed, int8=False),
)


def _convolution(keras: Any, x: Any, filters: int, *, kernel: int, stride: int = 1, activate: bool = True) -> Any:
    x = keras.layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=0.0)(x)
    return keras.layers.ReLU(max_value=6.0)(x) if activate else x


def _depthwise(keras: Any, x: Any, *, stride: int) -> Any:
    x = keras.layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
    return keras.layers.ReLU(max_value=6.0)(keras.layers.BatchNormalization(momentum=0.0)(x))


def _inverted_residual(keras: Any, x: Any, expansion: int, channels: int, stride: int) -> Any:
    entry = x
    if expansion > 1:
        x = _convolution(keras, x, expansion * int(x.shape[-1]), kernel=1)
    x = _convolution(keras, _depthwise(keras, x, stride=stride), channels, kernel=1, activate=False)
    if stride == 1 and int(entry.shape[-1]) == channels:
        x = keras.layers.Add()([entry, x])
    return x


def images(size: tuple[int, int, int], count: int, seed: int) -> NDArray[np.float32]:
    """Seeded pictures of gradients and noise within INPUT_RANGE; shape (count, height, width, channels)."""
    random = np.random.default_rng(seed)
    height, width, channels = size
    down = np.linspace(0.0, 1.0, height)[None, :, None, None]
    across = np.linspace(0.0, 1.0, width)[None, None, :, None]
    waves, slopes = (
        random.uniform(0.5, 4.0, (2, count, 1, 1, channels)),
        random.uniform(-1.0, 1.0, (2, count, 1, 1, channels)),
    )
    picture = slopes[0] * np.sin(2 * np.pi * waves[0] * down) + slopes[1] * np.cos(2 * np.pi * waves[1] * across)
    picture = picture * 0.5 + random.uniform(-0.5, 0.5, (count, height, width, channels))
    clipped: NDArray[np.float32] = np.clip(picture, *INPUT_RANGE).astype(np.float32)
    return clipped


def build_network(keras: Any, recipe: Recipe, seed: int) -> Any:
    """The Keras model with batch fixed at 1, seeded weights and calibrated batch normalisation."""
    keras.utils.set_random_seed(seed)
    body_input = keras.Input(shape=recipe.size)
    body = keras.Model(body_input, recipe.build(keras, body_input))
    # With momentum 0, one pass in training mode makes the statistics of this batch those of the layer.
    body(images(recipe.size, CALIBRATION_IMAGES, seed), training=True)
    random = np.random.default_rng(seed)
    for layer in body.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(random.uniform(0.8, 1.2, layer.gamma.shape).astype(np.float32))
            layer.beta.assign(random.normal(0.2, 0.2, layer.beta.shape).astype(np.float32))
    # A batch of None would leave SHAPE and STRIDED_SLICE in the graph, which phones' delegates refuse.
    fixed_input = keras.Input(batch_shape=(1, *recipe.size), name="image")
    return keras.Model(fixed_input, body(fixed_input))


def convert(tf: Any, network: Any, recipe: Recipe, seed: int, *, int8: bool) -> bytes:
    """The .tflite file: fp32, or int8 throughout (weights, activations, input, output)."""
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    if int8:

        def representative() -> Iterator[list[NDArray[np.float32]]]:
            for image in images(recipe.size, CALIBRATION_IMAGES, seed):
                yield [image[None]]

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
    with contextlib.redirect_stdout(sys.stderr):  # the converter lists every variable of the network
        return bytes(converter.convert())


def describe(content: bytes) -> dict[str, Any]:
    """What a reader and the tests want to know of a file: hash, size, inputs, outputs, and operators with their counts."""
    schema: Any = importlib.import_module("tensorflow.lite.python.schema_py_generated")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    op_names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    type_names = {v: k for k, v in vars(schema.TensorType).items() if isinstance(v, int)}
    (graph,) = model.subgraphs

    def tensor(index: int) -> dict[str, Any]:
        found = graph.tensors[index]
        return {
            "name": found.name.decode(),
            "shape": [int(n) for n in found.shape],
            "type": type_names[found.type].lower(),
        }

    codes = [model.operatorCodes[op.opcodeIndex] for op in graph.operators]
    # Operators numbered below 128 may be in the older field alone, newer ones always in the newer (schema.fbs, OperatorCode).
    counts = Counter(op_names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in codes)
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "inputs": [tensor(i) for i in graph.inputs],
        "outputs": [tensor(i) for i in graph.outputs],
        "nodes": len(graph.operators),
        "ops": dict(sorted(counts.items())),
    }


def make_all(out: Path, seed: int) -> None:
    """Writes every .tflite and MODELS.json into `out`, and says so on standard output."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault(
        "CUDA_VISIBLE_DEVICES", ""
    )  # convolutions on a GPU round otherwise: another hash on another machine
    tf: Any = importlib.import_module("tensorflow")
    keras: Any = importlib.import_module("keras")
    tf.config.experimental.enable_op_determinism()
    out.mkdir(parents=True, exist_ok=True)
    models: dict[str, Any] = {}
    for recipe in RECIPES:
        keras.utils.clear_session()  # layers are numbered anew, so that no file depends on the networks before it
        network = build_network(keras, recipe, seed)
        for kind in ("fp32", "int8") if recipe.int8 else ("fp32",):
            content = convert(tf, network, recipe, seed, int8=kind == "int8")
            path = out / f"{recipe.name}_{kind}.tflite"
            state = "new" if not path.exists() else "unchanged" if path.read_bytes() == content else "changed"
            path.write_bytes(content)
            models[path.name] = {
                "description": recipe.description,
                "kind": kind,
                "parameters": int(network.count_params()),
                **describe(content),
            }
            print(f"{path}: {len(content)} bytes, {models[path.name]['nodes']} nodes, {state}")
    index = {
        "format": 1,
        "made_by": {
            "script": "make_models.py",
            "seed": seed,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
        "weights": "seeded random numbers, batch normalisation calibrated on seeded images; not trained",
        "models": dict(sorted(models.items())),
    }
    (out / "MODELS.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    total = sum(int(m["size_bytes"]) for m in models.values())
    print(f"{out / 'MODELS.json'}: {len(models)} models, {total} bytes in all")


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 3 where TensorFlow is missing."""
    parser = argparse.ArgumentParser(
        description="Make the quickstart's .tflite models and MODELS.json (needs TensorFlow).",
        epilog="Example: python suites/models/make_models.py --out /tmp/models",
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).resolve().parent, help="folder to write to (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=20, help="seed of weights and calibration images (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("tensorflow") is None:
        print(
            "TensorFlow is missing: pip install '.[models]', best in an environment of its own (2 GB)", file=sys.stderr
        )
        return 3
    make_all(options.out, options.seed)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
