"""Evaluates the variants of a suite's sources on this host, on their labelled data, before any device is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from harness.analysis.paired_accuracy import paired_test
from harness.analysis.task_accuracy import LEVEL
from harness.api.run_watcher import RunWatcher
from harness.errors import ModelFailed, UsageError
from harness.models.evaluation import Evaluation, evaluate
from harness.models.mapped_arrays import open_arrays
from harness.models.task_metric import TaskMetric, task_metric
from harness.records import ModelRef
from harness.records.spans import span
from harness.records.variants import TaskAccuracy, reference_variant
from harness.suite.model_sources import ModelSource
from harness.suite.suite_file import LoadedSuite


def evaluated(loaded: LoadedSuite, watcher: RunWatcher) -> tuple[TaskAccuracy, ...]:
    """Return the accuracy of each variant of each source that has labelled data.

    A variant that does not run here has a row without a value, and its reason.

    Args:
        loaded: the suite, its sources converted.
        watcher: hears of the progress.

    Raises:
        SuiteError: the data, the labels or the metric are wrong.
    """
    rows: list[TaskAccuracy] = []
    for source in loaded.sources:
        models = [one for one in loaded.models if one.name == source.name and one.variant is not None]
        if source.evaluation is None or not models:
            continue
        with span("evaluate", source=source.source), watcher.phase(f"evaluating {source.source} on this host"):
            try:
                rows += _of_source(loaded, source, models, watcher)
            except UsageError as error:
                raise loaded.wrong(error.message, ("models", source.index, "evaluate"), error.remedy) from None
    return tuple(rows)


def _of_source(
    loaded: LoadedSuite, source: ModelSource, models: Sequence[ModelRef], watcher: RunWatcher
) -> list[TaskAccuracy]:
    asked = source.evaluation
    assert asked is not None  # noqa: S101  # the caller has looked
    metric = task_metric(asked.metric)
    reference = reference_variant(
        [one.variant or "" for one in models],
        (loaded.suite.baseline or {}).get("variant"),
        loaded.suite.accuracy.reference,
    )
    base: Evaluation | None = None
    rows = []
    with open_arrays(asked.data) as arrays:
        labels = arrays.pop(asked.labels)
        for model in sorted(models, key=lambda one: one.variant != reference):
            watcher.notice(f"evaluating {model.label} on {len(labels):,} samples")
            row, found = _of_model(source, model, arrays, labels, metric)
            if model.variant == reference:
                base = found
            elif found is not None and base is not None:
                paired = paired_test(found.per_sample, base.per_sample)
                row = replace(row, against=reference, p_value=paired.p_value)
            rows.append(row)
    return rows


def _of_model(
    source: ModelSource, model: ModelRef, arrays: dict[str, NDArray[Any]], labels: NDArray[Any], metric: TaskMetric
) -> tuple[TaskAccuracy, Evaluation | None]:
    try:
        found = evaluate(model.path, arrays, labels, metric, signature=model.signature)
    except ModelFailed as error:
        nothing = TaskAccuracy(
            model=source.name, variant=model.variant or "", metric=metric.name, value=None, message=str(error)
        )
        return nothing, None
    row = TaskAccuracy(
        model=source.name,
        variant=model.variant or "",
        metric=metric.name,
        value=found.value,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        level=LEVEL,
        n=found.n,
        better=found.better,
    )
    return row, found
