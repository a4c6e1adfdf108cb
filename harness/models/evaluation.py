"""The accuracy of a task: compares a model's outputs for a whole labelled set, computed on this host, with the labels."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.analysis.paired_accuracy import is_right_or_wrong
from harness.analysis.task_accuracy import mean_interval, share_interval
from harness.errors import UsageError
from harness.models.arrays_file import Arrays, sample_count
from harness.models.host_run import HostRun, run_on_host
from harness.models.task_metric import Outputs, TaskMetric, task_metric

Progress = Callable[[int, int], None]
"""Called with the number of samples so far and in all."""

FIRST_CHUNK = 64
"""Samples of the first process: few, so that labels that do not fit are found early."""

_CHUNK_BYTES = 64 << 20
_CHUNK_S = 20.0
_GROWTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A metric over a labelled set."""

    metric: str
    value: float
    """Mean of the scores: for top1 and top5 the share of right answers."""
    ci_low: float | None
    """95 % interval of the value; None if a single sample gives none."""
    ci_high: float | None
    n: int
    """Samples."""
    interval: Literal["clopper-pearson", "t"]
    """Clopper and Pearson's if every score is 0 or 1, else Student's."""
    better: Literal["higher", "lower"] | None
    """None for the user's own metric."""
    per_sample: NDArray[np.float64]
    """The score of each sample, in their order."""


def evaluate(
    path: Path | str,
    samples: Arrays,
    labels: NDArray[Any],
    metric: str | TaskMetric,
    *,
    signature: str | None = None,
    output: str | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Evaluation:
    """Run a .tflite for every sample with LiteRT's built-in kernels, and score its outputs.

    Args:
        path: the model.
        samples: arrays by input name, first axis = samples; other arrays are ignored. They are read in parts, so they may be
            memory-mapped and larger than the memory.
        labels: one for each sample.
        metric: `top1`, `top5`, `mse`, `mae` or `module:function`; see `task_metric`.
        signature: the model's signature that runs; None if it has at most one.
        output: the output that is judged; None if it has one.
        progress: called after each part.

    Raises:
        UsageError: samples, labels, metric, signature or output do not fit the model or each other.
        ModelFailed: the model does not run here, or gives outputs that have no score.

    Example:
        evaluate("digits.tflite", {"image": images}, digits, "top1").value
    """
    judge = metric if isinstance(metric, TaskMetric) else task_metric(metric)
    facts = run_on_host(path, None, signature=signature)
    given = _inputs(samples, facts, Path(path))
    total = sample_count(given, "the data")
    _require_a_label_each(labels, total)
    judged = judge.output_of([one.name for one in facts.outputs], output)
    scores: list[NDArray[np.float64]] = []
    fitted: NDArray[Any] | None = None
    done, count = 0, FIRST_CHUNK
    while done < total:
        end = min(total, done + count)
        began_s = time.monotonic()
        run = run_on_host(
            path,
            {name: values[done:end] for name, values in given.items()},
            signature=signature,
            threads=len(os.sched_getaffinity(0)),
        )
        outputs = run.values
        if fitted is None:
            fitted = judge.fitted(labels, () if judged is None else outputs[judged].shape[1:], judged)
        scores.append(judge.scores(outputs, fitted[done:end], judged))
        count = _next_count(end - done, time.monotonic() - began_s, run)
        done = end
        progress(done, total)
    return summary_of(judge, np.concatenate(scores))


def evaluation_of(
    metric: str | TaskMetric, outputs: Outputs, labels: NDArray[Any], *, output: str | None = None
) -> Evaluation:
    """Score existing outputs, such as those of a device.

    Args:
        metric: as in `evaluate`.
        outputs: by name, as numbers (dequantised), first axis = samples.
        labels: one for each sample.
        output: as in `evaluate`.

    Raises:
        UsageError, ModelFailed: as `evaluate`.
    """
    judge = metric if isinstance(metric, TaskMetric) else task_metric(metric)
    _require_a_label_each(labels, sample_count(outputs, "the outputs"))
    judged = judge.output_of(list(outputs), output)
    fitted = judge.fitted(labels, () if judged is None else outputs[judged].shape[1:], judged)
    return summary_of(judge, judge.scores(outputs, fitted, judged))


def summary_of(metric: TaskMetric, scores: NDArray[np.float64]) -> Evaluation:
    """Return the mean of scores with its interval."""
    n, value = len(scores), float(scores.mean())
    shares = is_right_or_wrong(scores) and metric.name not in ("mse", "mae")
    bounds = share_interval(int(scores.sum()), n) if shares else mean_interval(scores)
    if bounds is not None and metric.better == "lower":  # no mean error is below 0
        bounds = max(0.0, bounds[0]), bounds[1]
    return Evaluation(
        metric=metric.name,
        value=value,
        ci_low=None if bounds is None else bounds[0],
        ci_high=None if bounds is None else bounds[1],
        n=n,
        interval="clopper-pearson" if shares else "t",
        better=metric.better,
        per_sample=scores,
    )


def _inputs(samples: Arrays, facts: HostRun, path: Path) -> dict[str, NDArray[Any]]:
    given: dict[str, NDArray[Any]] = {}
    for one in facts.inputs:
        name = one.name if one.name in samples else one.tensor
        if name not in samples:
            raise UsageError(
                f"the data hold no samples of {path.name}'s input {one.name!r}",
                remedy=f"name an array {one.name!r}; there are {', '.join(map(repr, sorted(samples))) or 'none'}",
            )
        given[name] = samples[name]
    if not given:
        raise UsageError(f"{path.name} has no input", remedy="there is nothing to evaluate")
    return given


def _require_a_label_each(labels: NDArray[Any], total: int) -> None:
    if not labels.ndim:
        raise UsageError("the labels are a single number; their first axis must count the samples")
    if len(labels) != total:
        raise UsageError(f"there are {len(labels)} labels for {total} samples")


def _next_count(count: int, took_s: float, run: HostRun) -> int:
    """Return the number of samples for the next process: they must fit into memory, and be few enough for progress to show."""
    stored = sum(values.nbytes for part in (run.fed, run.stored) for values in part.values())
    by_memory = int(_CHUNK_BYTES * count / stored) if stored else count * _GROWTH
    by_time = int(_CHUNK_S * count / took_s) if took_s > 0 else count * _GROWTH
    return max(1, min(by_memory, by_time, count * _GROWTH))
