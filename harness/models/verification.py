"""Checks a variant before it counts: it must run on this host, and its outputs must be those of its source.

Converters fail without an error: they write files full of NaN, files as large as before, files that no runtime can allocate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.models.check_samples import Samples
from harness.models.file_facts import FileFacts, file_facts
from harness.models.host_run import HostRun, run_on_host
from harness.models.output_error import OutputError, output_error

NOT_RUN_FLEX = "not run here: Flex"
"""The message of a variant with Select TF ops: LiteRT's interpreter has no kernels for them."""

FLOAT_LIMIT = 0.02
"""Largest error of fp32, as a share of the range of the source's output. Rounding of resized images reaches 0.01 and is right."""
_NOTED = 0.001
"""From this error on, a note gives its size."""
_ROUNDING = 1e-4
"""An error below this share of the largest value is rounding, whatever the range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantVerdict:
    """Whether a variant counts as converted."""

    problem: str | None
    """The reason if it does not count; None if it does."""
    note: str | None = None
    snr_db: float | None = None
    """Of its worst output."""
    errors: Mapping[str, OutputError]
    facts: FileFacts | None = None


def verify(path: Path, variant: str, samples: Samples, reference: Samples) -> VariantVerdict:
    """Run a variant on the samples and compare its outputs with the source's.

    Args:
        path: its file.
        variant: its name.
        samples: inputs by signature; the key `` is a model without signatures.
        reference: the source's outputs by signature.
    """
    try:
        facts = file_facts(path)
    except HarnessError as error:
        return VariantVerdict(problem=error.message, errors={})
    if variant != "fp32" and not facts.quantized_ops:
        return VariantVerdict(problem=_nothing_quantised(variant), errors={}, facts=facts)
    if facts.flex_ops:
        return VariantVerdict(problem=None, note=NOT_RUN_FLEX, errors={}, facts=facts)
    errors: dict[str, OutputError] = {}
    problems: list[str] = []
    notes: list[str] = []
    for key, fed in samples.items():
        try:
            run = run_on_host(path, fed, signature=key or None)
        except HarnessError as error:
            return VariantVerdict(
                problem=f"converted, but {_without_name(error.message, path)}", errors=errors, facts=facts
            )
        notes += [f"the input {one.name!r} keeps an open dimension" for one in run.inputs if -1 in one.shape]
        for name, expected in reference[key].items():
            shown = f"{key}/{name}" if len(samples) > 1 else name
            problem, distance = _judged(shown, expected, run, name, variant)
            if distance is not None:
                errors[shown] = distance
            if problem is not None:
                problems.append(problem)
    ratios = [one.snr_db for one in errors.values() if one.snr_db is not None]
    return VariantVerdict(
        problem=f"converted, but its outputs are not the source's: {problems[0]}" if problems else None,
        note="; ".join([*notes, *_notes(errors, variant)]) or None,
        snr_db=min(ratios, default=None),
        errors=errors,
        facts=facts,
    )


def _judged(
    shown: str, expected: NDArray[Any], run: HostRun, name: str, variant: str
) -> tuple[str | None, OutputError | None]:
    if name not in run.values:
        there = ", ".join(repr(one.name) for one in run.outputs)
        return f"{shown!r} is missing, there is {there}", None
    actual = run.values[name]
    if actual.shape != expected.shape:
        return f"{shown!r} is {_size(actual)} instead of {_size(expected)}", None
    if expected.dtype.kind not in "fiub" or actual.dtype.kind not in "fiub":
        return None, None
    error = output_error(shown, expected, actual)
    broken = int((np.isfinite(expected) & ~np.isfinite(actual)).sum())
    if broken:
        return f"{shown!r} has {broken} values that are NaN or infinite", error
    if expected.dtype.kind in "iub" and not run_is_scaled(run, name):
        equal = float((expected == actual).mean()) if expected.size else 1.0
        return (f"only {equal:.0%} of {shown!r} are equal" if variant == "fp32" and equal < 0.5 else None), error
    return (_float_problem(error, expected) if variant == "fp32" else _nonsense(error, expected, actual)), error


def run_is_scaled(run: HostRun, name: str) -> bool:
    """Return whether an output is stored as quantised integers."""
    return any(one.scale != 0 for one in run.outputs if one.name == name)


def _float_problem(error: OutputError, expected: NDArray[Any]) -> str | None:
    if error.max_abs is None or error.max_abs <= _ROUNDING * _largest(expected):
        return None
    if error.max_rel is None:
        return f"{error.name!r} differs by {error.max_abs:.3g}, where the source's is constant"
    return f"{error.name!r} differs by {error.max_rel:.2g} of its range" if error.max_rel > FLOAT_LIMIT else None


def _nonsense(error: OutputError, expected: NDArray[Any], actual: NDArray[Any]) -> str | None:
    if actual.size > 1 and not np.any(actual) and _largest(expected) > 1e-3:
        return f"{error.name!r} is all zero"
    if error.snr_db is not None and error.snr_db < 0 and (error.cosine or 0.0) < 0.5:
        return f"{error.name!r} has a signal to noise ratio of {error.snr_db:.1f} dB"
    return None


def _notes(errors: Mapping[str, OutputError], variant: str) -> list[str]:
    if variant != "fp32":
        return []
    worst = max(
        (one for one in errors.values() if one.max_rel is not None), key=lambda one: one.max_rel or 0, default=None
    )
    if worst is None or (worst.max_rel or 0) < _NOTED:
        return []
    return [f"{worst.name!r} differs by {worst.max_rel:.2g} of its range from the source"]


def _nothing_quantised(variant: str) -> str:
    if variant == "dynamic":
        return "nothing in it is quantised: TensorFlow leaves weights of fewer than 1024 elements as they are (`dynamic_wi8` does not)"
    return "nothing in it is quantised: it has no op that this variant changes"


def _largest(values: NDArray[Any]) -> float:
    finite = np.abs(values[np.isfinite(values)].astype(np.float64))
    return float(finite.max()) if finite.size else 0.0


def _size(values: NDArray[Any]) -> str:
    return "x".join(map(str, values.shape[1:])) or "a single number"


def _without_name(message: str, path: Path) -> str:
    return message.removeprefix(f"{path.name} ").removeprefix(f"{path.name}: ")
