"""Variants of a model: what a source was converted to, and where each file came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

BY_TENSORFLOW = ("fp32", "fp16", "dynamic", "int8", "int16x8", "int8_io")
"""Variants that TensorFlow's converter makes. `int8_io` is `int8` with integer inputs and outputs."""

BY_QUANTIZER = ("dynamic_wi8", "static_wi8_ai8", "dynamic_wi4", "weight_only_wi4")
"""Variants that litert-quantizer makes from a float .tflite, without TensorFlow."""

VARIANTS = (*BY_TENSORFLOW, *BY_QUANTIZER)

NEED_CALIBRATION = frozenset({"int8", "int16x8", "int8_io", "static_wi8_ai8"})
"""Variants whose activations are quantised beforehand, by the ranges that samples show."""


def reference_variant(variants: Sequence[str], *named: object) -> str:
    """Choose the variant that the others of a source are held against.

    Args:
        variants: those that there are, at least one.
        named: the choices of the suite, the most telling first; None, or one that there is not, is passed over.

    Returns:
        The first of `named` that there is, else `fp32`, else the first of `variants`.
    """
    return next((str(one) for one in (*named, "fp32") if one in variants), variants[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedModel:
    """One variant of one source, or why it does not exist."""

    source: str
    """As the user named it."""
    source_sha256: str
    """Of the file; of a folder, that of its files' names and contents in order."""
    variant: str
    path: str | None = None
    """The file; None if the conversion failed."""
    sha256: str | None = None
    size_bytes: int | None = None
    zipped_bytes: int | None = None
    """Size after `gzip -9`: what a user downloads in an app."""
    converter: str
    """Name and version of the program that made it: `tensorflow 2.21.0`; `none` for a .tflite that stays as it is."""
    status: Literal["ok", "failed"]
    message: str | None = None
    """If it failed: what failed, the op and the remedy, in one line. Otherwise what a reader must know, such as `not run here: Flex`."""
    log: str | None = None
    """Path of the converter's own output."""
    calibration_sha256: str | None = None
    batch: int | None = None
    select_tf_ops: bool = False
    quantized_ops: int | None = None
    """Number of ops with an integer or fp16 weight or input; None if the file was not read."""
    total_ops: int | None = None
    sparsity: float | None = None
    """Share of zeros among the weights, from 0 to 1."""
    snr_db: float | None = None
    """Signal to noise ratio of its worst output against the source on the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAccuracy:
    """How well a variant does its task on the whole labelled set of a suite, on the host."""

    model: str
    """The model's name in the suite."""
    variant: str
    metric: str
    """`top1`, `top5`, `mse`, `mae`, or a user's `module:function`."""
    value: float | None
    """None if it could not be computed; `message` says why."""
    ci_low: float | None = None
    ci_high: float | None = None
    level: float = 0.95
    n: int = 0
    """Number of samples."""
    against: str | None = None
    """The variant that it is tested against, on the same samples; None for that variant itself."""
    p_value: float | None = None
    """Of "both are equally right", paired by sample: McNemar's exact test for right and wrong, else Student's paired test."""
    better: Literal["higher", "lower"] | None = None
    """Which value is better; None for a user's own metric."""
    message: str | None = None
