"""The worker that loads a source, exports it once as a SavedModel with fixed shapes, and records its outputs for a few samples.

`python -m harness.models.source_worker FOLDER`; `source_stage` starts it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, ModelFailed, UsageError
from harness.models.arrays_file import Arrays, read_arrays
from harness.models.check_samples import kept_samples, stacked, write_samples
from harness.models.keras_source import LoadedKeras, load_keras, read_keras_file
from harness.models.open_dimensions import OpenShape, fixed_shape, unknown_names
from harness.models.tensor_facts import TensorFacts
from harness.models.worker_side import answer_request

_KERAS_SIGNATURE = "serving_default"


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Export a source. Keys of the answer: see `source_stage.SourceFacts`."""
    folder = Path(request["folder"])
    arrays = read_arrays(Path(request["calibration"])) if request["calibration"] else {}
    if request["kind"] == "saved_model":
        return _saved_model(request, folder, arrays)
    return _keras(request, folder, arrays)


def _keras(request: dict[str, Any], folder: Path, arrays: Arrays) -> dict[str, Any]:
    path, name = Path(request["source"]), request["name"]
    file = read_keras_file(path, request["kind"], name)
    legacy = file.legacy if request["legacy"] is None else request["legacy"]
    if legacy:
        if importlib.util.find_spec("tf_keras") is None:
            raise ModelFailed(f"{name} was saved by Keras 2, which needs tf-keras", remedy="pip install tf-keras")
        if os.environ.get("TF_USE_LEGACY_KERAS") != "1":  # too late in a process that has loaded TensorFlow
            return {"error": "it is of Keras 2", "remedy": None, "kind": "raised", "type": "", "other_keras": True}
    import tensorflow as tf

    if request["signature"] not in (None, _KERAS_SIGNATURE):
        raise UsageError(f"{name} has no signature {request['signature']!r}: a Keras model has one of its own")
    asked = {key: tuple(shape) for key, shape in request["inputs"].items()}
    seen = {key: values.shape[1:] for key, values in arrays.items()}
    try:
        loaded = load_keras(path, request["kind"], name, file, legacy=legacy, shapes={**seen, **asked})
    except HarnessError:
        raise
    except Exception as error:  # Keras raises anything; the other Keras may load it
        traceback.print_exc()
        return {
            "error": str(error),
            "remedy": None,
            "kind": "raised",
            "type": type(error).__name__,
            "other_keras": not legacy,
        }
    unknown_names(asked, [one for one, _shape, _dtype in loaded.inputs])
    inputs = [
        _facts(one, fixed_shape(one, shape, batch=request["batch"], asked=asked, calibrated=seen), dtype)
        for one, shape, dtype in loaded.inputs
    ]
    signatures = {_KERAS_SIGNATURE: inputs}
    samples = kept_samples(arrays, signatures, request["calibration_name"], folder)
    saved = _export(loaded, inputs, folder / "saved_model", tf)
    reference = {_KERAS_SIGNATURE: stacked(_predicted(loaded, samples[_KERAS_SIGNATURE], inputs, tf))}
    write_samples(folder / "reference.npz", reference)
    return {**_answer(signatures, saved, request), "recurrent": loaded.recurrent, "legacy": legacy}


def _export(loaded: LoadedKeras, inputs: Sequence[TensorFacts], place: Path, tf: Any) -> Path:
    model = loaded.float_model
    takes_training = getattr(model, "_call_has_training_arg", True)

    def serve(*flat: Any) -> dict[str, Any]:
        packed = loaded.pack(flat)
        made = model(packed, training=False) if takes_training else model(packed)
        return {name: tf.convert_to_tensor(value) for name, value in loaded.output_names(made)}

    keras = importlib.import_module("tf_keras" if loaded.legacy else "keras")
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        _KERAS_SIGNATURE,
        serve,
        input_signature=[tf.TensorSpec(one.shape, _tf_dtype(one.dtype, tf), name=one.name) for one in inputs],
    )
    archive.write_out(str(place))
    return place


def _predicted(
    loaded: LoadedKeras, samples: Mapping[str, NDArray[Any]], inputs: Sequence[TensorFacts], tf: Any
) -> list[dict[str, NDArray[Any]]]:
    """Return the outputs of the model as it was saved, by `predict` if that takes the inputs."""
    answers = []
    text = any(one.dtype == "object" for one in inputs)
    for number in range(len(next(iter(samples.values())))):
        flat = [samples[one.name][number] for one in inputs]
        if text or any(not one.shape for one in inputs):
            made = loaded.model(loaded.pack([tf.constant(one) for one in flat]), training=False)
        else:
            made = loaded.model.predict(loaded.pack(flat), batch_size=len(flat[0]), verbose=0)
        answers.append({name: np.asarray(value) for name, value in loaded.output_names(made)})
    return answers


def _saved_model(request: dict[str, Any], folder: Path, arrays: Arrays) -> dict[str, Any]:
    import tensorflow as tf

    if request["legacy"]:
        import tf_keras  # noqa: F401  # registers its classes, so that models with them load

    name = request["name"]
    loaded = tf.saved_model.load(request["source"])
    found = dict(loaded.signatures)
    if not found:
        raise UsageError(
            f"{name} has no signature", remedy="save it with one: tf.saved_model.save(model, DIR, signatures={...})"
        )
    if set(found) == {"serve", "serving_default"}:  # Keras writes its one function twice
        del found["serve"]
    wanted = request["signature"]
    if wanted is not None:
        if wanted not in found:
            raise UsageError(
                f"{name} has no signature {wanted!r}", remedy=f"it has {', '.join(map(repr, loaded.signatures))}"
            )
        found = {wanted: found[wanted]}
    asked = {key: tuple(shape) for key, shape in request["inputs"].items()}
    unknown_names(asked, sorted({one for call in found.values() for one in call.structured_input_signature[1]}))
    seen = {key: values.shape[1:] for key, values in arrays.items()}
    signatures: dict[str, list[TensorFacts]] = {}
    is_open = False
    for key, call in found.items():
        specs = call.structured_input_signature[1]
        shapes: dict[str, OpenShape] = {
            one: None if spec.shape.rank is None else tuple(spec.shape.as_list()) for one, spec in specs.items()
        }
        is_open = is_open or any(shape is None or None in shape for shape in shapes.values())
        signatures[key] = [
            _facts(
                one,
                fixed_shape(one, shapes[one], batch=request["batch"], asked=asked, calibrated=seen),
                spec.dtype.name,
            )
            for one, spec in specs.items()
        ]
    samples = kept_samples(arrays, signatures, request["calibration_name"], folder)
    reference = {key: stacked(_called(found[key], samples[key], signatures[key], tf)) for key in found}
    write_samples(folder / "reference.npz", reference)
    place = (
        _with_fixed_shapes(loaded, found, signatures, folder / "saved_model", tf)
        if is_open
        else Path(request["source"])
    )
    return {**_answer(signatures, place, request), "recurrent": [], "legacy": bool(request["legacy"])}


def _with_fixed_shapes(
    loaded: Any, found: Mapping[str, Any], signatures: Mapping[str, Sequence[TensorFacts]], place: Path, tf: Any
) -> Path:
    module = tf.Module()
    module.source = loaded  # its variables and tables must be saved too
    fixed = {}
    for key, call in found.items():
        specs = {one.name: tf.TensorSpec(one.shape, _tf_dtype(one.dtype, tf), name=one.name) for one in signatures[key]}
        fixed[key] = tf.function(lambda call=call, **tensors: call(**tensors)).get_concrete_function(**specs)
    tf.saved_model.save(module, str(place), signatures=fixed)
    return place


def _called(
    call: Any, samples: Mapping[str, NDArray[Any]], inputs: Sequence[TensorFacts], tf: Any
) -> list[dict[str, NDArray[Any]]]:
    answers = []
    count = len(next(iter(samples.values()))) if samples else 1
    for number in range(count):
        made = call(**{one.name: tf.constant(samples[one.name][number], _tf_dtype(one.dtype, tf)) for one in inputs})
        answers.append({name: np.asarray(value) for name, value in made.items()})
    return answers


def _answer(signatures: Mapping[str, Sequence[TensorFacts]], place: Path, request: dict[str, Any]) -> dict[str, Any]:
    ops = _ops(place)
    return {
        "saved_model": str(place),
        "signatures": {key: [one.as_json() for one in inputs] for key, inputs in signatures.items()},
        "random": not request["calibration"],
        "fake_quantised": any(op.startswith("FakeQuant") for op in ops),
        "loops": bool(ops & {"While", "StatelessWhile", "TensorListReserve"}),
    }


def _ops(place: Path) -> set[str]:
    from tensorflow.core.protobuf import saved_model_pb2

    file = saved_model_pb2.SavedModel()
    if not (place / "saved_model.pb").exists():
        return set()
    file.ParseFromString((place / "saved_model.pb").read_bytes())
    graphs = [graph.graph_def for graph in file.meta_graphs]
    nodes = {node.op for graph in graphs for node in graph.node}
    return nodes | {node.op for graph in graphs for one in graph.library.function for node in one.node_def}


def _facts(name: str, shape: tuple[int, ...], dtype: str) -> TensorFacts:
    return TensorFacts(name=name, tensor=name, dtype="object" if dtype == "string" else dtype, shape=shape)


def _tf_dtype(dtype: str, tf: Any) -> Any:
    return tf.string if dtype == "object" else tf.as_dtype(dtype)


if __name__ == "__main__":
    answer_request(work)
