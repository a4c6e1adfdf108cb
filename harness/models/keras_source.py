"""Loads a Keras model in a worker, and makes a function of it with named inputs and outputs.

`Model.export()` alone loses the names of outputs, keeps an open batch, and exports steps that belong to training (random augmentation,
batch statistics).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import ModelFailed, UsageError
from harness.models.open_dimensions import OpenShape

_OTHER_WAY = "export it where its code is: model.export('FOLDER') writes a SavedModel, which holds no Python"
_RECURRENT = re.compile(r"(LSTM|GRU|SimpleRNN|RNN|Bidirectional)")
_UNKNOWN = re.compile(
    r"(?:Could not locate (?:class|function)|Unknown (?:layer|object|function|metric function)):? '?([\w>]+)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KerasFile:
    """The facts in a file that can be read before Keras loads it."""

    legacy: bool
    """Whether Keras 2 wrote it."""
    layers: tuple[tuple[str, str], ...]
    """Class and name of each layer, nested ones included."""
    text: str
    """The configuration."""

    @property
    def optimised(self) -> bool:
        """Whether loading it needs tensorflow-model-optimization."""
        return any(kind.startswith(("Quantize", "PruneLowMagnitude", "Cluster")) for kind, _name in self.layers)

    def named(self, kind: str) -> str:
        """Return the first layer of a class, as a message names it."""
        found = next((name for one, name in self.layers if one in (kind, kind.rpartition(">")[2])), None)
        return f"the layer {found!r} ({kind})" if found and not found.endswith(f">{kind}") else f"the class {kind}"


@dataclass(slots=True, kw_only=True)
class LoadedKeras:
    """A model that is ready to be called."""

    model: Any
    """As it was saved; its outputs are the reference."""
    float_model: Any
    """The same in float32, without wrappers for training; this one is converted."""
    inputs: list[tuple[str, OpenShape, str]]
    """Name, shape and type of each input."""
    pack: Callable[[Sequence[Any]], Any]
    """Packs a list of inputs into the structure that the model takes."""
    output_names: Callable[[Any], list[tuple[str, Any]]]
    """Names the values that a call returned."""
    recurrent: list[str] = field(default_factory=list)
    legacy: bool = False


def read_keras_file(path: Path, kind: str, name: str) -> KerasFile:
    """Read the configuration of a .keras or .h5 file without loading it.

    Raises:
        UsageError: it is damaged, or holds no model.
    """
    if kind == "keras":
        with zipfile.ZipFile(path) as archive:
            try:
                text = archive.read("config.json").decode("utf-8")
                metadata = json.loads(archive.read("metadata.json")) if "metadata.json" in archive.namelist() else {}
            except (zipfile.BadZipFile, ValueError, EOFError) as error:
                raise UsageError(f"{name} is damaged: {error}") from None
        version = str(metadata.get("keras_version", "3"))
    else:
        import h5py

        try:
            with h5py.File(path, "r") as file:
                stored, version = file.attrs.get("model_config"), _text(file.attrs.get("keras_version", "2"))
        except OSError as error:
            raise UsageError(f"{name} is damaged: {error}") from None
        if stored is None:
            raise UsageError(
                f"{name} holds weights without a model", remedy="save the whole model: model.save('model.keras')"
            )
        text = _text(stored)
    try:
        layers = tuple(_layers(json.loads(text)))
    except ValueError as error:
        raise UsageError(f"{name} is damaged: {error}") from None
    _refuse_code(json.loads(text), name)
    return KerasFile(legacy=not version.startswith("3"), layers=layers, text=text)


def load_keras(
    path: Path, kind: str, name: str, file: KerasFile, *, legacy: bool, shapes: Mapping[str, Any]
) -> LoadedKeras:
    """Load a model.

    Args:
        path: the file.
        kind: `keras` or `h5`; Keras relies on the suffix, so the file gets one.
        name: as the user wrote it.
        file: the result of `read_keras_file`.
        legacy: load it with Keras 2 (tf-keras); `TF_USE_LEGACY_KERAS` must be set.
        shapes: shapes of inputs, for a model that was saved without any.

    Raises:
        ModelFailed: a layer cannot be loaded, or a package is missing.
        UsageError: the model has no shapes of inputs.
    """
    keras = importlib.import_module("tf_keras" if legacy else "keras")
    with tempfile.TemporaryDirectory() as scratch, _scopes(file):
        link = Path(scratch) / f"model.{kind}"
        link.symlink_to(path.resolve())
        try:
            model = keras.models.load_model(str(link), compile=False)
        except Exception as error:
            unknown = _UNKNOWN.search(str(error))
            if unknown is None and file.optimised and kind == "keras":
                raise ModelFailed(
                    f"{name}: layers of tensorflow-model-optimization do not load from a .keras file: {str(error)[:80]}...",
                    remedy="save the model as .h5: model.save('model.h5')",
                ) from error
            if unknown is None:
                raise
            raise ModelFailed(
                f"{name}: Keras does not know {file.named(unknown[1])}: it is custom code", remedy=_OTHER_WAY
            ) from error
        float_model = _without_wrappers(model, file)
        float_model = _in_float32(float_model, keras)
    inputs, pack = _inputs(float_model, shapes, name, legacy=legacy)
    return LoadedKeras(
        model=model,
        float_model=float_model,
        inputs=inputs,
        pack=pack,
        output_names=lambda made: _outputs(float_model, made),
        recurrent=[one for layer, one in file.layers if _RECURRENT.search(layer)],
        legacy=legacy,
    )


@contextlib.contextmanager
def _scopes(file: KerasFile) -> Iterator[None]:
    if not file.optimised:
        yield
        return
    try:
        import tensorflow_model_optimization as tfmot
    except ImportError:
        raise ModelFailed(
            "the model was trained with tensorflow-model-optimization, which is not installed",
            remedy="pip install tensorflow-model-optimization",
        ) from None
    with contextlib.ExitStack() as stack:
        stack.enter_context(tfmot.quantization.keras.quantize_scope())
        stack.enter_context(tfmot.sparsity.keras.prune_scope())
        stack.enter_context(tfmot.clustering.keras.cluster_scope())
        yield


def _without_wrappers(model: Any, file: KerasFile) -> Any:
    kinds = {kind for kind, _name in file.layers}
    if not kinds & {"PruneLowMagnitude", "ClusterWeights"}:
        return model
    import tensorflow_model_optimization as tfmot

    if "PruneLowMagnitude" in kinds:
        model = tfmot.sparsity.keras.strip_pruning(model)
    if "ClusterWeights" in kinds:
        model = tfmot.clustering.keras.strip_clustering(model)
    return model


def _in_float32(model: Any, keras: Any) -> Any:
    """Return the model in float32 instead of a mixed policy: the converter has no kernels for float16, and does not say so."""
    text = json.dumps(model.get_config(), default=str) if _is_half(model) else ""
    if not text:
        return model
    config = _replaced(model.get_config())
    plain = type(model).from_config(config)
    if not getattr(plain, "built", True) and getattr(model, "inputs", None):
        plain.build([tuple(one.shape) for one in model.inputs])
    plain.set_weights(
        [weight.astype("float32") if weight.dtype.kind == "f" else weight for weight in model.get_weights()]
    )
    return plain


def _is_half(model: Any) -> bool:
    layers = getattr(model, "_flatten_layers", None)
    found = list(layers()) if layers is not None else list(getattr(model, "layers", ()))
    return any("float16" in str(getattr(layer, "compute_dtype", "")) for layer in found)


def _replaced(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_replaced(one) for one in value)
    return "float32" if value in ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16") else value


def _inputs(
    model: Any, shapes: Mapping[str, Any], name: str, *, legacy: bool
) -> tuple[list[tuple[str, OpenShape, str]], Callable[[Sequence[Any]], Any]]:
    tensors = list(model.inputs or ()) if getattr(model, "inputs", None) is not None else []
    if tensors:
        names = list(getattr(model, "input_names", None) or [_tensor_name(one) for one in tensors])
        found: list[tuple[str, OpenShape, str]] = [
            (one, None if tensor.shape is None else tuple(tensor.shape), _dtype(tensor.dtype))
            for one, tensor in zip(_unique(names), tensors, strict=True)
        ]
        structure = getattr(model, "_nested_inputs" if legacy else "_inputs_struct", None)
        if structure is None:
            return found, lambda flat: flat[0] if len(flat) == 1 else list(flat)
        return found, lambda flat: _packed(structure, flat)
    built = getattr(model, "_build_shapes_dict", None) or {}
    by_name = {
        (key.removesuffix("_shape") if key != "input_shape" else "inputs"): shape
        for key, shape in built.items()
        if isinstance(shape, tuple | list) and all(size is None or isinstance(size, int) for size in shape)
    }
    if len(by_name) == 1:
        ((one, shape),) = by_name.items()
        return [(one, (None, *shape[1:]), _dtype(getattr(model, "input_dtype", "float32")))], lambda flat: flat[0]
    if len(shapes) == 1:
        ((one, shape),) = shapes.items()
        return [(one, None, "float32")], lambda flat: flat[0]
    raise UsageError(
        f"{name} was saved before its inputs had shapes",
        remedy="give the shape: --shape inputs=1x..., or a calibration file",
    )


def _packed(structure: Any, flat: Sequence[Any]) -> Any:
    import tensorflow as tf

    return tf.nest.pack_sequence_as(structure, list(flat))


def _outputs(model: Any, made: Any) -> list[tuple[str, Any]]:
    if isinstance(made, Mapping):
        return [(str(key), value) for key, value in made.items() if value is not None]
    import tensorflow as tf

    flat = tf.nest.flatten(made)
    names = getattr(model, "output_names", None)
    if names is None or len(names) != len(flat):
        last = model.layers[-1].name if len(flat) == 1 and getattr(model, "layers", None) else None
        names = [last] if last else [f"output_{number}" for number in range(len(flat))]
    return list(zip(_unique(names), flat, strict=True))


def _unique(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        number, one = 1, name
        while one in found:
            one, number = f"{name}_{number}", number + 1
        found.append(one)
    return found


def _tensor_name(tensor: Any) -> str:
    history = getattr(tensor, "_keras_history", None)
    operation = getattr(history, "operation", None) or getattr(history, "layer", None)
    return str(getattr(operation, "name", None) or tensor.name).partition(":")[0]


def _dtype(dtype: Any) -> str:
    return str(getattr(dtype, "name", dtype))


def _layers(config: Any) -> Iterator[tuple[str, str]]:
    if isinstance(config, dict):
        inner = config.get("config")
        if isinstance(config.get("class_name"), str) and isinstance(inner, dict):
            own = config.get("registered_name") or config["class_name"]
            yield config["class_name"], str(inner.get("name") or config.get("name") or own)
        for value in config.values():
            yield from _layers(value)
    elif isinstance(config, list):
        for value in config:
            yield from _layers(value)


def _refuse_code(config: Any, name: str) -> None:
    """Refuse a Lambda with Python code in the file: loading would run it."""
    if isinstance(config, dict):
        inner = config.get("config")
        if config.get("class_name") == "Lambda" and isinstance(inner, dict):
            function = inner.get("function")
            kind = function.get("class_name") if isinstance(function, dict) else inner.get("function_type")
            if kind in ("__lambda__", "lambda"):
                raise ModelFailed(
                    f"{name}: the layer {inner.get('name')!r} (Lambda) holds Python code, which is not run from a file",
                    remedy=_OTHER_WAY,
                )
        for value in config.values():
            _refuse_code(value, name)
    elif isinstance(config, list):
        for value in config:
            _refuse_code(value, name)


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
