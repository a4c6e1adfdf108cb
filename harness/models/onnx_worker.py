"""The worker that makes a SavedModel of an ONNX model with onnx2tf, and records ONNX Runtime's outputs for a few samples.

`python -m harness.models.onnx_worker FOLDER`; `source_stage` starts it.

onnx2tf puts channels last, in outputs too, and ends a program with `sys.exit`. The SavedModel keeps the source's shapes and names.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ModelFailed, UsageError
from harness.models.arrays_file import read_arrays
from harness.models.check_samples import kept_samples, stacked, write_samples
from harness.models.open_dimensions import OpenShape, fixed_shape, unknown_names
from harness.models.tensor_facts import TensorFacts
from harness.models.worker_side import answer_request

_SIGNATURE = "serving_default"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ADVICE = re.compile(r"input_onnx_file_path:|onnx_op_name:|Read this|Alternatively|If the input|Also|The trace log")
"""Beginnings of lines that onnx2tf prints after every error."""


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Convert an ONNX model to a SavedModel. Keys of the answer: see `source_stage.SourceFacts`."""
    import onnx

    folder, name = Path(request["folder"]), request["name"]
    if request["signature"] not in (None, _SIGNATURE):
        raise UsageError(f"{name} has no signature {request['signature']!r}: an ONNX model has one graph")
    model = _loaded(request["source"], name)
    renamed = _rename(model)
    arrays = read_arrays(Path(request["calibration"])) if request["calibration"] else {}
    arrays = {renamed.get(key, key): values for key, values in arrays.items()}
    asked = {renamed.get(key, key): tuple(shape) for key, shape in request["inputs"].items()}
    inputs = _fix_shapes(model, request["batch"], asked, {key: one.shape[1:] for key, one in arrays.items()})
    samples = kept_samples(arrays, {_SIGNATURE: inputs}, request["calibration_name"], folder)[_SIGNATURE]
    plain = folder / "fixed.onnx"
    onnx.save(model, str(plain))
    count = len(next(iter(samples.values())))
    fed = [{one.name: samples[one.name][number] for one in inputs} for number in range(count)]
    answers = _answers(plain, fed)
    _by_onnx2tf(plain, folder / "made", inputs)
    _as_the_source(folder / "made", folder / "saved_model", inputs, fed[0], answers[0])
    write_samples(folder / "reference.npz", {_SIGNATURE: stacked(answers)})
    return {
        "saved_model": str(folder / "saved_model"),
        "signatures": {_SIGNATURE: [one.as_json() for one in inputs]},
        "fake_quantised": False,
        "loops": bool({node.op_type for node in model.graph.node} & {"Loop", "Scan", "LSTM", "GRU", "RNN"}),
        "recurrent": [node.name for node in model.graph.node if node.op_type in ("LSTM", "GRU", "RNN") and node.name],
    }


def _loaded(source: str, name: str) -> Any:
    import onnx

    try:
        model = onnx.load(source, load_external_data=False)
    except Exception as error:  # of protobuf
        raise _failed(f"{name} is no whole ONNX model", error) from None
    if not model.graph.node:
        raise ModelFailed(f"{name} is no whole ONNX model: it has no op")
    apart = [one for one in model.graph.initializer if one.data_location == onnx.TensorProto.EXTERNAL]
    if apart:  # the cache is keyed by the hash of the source, and would not notice that they change
        file = next((entry.value for entry in apart[0].external_data if entry.key == "location"), "another file")
        raise ModelFailed(
            f"{name} has its weights in {file!r}", remedy="save it as one file: onnx.save(onnx.load(OLD), NEW)"
        )
    return model


def _rename(model: Any) -> dict[str, str]:
    """Give inputs and outputs names that TensorFlow accepts; return the new names by the old ones."""
    graph = model.graph
    weights = {one.name for one in graph.initializer}
    kept = [one for one in graph.input if one.name not in weights]
    del graph.input[:]  # old files list weights as inputs
    graph.input.extend(kept)
    taken: set[str] = set()
    renamed: dict[str, str] = {}
    for one in [*graph.input, *graph.output]:
        clean = re.sub(r"[^A-Za-z0-9_]", "_", one.name)
        clean = clean if clean[:1].isalpha() else f"t{clean}"
        while clean in taken:
            clean += "_"
        taken.add(clean)
        renamed[one.name] = one.name if one.name == clean else clean
    _rename_in(graph, {old: new for old, new in renamed.items() if old != new})
    return renamed


def _rename_in(graph: Any, names: Mapping[str, str]) -> None:
    for one in [*graph.input, *graph.output, *graph.value_info]:
        one.name = names.get(one.name, one.name)
    for node in graph.node:
        for places in (node.input, node.output):
            places[:] = [names.get(one, one) for one in places]
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                _rename_in(inner, names)


def _fix_shapes(
    model: Any, batch: int, asked: Mapping[str, tuple[int, ...]], seen: Mapping[str, tuple[int, ...]]
) -> list[TensorFacts]:
    import onnx

    unknown_names(asked, [one.name for one in model.graph.input])
    found = []
    for one in model.graph.input:
        if not one.type.HasField("tensor_type"):
            raise ModelFailed(f"the input {one.name!r} is no tensor", remedy="export a model that takes tensors alone")
        kind = one.type.tensor_type
        sizes: OpenShape = (
            [size.dim_value if size.HasField("dim_value") else None for size in kind.shape.dim]
            if kind.HasField("shape")
            else None
        )
        shape = fixed_shape(one.name, sizes, batch=batch, asked=asked, calibrated=seen)
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
        if dtype == "object":
            raise ModelFailed(f"the input {one.name!r} takes text, which onnx2tf does not convert")
        found.append(TensorFacts(name=one.name, tensor=one.name, dtype=dtype, shape=shape))
        one.CopyFrom(onnx.helper.make_tensor_value_info(one.name, kind.elem_type, shape))
    if not found:
        raise ModelFailed("it takes no input")
    del model.graph.value_info[:]  # of the open shapes
    for one in model.graph.output:
        one.type.tensor_type.ClearField("shape")
    with contextlib.suppress(Exception):  # it helps onnx2tf; if something is wrong, ONNX Runtime reports it
        model.CopyFrom(onnx.shape_inference.infer_shapes(model))
    return found


def _answers(plain: Path, fed: Sequence[Mapping[str, NDArray[Any]]]) -> list[dict[str, NDArray[Any]]]:
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(plain), providers=["CPUExecutionProvider"])
        names = [one.name for one in session.get_outputs()]
        return [dict(zip(names, session.run(names, dict(one)), strict=True)) for one in fed]
    except Exception as error:
        raise _failed("ONNX Runtime cannot run it", error) from None


def _by_onnx2tf(plain: Path, out: Path, inputs: Sequence[TensorFacts]) -> None:
    said = io.StringIO()
    try:
        program: Any = importlib.import_module("onnx2tf.onnx2tf")
        # For models that take images it would download test photographs, and crash if it cannot.
        program.download_test_image_data = lambda: np.full((20, 128, 128, 3), 0.5, np.float32)
        with contextlib.redirect_stdout(said):
            program.convert(
                input_onnx_file_path=str(plain),
                output_folder_path=str(out),
                keep_shape_absolutely_input_names=[one.name for one in inputs],
                non_verbose=False,
            )
    except Exception as error:
        raise _failed(f"onnx2tf cannot convert {_op(said.getvalue())}", error) from None
    except SystemExit:
        why = next((f": {one}" for one in _errors(said.getvalue()) if not _ADVICE.match(one)), "")
        raise ModelFailed(f"onnx2tf cannot convert {_op(said.getvalue())}{why[:240]}") from None
    finally:
        sys.stdout.write(said.getvalue())  # into the log


def _errors(said: str) -> list[str]:
    lines = (_COLOUR.sub("", line) for line in said.splitlines())
    return [" ".join(line.removeprefix("ERROR:").split()) for line in lines if line.startswith("ERROR:")]


def _op(said: str) -> str:
    """Return the op that onnx2tf names, without the prefix of its own made-up names."""
    named = [one.removeprefix("onnx_op_name:").strip() for one in _errors(said) if one.startswith("onnx_op_name:")]
    return repr(named[-1].removeprefix("sng_")) if named else "it"


def _as_the_source(
    made: Path,
    out: Path,
    inputs: Sequence[TensorFacts],
    sample: Mapping[str, NDArray[Any]],
    answers: Mapping[str, NDArray[Any]],
) -> None:
    """Save onnx2tf's model with the names, types and layouts of the source."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(made))
    call = loaded.signatures[_SIGNATURE]
    takes = call.structured_input_signature[1]
    missing = [one.name for one in inputs if one.name not in takes]
    if missing:
        raise ModelFailed(f"onnx2tf has lost {', '.join(map(repr, missing[:3]))}")

    def fed(tensors: Mapping[str, Any], turned: frozenset[str]) -> dict[str, Any]:
        """Return the outputs of onnx2tf's model; `turned` are the inputs that it takes with channels last."""
        given = {key: tf.cast(tensors[key], takes[key].dtype) for key in takes}
        return dict(
            call(
                **{
                    key: tf.transpose(one, _last(len(one.shape))) if key in turned else one
                    for key, one in given.items()
                }
            )
        )

    tried = []
    for turned in _turned(sample, {key: tuple(one.shape) for key, one in takes.items()}):
        found = fed(sample, turned)
        orders, errors = {}, 0.0
        for key, expected in answers.items():
            # If outputs differ only by a transposition, onnx2tf keeps one of their names.
            names = [key] if key in found else list(found)
            fits = [(name, *_order(found[name].numpy(), expected)) for name in names]
            name, order, error = min(fits, key=lambda one: one[2])
            orders[key] = (name, order)
            errors += error
        tried.append((errors, turned, orders))
    if not tried:
        raise ModelFailed("onnx2tf has changed the shapes of its inputs")
    _least, turned, orders = min(tried, key=lambda one: one[0])

    def serve(**tensors: Any) -> dict[str, Any]:
        found = fed(tensors, turned)
        return {
            key: tf.identity(found[name] if order is None else tf.transpose(found[name], order), name=key)
            for key, (name, order) in orders.items()
        }

    specs = {one.name: tf.TensorSpec(one.shape, tf.as_dtype(one.dtype), name=one.name) for one in inputs}
    module = tf.Module()
    module.source = loaded  # its variables belong to what is saved
    tf.saved_model.save(module, str(out), signatures={_SIGNATURE: tf.function(serve).get_concrete_function(**specs)})


def _turned(sample: Mapping[str, NDArray[Any]], takes: Mapping[str, tuple[int, ...]]) -> list[frozenset[str]]:
    """Return the possible sets of inputs with channels last. Inputs whose shape fits both layouts are all in the set, or none of them."""
    plain = {key for key, shape in takes.items() if sample[key].shape == shape}
    turned = {
        key
        for key, shape in takes.items()
        if len(shape) > 2 and sample[key].transpose(_last(len(shape))).shape == shape
    }
    if plain | turned != set(takes):
        return []
    return list(dict.fromkeys((frozenset(turned - plain), frozenset(turned))))


def _order(actual: NDArray[Any], expected: NDArray[Any]) -> tuple[tuple[int, ...] | None, float]:
    """Return the transposition that undoes channels last in an output (None if it needs none), and the remaining error."""
    choices: list[tuple[float, tuple[int, ...] | None]] = []
    for order in (None, (0, actual.ndim - 1, *range(1, actual.ndim - 1)) if actual.ndim > 2 else None):
        lies = actual if order is None else actual.transpose(order)
        if lies.shape == expected.shape:
            off = np.nansum(np.abs(lies.astype(np.float64) - expected.astype(np.float64)))
            choices.append((float(off / (np.nansum(np.abs(expected.astype(np.float64))) or 1.0)), order))
    if not choices:
        return None, float("inf")  # the check of the variant reports its shape
    least, order = min(choices, key=lambda one: one[0])
    return order, least


def _last(rank: int) -> tuple[int, ...]:
    return (0, *range(2, rank), 1)


def _failed(what: str, error: Exception) -> ModelFailed:
    traceback.print_exc()
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    why = next((line for line in lines if line), type(error).__name__)
    return ModelFailed(f"{what}: {why[:240]}")


if __name__ == "__main__":
    answer_request(work)
