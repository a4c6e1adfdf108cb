"""Turns a source (Keras, SavedModel, PyTorch, ONNX, .tflite) into the variants that are measured.

    source ── SavedModel, once ── fp32, fp16, dynamic, int8, ...    TensorFlow's converter, a process each
                                  └── dynamic_wi8, ...              litert-quantizer, from the fp32 file
    .onnx ── onnx2tf makes the SavedModel;  .pt2 ── litert-torch makes the fp32 file, and TensorFlow nothing

Every variant is run on this host and compared with its source before it counts. The results are cached by content.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from harness.models.conversion_cache import ConversionCache, copy_whole
from harness.models.conversion_request import ConversionRequest, checked_kind
from harness.models.converter_python import ConverterPython, find_converter_python
from harness.models.source_kind import SourceKind, source_hash
from harness.models.variant_stage import VariantStage
from harness.records.variants import BY_QUANTIZER, ConvertedModel

__all__ = ["ConversionRequest", "convert_source"]

_CONVERTERS = {
    SourceKind.ONNX: ("onnx2tf", "tensorflow"),
    SourceKind.PT2: ("litert_torch",),
    SourceKind.TFLITE: ("quantizer",),
}
"""Packages that the converting Python must hold, as attributes of `ConverterPython`; TensorFlow for other kinds of source."""


def convert_source(
    request: ConversionRequest, *, out: Path | None = None, told: Callable[[str], None] = lambda _line: None
) -> tuple[ConvertedModel, ...]:
    """Convert a source to each variant, and return a row per variant, in order. A variant that fails has the `status` failed.

    Args:
        request: what to convert.
        out: folder that gets a copy of each file, `NAME_VARIANT.tflite`; None leaves them in the cache alone.
        told: called with a line for each step, for progress.

    Raises:
        UsageError: the source is missing or no model, the calibration file does not fit, a variant is unknown.
        SetupError: TensorFlow or litert-quantizer is needed and missing, or a file cannot be written.
        KeyboardInterrupt: passed on once no converter runs; finished variants are kept.
    """
    kind = checked_kind(request)
    python = find_converter_python(*_CONVERTERS.get(kind, ("tensorflow",)))
    _need_extras(request, kind, python)
    digest = source_hash(request.source)
    calibration = None if request.calibration is None else source_hash(request.calibration)
    cache = ConversionCache(
        {
            "source": digest,
            "kind": kind.value,
            "calibration": calibration,
            "batch": request.batch,
            "inputs": {name: list(shape) for name, shape in request.inputs.items()},
            "select_tf_ops": request.select_tf_ops,
            "signature": request.signature,
            "loader": _loader(kind, python),
        }
    )
    rows = []
    with (
        cache.held(lambda: told(f"{request.name}: waiting for another process that converts it")),
        VariantStage(request, kind, digest, calibration, python, cache, told) as stage,
    ):
        for variant in request.variants:
            row = stage.row(variant)
            if row.status == "ok" and row.path is not None and out is not None:
                place = out / f"{request.stem}_{variant}.tflite"
                copy_whole(Path(row.path), place)
                row = replace(row, path=str(place))
            rows.append(row)
    return tuple(rows)


def _loader(kind: SourceKind, python: ConverterPython) -> list[str | None] | None:
    """Return the versions of the packages that all variants of a source depend on."""
    if kind is SourceKind.TFLITE:
        return None
    if kind is SourceKind.PT2:
        return [python.litert_torch, python.torch]
    versions = [python.tensorflow, python.keras, python.tf_keras, python.tfmot]
    return [python.onnx2tf, *versions] if kind is SourceKind.ONNX else versions


def _need_extras(request: ConversionRequest, kind: SourceKind, python: ConverterPython) -> None:
    what = f"converting {request.name}"
    if kind is SourceKind.PT2:
        python.need_litert_torch(what)
    elif kind is SourceKind.ONNX:
        python.need_onnx2tf(what)
    if kind not in (SourceKind.TFLITE, SourceKind.PT2):
        python.need_tensorflow(what)
    quantised = next((one for one in request.variants if one in BY_QUANTIZER), None)
    if quantised is not None:
        python.need_quantizer(f"the variant {quantised}")
