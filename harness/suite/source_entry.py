"""Models of a suite that are converted from a source, and the settings of `purposes: [accuracy]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator, model_validator

from harness.records.accuracy import MANY_SAMPLES, AccuracyLimits
from harness.records.variants import VARIANTS
from harness.suite.suite_entries import InputEntry, ModelEntry, StrictEntry, refuse_equal_names

VariantName = Literal[
    "fp32",
    "fp16",
    "dynamic",
    "int8",
    "int16x8",
    "int8_io",
    "dynamic_wi8",
    "static_wi8_ai8",
    "dynamic_wi4",
    "weight_only_wi4",
]
"""The names in `harness.records.variants.VARIANTS`, spelled out for editors."""

METRICS = ("top1", "top5", "mse", "mae")
_OWN_METRIC = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _metric(value: str) -> str:
    if value not in METRICS and not _OWN_METRIC.fullmatch(value):
        raise ValueError(f"{value!r} is no metric: one of {', '.join(METRICS)}, or your own as module:function")
    return value


_MetricName = Annotated[
    str,
    AfterValidator(_metric),
    WithJsonSchema({"anyOf": [{"enum": list(METRICS)}, {"type": "string", "pattern": f"^{_OWN_METRIC.pattern}$"}]}),
]


class EvaluateEntry(StrictEntry):
    """Labelled data, to measure how well a model does its task."""

    data: str = Field(
        min_length=1, description="an .npz file: arrays by input name and the labels, first axis = samples"
    )
    labels: str = Field(min_length=1, description="the array in it that holds the labels")
    metric: _MetricName = Field(default="top1", description="top1, top5, mse, mae, or your own as module:function")


class SourceEntry(StrictEntry):
    """A source and its variants; paths are relative to the suite file."""

    source: str = Field(min_length=1, description=".keras, .h5, a SavedModel folder, .pt2, .onnx, or a .tflite")
    variants: list[VariantName] = Field(default=["fp32"], min_length=1, description="what it is converted to")
    calibration: str | None = Field(
        default=None, min_length=1, description="an .npz file: arrays by input name, first axis = samples"
    )
    batch: int = Field(default=1, ge=1, le=100_000, description="the first dimension, if the source leaves it open")
    select_tf_ops: bool = Field(
        default=False, description="whether TensorFlow's own ops may stay, which need a binary with Flex"
    )
    name: str | None = Field(default=None, min_length=1, description="its name in tables; default: the source's name")
    signature: str | None = Field(default=None, min_length=1, description="the signature that is converted and run")
    inputs: list[InputEntry] = Field(
        default=[], description="all of its inputs, with shapes (if it leaves them open) and ranges"
    )
    evaluate: EvaluateEntry | None = Field(default=None, description="labelled data")

    @field_validator("inputs")
    @classmethod
    def _names_differ(cls, value: list[InputEntry]) -> list[InputEntry]:
        return refuse_equal_names(value)

    @field_validator("variants")
    @classmethod
    def _no_repeats(cls, value: list[str]) -> list[str]:
        for index, name in enumerate(value):
            if name in value[:index]:
                raise ValueError(f"{name!r} is listed twice")
        return value

    @property
    def shown_name(self) -> str:
        """Its name in tables."""
        return self.name or Path(self.source).stem


def model_form(value: object) -> str:
    """Return the form of an entry of `models`: `str`, or by its keys `ModelEntry` or `SourceEntry`."""
    if isinstance(value, SourceEntry | ModelEntry):
        return type(value).__name__
    if not isinstance(value, Mapping):
        return "str"
    own = [name for name in SourceEntry.model_fields if name not in ModelEntry.model_fields]
    words = [*ModelEntry.model_fields, *own]
    nearest = [next(iter(get_close_matches(str(key), words, n=1)), None) for key in value]
    return "SourceEntry" if "path" not in nearest and any(word in own for word in nearest) else "ModelEntry"


class LimitsEntry(StrictEntry):
    """How far outputs may be from their reference. The worst output of a trial counts."""

    max_abs: float | None = Field(default=None, ge=0, description="largest absolute difference")
    max_rel: float | None = Field(default=None, ge=0, description="largest difference over the range of the reference")
    snr_db: float | None = Field(default=None, description="least signal to noise ratio, in dB")
    cosine: float | None = Field(default=None, ge=-1, le=1, description="least cosine")
    argmax: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description=f"least share of samples with the same argmax; needs {MANY_SAMPLES} samples",
    )

    def limits(self) -> AccuracyLimits:
        """Return it as a record."""
        return AccuracyLimits(**self.model_dump())


class AccuracyEntry(StrictEntry):
    """The inputs of accuracy trials, and what their outputs are compared with."""

    samples: int = Field(
        default=8, ge=1, le=10_000, description="number of inputs for each trial, with one process per input"
    )
    reference: str | None = Field(
        default=None, min_length=1, description="the variant that the others are compared with; default: fp32"
    )
    limits: LimitsEntry | None = Field(
        default=None, description="against the host's built-in kernels on the same file; default: 5 % of the range"
    )
    reference_limits: LimitsEntry | None = Field(
        default=None, description="against the reference variant; default: 20 % of the range"
    )

    @field_validator("reference")
    @classmethod
    def _is_a_variant(cls, value: str | None) -> str | None:
        if value is not None and value not in VARIANTS:
            raise ValueError(f"{value!r} is no variant: one of {', '.join(VARIANTS)}")
        return value

    @model_validator(mode="after")
    def _enough_samples(self) -> AccuracyEntry:
        for name in ("limits", "reference_limits"):
            one: LimitsEntry | None = getattr(self, name)
            if one is not None and one.argmax is not None and self.samples < MANY_SAMPLES:
                raise ValueError(
                    f"{name}.argmax needs at least {MANY_SAMPLES} samples, not {self.samples}: give `samples: {MANY_SAMPLES}` or more, "
                    "or leave `argmax` out"
                )
        return self
