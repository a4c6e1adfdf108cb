"""The inputs and expected outputs of one model's accuracy trials; judges the bytes that a device returned. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ModelFailed, UsageError
from harness.models.evaluation import evaluation_of
from harness.models.output_error import OutputError, output_error
from harness.models.tensor_facts import TensorFacts, dequantised
from harness.records.accuracy import AccuracyFigures, AccuracyLimits, AccuracyPlan, OutputDistance

_FLAT = 0.01
"""If an output's range is below this share of its largest value, the range is no scale for errors: a constant output has none."""
_STEPS = 2
"""Steps by which kernels may differ in a quantised output, however small its range over the samples is."""


class WrongSize(Exception):
    """The device did not return the bytes of all outputs and samples. The message says what it returned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FedLayer:
    """One input: a file with the bytes of all samples, one after the other."""

    name: str
    """The tensor's own name."""
    shape: tuple[int, ...]
    path: Path
    sha256: str
    sample_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccuracyCase:
    """The inputs of a model's accuracy trials, and the outputs that they should give."""

    plan: AccuracyPlan
    count: int
    """Number of samples."""
    inputs_from: str
    layers: tuple[FedLayer, ...]
    """In the order in which the tool takes them."""
    outputs: tuple[str, ...]
    """Names of the outputs in the order in which the tool writes them; a name may occur twice."""
    facts: Mapping[str, TensorFacts]
    """Of the outputs by name."""
    expected: Mapping[str, NDArray[Any]]
    """Outputs of the host's built-in kernels on the same file, by name, as the tensors store them. First axis = samples."""
    reference: Mapping[str, NDArray[Any]] | None = None
    """Outputs of the reference variant on the host, by name, as numbers. None without one, and for the reference itself."""
    reference_variant: str | None = None
    metric: str | None = None
    """Of the task; None without labels."""
    labels: NDArray[Any] | None = None
    """One for each sample."""

    def judge(self, raw: bytes) -> AccuracyFigures:
        """Compare the outputs that a device wrote with the expected ones.

        Args:
            raw: the bytes of all outputs, sample after sample.

        Raises:
            WrongSize: their number is not that of the outputs.
        """
        actual = self._split(raw)
        outside: list[str] = []
        device = [
            (name, dequantised(self.expected[name], facts), dequantised(actual[name], facts), facts)
            for name, facts in self.facts.items()
        ]
        output = _distance(device, self.plan.limits, "the host's built-in kernels", outside)
        against: OutputDistance | None = None
        if self.reference is not None:
            triples = [
                (name, self.reference[name], dequantised(actual[name], facts), facts)
                for name, facts in self.facts.items()
            ]
            against = _distance(triples, self.plan.reference_limits, f"{self.reference_variant}", outside)
        return AccuracyFigures(
            samples=self.count,
            inputs=self.inputs_from,
            output=output,
            reference=against,
            reference_variant=self.reference_variant,
            outside=tuple(outside),
            task_metric=self.metric if self.labels is not None else None,
            task_value=self._task(actual),
        )

    def _task(self, actual: Mapping[str, NDArray[Any]]) -> float | None:
        if self.metric is None or self.labels is None:
            return None
        values = {name: dequantised(actual[name], facts) for name, facts in self.facts.items()}
        try:
            value = evaluation_of(self.metric, values, self.labels).value
        except (UsageError, ModelFailed):
            return None  # the metric does not suit this model, which `harness models evaluate` explains
        return value if math.isfinite(value) else None

    def _split(self, raw: bytes) -> dict[str, NDArray[Any]]:
        sizes = [self.expected[name][0].nbytes for name in self.outputs]
        whole = sum(sizes)
        if len(raw) != whole * self.count:
            shown = " + ".join(f"{name} {size}" for name, size in zip(self.outputs, sizes, strict=True))
            raise WrongSize(
                f"{len(raw)} bytes came back, and {self.count} times {whole} were expected ({shown})"
                if raw
                else "the tool wrote no outputs"
            )
        found: dict[str, NDArray[Any]] = {}
        table = np.frombuffer(raw, np.uint8).reshape(self.count, whole)
        start = 0
        for name, size in zip(self.outputs, sizes, strict=True):
            like = self.expected[name]
            found[name] = np.ascontiguousarray(table[:, start : start + size]).view(like.dtype).reshape(like.shape)
            start += size
        return found


def _distance(
    triples: Sequence[tuple[str, NDArray[Any], NDArray[Any], TensorFacts]],
    limits: AccuracyLimits,
    against: str,
    outside: list[str],
) -> OutputDistance:
    errors: list[tuple[OutputError, float | None, int]] = []
    for name, reference, actual, facts in triples:
        if reference.shape != actual.shape:
            outside.append(f"{name} has the shape {_shape(actual)}, and {_shape(reference)} in {against}")
            continue
        error = output_error(name, reference, actual)
        odd = int((np.isfinite(_float(reference)) != np.isfinite(_float(actual))).sum())
        relative = _relative(error, reference)
        errors.append((error, relative, odd))
        outside += _beyond(error, relative, odd, reference, facts, limits, against)
    if not errors:
        return OutputDistance()
    worst = max(errors, key=lambda one: (one[2] > 0, _or(one[1], -1.0)))
    snrs = [one.snr_db for one, _, _ in errors if one.snr_db is not None]
    cosines = [one.cosine for one, _, _ in errors if one.cosine is not None]
    shares = [one.argmax for one, _, _ in errors if one.argmax is not None]
    return OutputDistance(
        max_abs=max((one.max_abs for one, _, _ in errors if one.max_abs is not None), default=None),
        max_rel=max(
            (relative for _, relative, _ in errors if relative is not None and relative < math.inf), default=None
        ),
        snr_db=min(snrs, default=None),
        cosine=min(cosines, default=None),
        argmax=min(shares, default=None),
        nan=sum(odd for _, _, odd in errors),
        output=worst[0].name,
        equal=len(errors) == len(triples) and all(one.equal for one, _, _ in errors),
    )


def _shape(values: NDArray[Any]) -> str:
    return "x".join(map(str, values.shape[1:])) or "a single number"


def _float(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _relative(error: OutputError, reference: NDArray[Any]) -> float | None:
    """Return the largest difference over the range of the reference, or over its largest value if it is nearly constant."""
    if error.max_abs is None:
        return None
    finite = _float(reference)[np.isfinite(_float(reference))]
    if not finite.size or error.max_abs == 0:
        return 0.0 if error.max_abs == 0 else None
    span, largest = float(finite.max() - finite.min()), float(np.abs(finite).max())
    measure = span if span > _FLAT * largest else largest
    return error.max_abs / measure if measure > 0 else math.inf


def _beyond(
    error: OutputError,
    relative: float | None,
    odd: int,
    reference: NDArray[Any],
    facts: TensorFacts,
    limits: AccuracyLimits,
    against: str,
) -> list[str]:
    found = []
    name = error.name
    if odd:
        found.append(f"{name}: {odd} of {reference.size} values are NaN or infinite in one of it and {against}")
    if limits.max_abs is not None and error.max_abs is not None and error.max_abs > limits.max_abs:
        found.append(f"{name} is {error.max_abs:.3g} from {against}, the limit is {limits.max_abs:g}")
    within_steps = error.max_abs is not None and error.max_abs <= _STEPS * facts.scale * (1 + 1e-9)
    if limits.max_rel is not None and relative is not None and relative > limits.max_rel and not within_steps:
        found.append(f"{name} is {relative:.1%} of the range from {against}, the limit is {limits.max_rel:.3g}")
    if limits.snr_db is not None and error.snr_db is not None and error.snr_db < limits.snr_db:
        found.append(f"{name} has {error.snr_db:.1f} dB against {against}, the limit is {limits.snr_db:g}")
    if limits.cosine is not None and error.cosine is not None and error.cosine < limits.cosine:
        found.append(f"{name} has the cosine {error.cosine:.4f} to {against}, the limit is {limits.cosine:g}")
    if limits.argmax is not None and error.argmax is not None and error.argmax < limits.argmax:
        found.append(
            f"{name} has the argmax of {against} in {error.argmax:.1%} of samples, the limit is {limits.argmax:g}"
        )
    return found


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
