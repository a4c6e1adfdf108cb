"""The worker that makes one variant of an exported SavedModel: `python -m harness.models.variant_worker FOLDER`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import ModelFailed
from harness.models.check_samples import Samples, read_samples
from harness.models.frugal_int8 import convert_in_two
from harness.models.worker_side import answer_request


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Convert one variant.

    Keys of the request: `saved_model`, `signatures`, `variant`, `select_tf_ops`, `calibration` (an .npz file of `write_samples`, or None),
    `frugal` (whether to save memory where it can be saved), `sparse` (whether to leave out zeros), `out` (the file to write).
    """
    import tensorflow as tf

    place, out = Path(request["saved_model"]), Path(request["out"])

    def load() -> Any:
        return _configured(
            tf.lite.TFLiteConverter.from_saved_model(str(place), signature_keys=request["signatures"]), request, tf
        )

    def light() -> Any:
        from tensorflow.lite.python import lite

        tags = {tf.saved_model.SERVING}
        return _configured(lite.TFLiteSavedModelConverterV2(str(place), tags, request["signatures"], None), request, tf)

    model = None
    if request["calibration"] is not None and request["frugal"]:
        model = convert_in_two(load, light, out)
    model = load().convert() if model is None else model
    if not model:
        raise ModelFailed("the converter returned nothing")
    out.write_bytes(model)
    return {}


def _configured(converter: Any, request: dict[str, Any], tf: Any) -> Any:
    ops, variant = tf.lite.OpsSet, request["variant"]
    supported = [ops.TFLITE_BUILTINS]
    if request["sparse"]:
        # Only this one: with DEFAULT as well it converts, but XNNPACK fails to prepare the file.
        converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    elif variant != "fp32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    elif variant in ("int8", "int8_io") and request["calibration"] is not None:
        # Without samples the source brings its own ranges; requiring integer ops would require samples.
        supported = [ops.TFLITE_BUILTINS_INT8, *([ops.TFLITE_BUILTINS] if variant == "int8" else [])]
    elif variant == "int16x8":
        supported = [ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8, ops.TFLITE_BUILTINS]
    if variant == "int8_io":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    if request["select_tf_ops"]:
        supported.append(ops.SELECT_TF_OPS)
    converter.target_spec.supported_ops = supported
    if request["calibration"] is not None:
        samples = read_samples(Path(request["calibration"]))
        converter.representative_dataset = lambda: _fed(samples)
    return converter


def _fed(samples: Samples) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each sample with its signature, by input name: the converter takes bare arrays by position, for one signature only."""
    for key, by_input in samples.items():
        for number in range(len(next(iter(by_input.values())))):
            yield key, {name: values[number] for name, values in by_input.items()}


if __name__ == "__main__":
    answer_request(work)
