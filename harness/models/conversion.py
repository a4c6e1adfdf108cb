"""Turns a source (Keras, SavedModel, .tflite) into the variants that are measured.

    source ── SavedModel, once ── fp32, fp16, dynamic, int8, ...    TensorFlow's converter, a process each
                                  └── dynamic_wi8, ...              litert-quantizer, from the fp32 file

Every variant runs on this host and is held against its source before it counts. What was made is kept by content.
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


def convert_source(
    request: ConversionRequest, *, out: Path | None = None, told: Callable[[str], None] = lambda _line: None
) -> tuple[ConvertedModel, ...]:
    """Convert a source to each variant; one row a variant, in order. A variant that fails is a row with `status` failed.

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
    python = find_converter_python()
    _need_extras(request, kind, python)
    digest = source_hash(request.source)
    calibration = None if request.calibration is None else source_hash(request.calibration)
    versions = [python.tensorflow, python.keras, python.tf_keras, python.tfmot]
    cache = ConversionCache(
        {
            "source": digest,
            "kind": kind.value,
            "calibration": calibration,
            "batch": request.batch,
            "inputs": {name: list(shape) for name, shape in request.inputs.items()},
            "select_tf_ops": request.select_tf_ops,
            "signature": request.signature,
            "loader": None if kind is SourceKind.TFLITE else versions,
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


def _need_extras(request: ConversionRequest, kind: SourceKind, python: ConverterPython) -> None:
    if kind is not SourceKind.TFLITE:
        python.need_tensorflow(f"converting {request.name}")
    quantised = next((one for one in request.variants if one in BY_QUANTIZER), None)
    if quantised is not None:
        python.need_quantizer(f"the variant {quantised}")
