"""A request for a conversion, and the check that it is a valid one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UsageError
from harness.models.arrays_file import read_arrays, sample_count
from harness.models.source_kind import SourceKind, source_kind
from harness.records.variants import VARIANTS


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionRequest:
    """One source, and the variants to make of it."""

    source: Path
    name: str
    """The source as the user wrote it; messages and `ConvertedModel.source` show it."""
    variants: tuple[str, ...] = ("fp32",)
    """From `harness.records.variants.VARIANTS`."""
    calibration: Path | None = None
    """An .npz file: arrays by input name, first axis = samples."""
    batch: int = 1
    """The first dimension, if the source leaves it open."""
    select_tf_ops: bool = False
    """Whether TensorFlow's own ops may stay in the file, which then needs a runtime with Flex."""
    signature: str | None = None
    """The only signature to convert; None converts all signatures of a SavedModel."""
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Shapes, batch included, of inputs with open dimensions, by name."""
    timeout_s: float = 1800.0
    """The most seconds for loading the source, and for making each variant."""

    @property
    def stem(self) -> str:
        """The source's name without folder and suffix, for file names."""
        place = self.source.resolve()
        return place.name if place.is_dir() else place.stem


def checked_kind(request: ConversionRequest) -> SourceKind:
    """Check a request as far as possible without loading the source, and return the kind of source.

    Raises:
        UsageError: the source is missing or of another kind, a variant is unknown, sizes are not positive, the calibration cannot be read.
    """
    for variant in request.variants:
        if variant not in VARIANTS:
            raise UsageError(f"there is no variant {variant!r}", remedy=f"there are {', '.join(VARIANTS)}")
    if not request.variants:
        raise UsageError(f"no variant of {request.name} is named", remedy=f"name some of {', '.join(VARIANTS)}")
    if request.batch < 1:
        raise UsageError(f"the batch is {request.batch}; it must be at least 1")
    for name, shape in request.inputs.items():
        if any(size < 1 for size in shape):
            raise UsageError(f"the shape of {name!r} holds {min(shape)}; sizes are at least 1")
    kind = source_kind(request.source, request.name)
    if request.calibration is not None:
        sample_count(read_arrays(request.calibration), request.calibration)
    return kind
