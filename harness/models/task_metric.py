"""The metrics of a task: a score for each sample, from a model's outputs and the labels.

    top1, top5        1 if the label is among the one or five largest outputs, else 0
    mse, mae          mean squared, mean absolute difference of a sample's elements
    module:function   the user's own

Of equal outputs the first counts as larger, as in code that searches for the largest with `>`. An output that is NaN is never right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import ModelFailed, UsageError
from harness.models.user_metric import UserMetric, user_metric

Labels = NDArray[Any]
Outputs = Mapping[str, NDArray[Any]]
"""By name, dequantised; first axis = samples."""
Floats = NDArray[np.float64]

_TOP = {"top1": 1, "top5": 5}
NAMES = ("top1", "top5", "mse", "mae")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMetric:
    """A metric by its name."""

    name: str
    better: Literal["higher", "lower"] | None
    """None for the user's own."""
    _own: UserMetric | None = None

    def output_of(self, outputs: Sequence[str], wanted: str | None) -> str | None:
        """Return the name of the output to judge; None if the user's function gets all of them.

        Raises:
            UsageError: there is none of that name, or there are several and none is named.
        """
        if wanted is not None:
            if wanted not in outputs:
                raise UsageError(f"the model has no output {wanted!r}", remedy=f"it has {_listed(outputs)}")
            return wanted
        if self._own is not None:
            return None
        if len(outputs) != 1:
            raise UsageError(
                f"the model has {len(outputs)} outputs, and {self.name} judges one",
                remedy=f"name it with --output: {_listed(outputs)}",
            )
        return outputs[0]

    def fitted(self, labels: Labels, sample: tuple[int, ...], output: str | None) -> Labels:
        """Return the labels of all samples in the form that `scores` takes: class numbers, or arrays like the output.

        Args:
            labels: first axis = samples.
            sample: the shape of the output for one sample.
            output: its name, for messages.

        Raises:
            UsageError: they do not fit the metric or the output.
        """
        if self._own is not None:
            return labels
        if self.name in _TOP:
            return _classes(labels, _count_of_classes(sample, output, self.name), self.name)
        return _targets(labels, sample, output, self.name)

    def scores(self, outputs: Outputs, fitted: Labels, output: str | None) -> Floats:
        """Return a score for each sample.

        Raises:
            ModelFailed: an output is NaN or infinite, so that a mean error has no value.
            UsageError: the user's function failed.
        """
        if output is None or self._own is not None:
            assert self._own is not None  # noqa: S101  # see output_of
            named = outputs if output is None else {output: outputs[output]}
            return self._own.scores({name: without_batch(values) for name, values in named.items()}, fitted)
        values = outputs[output]
        flat = _as_floats(values, output).reshape(len(values), -1)
        if self.name in _TOP:
            return _among_largest(flat, fitted, _TOP[self.name])
        differences = flat - fitted.reshape(len(values), -1)
        odd = int((~np.isfinite(flat).all(axis=1)).sum())
        if odd:
            raise ModelFailed(
                f"the output {output!r} is NaN or infinite for {odd} of {len(values)} samples: {self.name} has no value"
            )
        per_element = np.square(differences) if self.name == "mse" else np.abs(differences)
        means: Floats = per_element.mean(axis=1)
        return means


def task_metric(name: str) -> TaskMetric:
    """Return the metric of that name.

    Raises:
        UsageError: there is none, or the user's function cannot be loaded.
    """
    if name in NAMES:
        return TaskMetric(name=name, better="higher" if name in _TOP else "lower")
    if ":" in name:
        return TaskMetric(name=name, better=None, _own=user_metric(name))
    raise UsageError(f"{name!r} is no metric", remedy=f"{', '.join(NAMES)}, or your own as module:function")


def without_batch(values: NDArray[Any]) -> NDArray[Any]:
    """Return outputs without the size of 1 that a batch of one has."""
    return values[:, 0] if values.ndim > 1 and values.shape[1] == 1 else values


def _as_floats(values: NDArray[Any], output: str) -> Floats:
    if values.dtype.kind not in "fiub":
        raise UsageError(f"the output {output!r} holds text", remedy="judge it by your own module:function")
    return values.astype(np.float64)


def _count_of_classes(sample: tuple[int, ...], output: str | None, metric: str) -> int:
    sizes = [size for size in sample if size != 1]
    own = "or judge it by your own module:function"
    if len(sizes) > 1:
        raise UsageError(
            f"the output {output!r} is {_shape(sample)}; {metric} takes one score for each class",
            remedy=f"name another output with --output, {own}",
        )
    classes = sizes[0] if sizes else 1
    if classes < 2:
        raise UsageError(
            f"the output {output!r} is one number; {metric} takes one score for each class", remedy=own[3:]
        )
    if classes <= _TOP[metric]:
        raise UsageError(f"with {classes} classes {metric} is always right", remedy="--metric top1")
    return classes


def _classes(labels: Labels, classes: int, metric: str) -> NDArray[np.int64]:
    if labels.dtype.kind not in "fiub":
        raise UsageError(f"the labels hold {labels.dtype.name}; {metric} takes class numbers", remedy="0 is the first")
    squeezed = _squeezed(labels)
    if squeezed.ndim == 2:
        return _from_one_hot(squeezed, classes, metric)
    if squeezed.ndim != 1:
        raise UsageError(f"a label is {_shape(labels.shape[1:])}; {metric} takes one class number for each sample")
    with np.errstate(invalid="ignore"):
        whole = squeezed.astype(np.int64)
    wrong = np.flatnonzero(whole != squeezed)  # NaN equals nothing
    if len(wrong):
        raise UsageError(
            f"the label of sample {wrong[0]} is {squeezed[wrong[0]]:g}; {metric} takes class numbers",
            remedy="0 is the first",
        )
    beyond = np.flatnonzero((whole < 0) | (whole >= classes))
    if len(beyond):
        raise UsageError(
            f"the label of sample {beyond[0]} is {whole[beyond[0]]}, the output has the classes 0 to {classes - 1}",
            remedy="count classes from 0" if whole.min() == 1 and whole.max() == classes else None,
        )
    return whole


def _from_one_hot(labels: Labels, classes: int, metric: str) -> NDArray[np.int64]:
    if labels.shape[1] != classes:
        raise UsageError(f"a label has {labels.shape[1]} numbers, the output has {classes} classes")
    wrong = np.flatnonzero(((labels != 0) & (labels != 1)).any(axis=1) | ((labels == 1).sum(axis=1) != 1))
    if len(wrong):
        raise UsageError(
            f"the label of sample {wrong[0]} is no one-hot row (a single 1 among 0s); {metric} takes those or class numbers"
        )
    found: NDArray[np.int64] = labels.argmax(axis=1).astype(np.int64)
    return found


def _targets(labels: Labels, sample: tuple[int, ...], output: str | None, metric: str) -> Floats:
    if labels.dtype.kind not in "fiub":
        raise UsageError(f"the labels hold {labels.dtype.name}; {metric} takes numbers")
    ours, theirs = ([size for size in shape if size != 1] for shape in (labels.shape[1:], sample))
    if ours != theirs:
        raise UsageError(
            f"a label is {_shape(labels.shape[1:])}, the output {output!r} is {_shape(sample)}: {metric} takes labels like the output"
        )
    targets = labels.astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(targets.reshape(len(targets), -1)).all(axis=1))
    if len(wrong):
        raise UsageError(f"the label of sample {wrong[0]} is NaN or infinite")
    return targets


def _among_largest(values: Floats, labels: NDArray[np.int64], top: int) -> Floats:
    rows = np.arange(len(values))
    # NaN is never the largest, as in the code of an app that compares with `>`.
    ranked = np.where(np.isnan(values), -np.inf, values)
    own = ranked[rows, labels][:, None]
    before = np.arange(values.shape[1]) < labels[:, None]
    ahead = (ranked > own).sum(axis=1) + ((ranked == own) & before).sum(axis=1)
    right: Floats = ((ahead < top) & ~np.isnan(values[rows, labels])).astype(np.float64)
    return right


def _squeezed(labels: Labels) -> Labels:
    sizes = [size for size in labels.shape[1:] if size != 1]
    return labels.reshape(len(labels), *sizes)


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "a single number"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
