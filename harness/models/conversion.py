"""Turns a source (Keras, SavedModel, .tflite) into the variants that are measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.records.variants import ConvertedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionRequest:
    """One source and the variants that are wanted of it."""

    source: Path
    name: str
    """The source as the user wrote it; messages and `ConvertedModel.source` show it."""
    variants: tuple[str, ...] = ("fp32",)
    """Out of `harness.records.variants.VARIANTS`."""
    calibration: Path | None = None
    """An .npz file: arrays by input name, first axis = samples."""
    batch: int = 1
    """The first dimension where the source leaves it open."""
    select_tf_ops: bool = False
    """Whether ops of TensorFlow itself may stay in the file, which then needs a runtime with Flex."""
    signature: str | None = None
    """The only signature to convert; None converts all that a SavedModel has."""
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Shapes, batch included, of inputs with open dimensions, by name."""


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
        SetupError: TensorFlow or litert-quantizer is needed and missing, or the cache cannot be written.
    """
    raise NotImplementedError
