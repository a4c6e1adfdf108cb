"""Records of accuracy trials: what they are held against, and how far their outputs were from it."""

from __future__ import annotations

from dataclasses import dataclass

MANY_SAMPLES = 50
"""Samples below which the share with the same argmax says too little to be a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyLimits:
    """How far outputs may be from their reference. None: no limit. NaN and infinities that the reference lacks are beyond every limit."""

    max_abs: float | None = None
    """Largest absolute difference."""
    max_rel: float | None = None
    """Largest absolute difference over the range of the reference output."""
    snr_db: float | None = None
    """Least signal to noise ratio in dB."""
    cosine: float | None = None
    """Least cosine."""
    argmax: float | None = None
    """Least share of samples with the same argmax."""


DEFAULT_LIMITS = AccuracyLimits(max_rel=0.05)
"""Of a delegate against the built-in kernels: fp16 GPUs stay below 1 % of the range, int8 kernels within a few steps of 255."""

DEFAULT_REFERENCE_LIMITS = AccuracyLimits(max_rel=0.2)
"""Of a variant against the reference variant: int8 of sound models is within 1 to 12 % of the range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyPlan:
    """What the accuracy trials of a run feed, and what their outputs are held against."""

    samples: int
    reference: str
    """The variant that the others of the same source are held against."""
    limits: AccuracyLimits = DEFAULT_LIMITS
    reference_limits: AccuracyLimits = DEFAULT_REFERENCE_LIMITS
    seed: int
    """Of random inputs, for models without samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDistance:
    """Distance of the worst output from its reference, over all samples. Each figure is the worst of all outputs."""

    max_abs: float | None = None
    max_rel: float | None = None
    snr_db: float | None = None
    """None if all outputs are equal to their reference."""
    cosine: float | None = None
    argmax: float | None = None
    nan: int = 0
    """Elements that are NaN or infinite in one of both only."""
    output: str | None = None
    """Name of the output with the largest `max_rel`."""
    equal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyFigures:
    """What an accuracy trial found."""

    samples: int
    inputs: str
    """Where its inputs came from: `evaluate`, `calibration`, or `random, seed N`."""
    output: OutputDistance
    """Against the host's built-in kernels on the same file: the delegate's error."""
    reference: OutputDistance | None = None
    """Against the reference variant on the host: the error of conversion and delegate together. None without a reference."""
    reference_variant: str | None = None
    outside: tuple[str, ...] = ()
    """Sentences on limits that were exceeded."""
    task_metric: str | None = None
    """The metric of the suite's labelled data; None without any."""
    task_value: float | None = None
    """Its value over the samples that ran."""
