"""Prepares the accuracy trials of a run on this host: their inputs, and the outputs that they are held against."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from harness.api.run_watcher import RunWatcher
from harness.errors import ModelFailed, SuiteError, UsageError
from harness.models.accuracy_case import AccuracyCase, FedLayer
from harness.models.accuracy_samples import as_values, chosen_samples, random_samples
from harness.models.host_run import HostRun, run_on_host
from harness.models.tool_tensors import ToolTensors, tool_tensors
from harness.records import ModelRef, Purpose
from harness.records.accuracy import (
    DEFAULT_LIMITS,
    DEFAULT_REFERENCE_LIMITS,
    MANY_SAMPLES,
    AccuracyPlan,
)
from harness.records.spans import span
from harness.suite.model_sources import ModelSource
from harness.suite.suite_file import LoadedSuite, Suite

Samples = Mapping[str, NDArray[Any]]
CaseOrReason = AccuracyCase | str
"""What a model's accuracy trials need, or the reason why they are skipped."""


def accuracy_plan(suite: Suite, seed: int) -> AccuracyPlan | None:
    """Return samples, reference and limits of a suite's accuracy trials; None if it asks for no such trials.

    Args:
        suite: the suite.
        seed: of random inputs.
    """
    if Purpose.ACCURACY not in suite.purposes:
        return None
    asked = suite.accuracy
    return AccuracyPlan(
        samples=asked.samples,
        reference=asked.reference or "fp32",
        limits=asked.limits.limits() if asked.limits is not None else DEFAULT_LIMITS,
        reference_limits=(
            asked.reference_limits.limits() if asked.reference_limits is not None else DEFAULT_REFERENCE_LIMITS
        ),
        seed=seed,
    )


def accuracy_cases(
    loaded: LoadedSuite, plan: AccuracyPlan | None, folder: Path, watcher: RunWatcher
) -> dict[ModelRef, CaseOrReason]:
    """Run each model on this host, and write the files that its accuracy trials feed.

    Args:
        loaded: the suite with its models.
        plan: samples, reference and limits; without them there are no accuracy trials.
        folder: gets the files; it must stay until the run ends.
        watcher: hears what takes time.

    Raises:
        SuiteError: the samples do not fit their model, or are too few for a limit.
    """
    if plan is None:
        return {}
    found: dict[ModelRef, CaseOrReason] = {}
    groups: dict[str, list[ModelRef]] = {}
    for model in loaded.models:
        groups.setdefault(model.name, []).append(model)
    with span("prepare accuracy"), watcher.phase("running the models on this host"):
        for name, models in groups.items():
            sources = [one for one in loaded.sources if one.name == name]
            if sources and all(model.variant != plan.reference for model in models):
                watcher.warning(
                    f"{name} has no variant {plan.reference}: its variants are compared with this host's kernels only"
                )
            found |= _Preparation(loaded, plan, folder, sources).cases(models)
    return found


class _Preparation:
    """Prepares all variants of one model, which get the same samples."""

    def __init__(self, loaded: LoadedSuite, plan: AccuracyPlan, folder: Path, sources: Sequence[ModelSource]) -> None:
        self._loaded, self._plan, self._folder = loaded, plan, folder
        self._sources = sources
        self._samples: Samples | None = None
        self._from = ""
        self._labels: tuple[str, NDArray[Any]] | None = None
        """The task's metric and the label of each sample."""
        self._reference: HostRun | None = None

    def cases(self, models: Sequence[ModelRef]) -> dict[ModelRef, CaseOrReason]:
        found: dict[ModelRef, CaseOrReason] = {}
        # The reference first: the others are compared with it, and random samples are made for it.
        for model in sorted(models, key=lambda one: one.variant != self._plan.reference):
            try:
                found[model] = self._case(model)
            except SuiteError:
                raise
            except (ModelFailed, UsageError) as error:
                found[model] = f"it cannot be compared with this host's kernels: {error}"
        return found

    def _case(self, model: ModelRef) -> CaseOrReason:
        order = tool_tensors(model.path, model.signature)
        if self._samples is None:
            self._samples, self._from = self._chosen(model, order)
        try:
            run = run_on_host(model.path, self._samples, signature=order.signature)
        except UsageError as error:
            if self._from.startswith("random"):
                raise
            raise self._wrong(str(error)) from None
        if (reason := _unfeedable(run, order)) is not None:
            return reason
        reference = None
        if model.variant == self._plan.reference:
            self._reference = run
        elif model.variant is not None and self._reference is not None:
            reference = _by_name(self._reference, run)
        return AccuracyCase(
            plan=self._plan,
            count=len(next(iter(run.fed.values()))),
            inputs_from=self._from,
            layers=tuple(self._layer(run, name, tensor) for name, tensor in order.inputs),
            outputs=tuple(name for name in order.outputs if name),
            facts={one.name: one for one in run.outputs if one.name in order.outputs},
            expected=run.stored,
            reference=reference,
            reference_variant=self._plan.reference if reference is not None else None,
            metric=self._labels[0] if self._labels is not None else None,
            labels=self._labels[1] if self._labels is not None else None,
        )

    def _chosen(self, model: ModelRef, order: ToolTensors) -> tuple[Samples, str]:
        """Samples of the labelled data, else of the calibration, else random ones; and their origin."""
        for kind in ("evaluate", "calibration"):
            for source in self._sources:
                labelled = source.evaluation.data if source.evaluation is not None else None
                data = source.calibration if kind == "calibration" else labelled
                if data is None:
                    continue
                try:
                    samples, places = chosen_samples(data, self._plan.samples)
                except UsageError as error:
                    raise self._wrong(str(error)) from None
                self._refuse_too_few(len(places), data)
                if kind == "evaluate" and source.evaluation is not None:
                    labels = samples.pop(source.evaluation.labels, None)
                    self._labels = None if labels is None else (source.evaluation.metric, labels)
                return samples, f"{kind}, {len(places)} samples of {data.name}"
        facts = run_on_host(model.path, None, signature=order.signature)
        samples = random_samples(facts.inputs, self._plan.samples, self._plan.seed, model.inputs)
        return as_values(samples, facts.inputs), f"random, seed {self._plan.seed}"

    def _refuse_too_few(self, count: int, data: Path) -> None:
        limits = (self._plan.limits.argmax, self._plan.reference_limits.argmax)
        if count < MANY_SAMPLES and any(one is not None for one in limits):
            raise self._wrong(
                f"{data} has {count} samples, and a limit for argmax takes {MANY_SAMPLES}", "leave `argmax` out"
            )

    def _wrong(self, message: str, remedy: str | None = None) -> SuiteError:
        key = ("models", self._sources[0].index) if self._sources else ("models",)
        return self._loaded.wrong(message, key, remedy)

    def _layer(self, run: HostRun, name: str, tensor: str) -> FedLayer:
        values = run.fed[name]
        data = values.tobytes()
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._folder / f"{sha256}.inputs"
        if not path.exists():
            path.write_bytes(data)
        return FedLayer(name=tensor, shape=values.shape[1:], path=path, sha256=sha256, sample_bytes=values[0].nbytes)


def _unfeedable(run: HostRun, order: ToolTensors) -> str | None:
    """Say why the tool cannot be fed this model's inputs, or its outputs cannot be read; None if both can be."""
    if "" in order.outputs:
        return "its signature leaves an output out, so nobody can tell which bytes are whose"
    for one in (*run.inputs, *run.outputs):
        if one.dtype == "object":
            return f"{one.name!r} holds text, which cannot be compared"
    for one in run.inputs:
        if not run.fed[one.name].shape[1:]:
            return f"the input {one.name!r} is a single number, for which benchmark_model's flags have no shape"
    return None


def _by_name(reference: HostRun, run: HostRun) -> dict[str, NDArray[Any]]:
    """Return the reference's outputs under the names of a variant; a converter that renames all of them keeps their order."""
    ours, theirs = [one.name for one in run.outputs], [one.name for one in reference.outputs]
    values = reference.values
    if set(ours) == set(theirs):
        return values
    if len(ours) != len(theirs):
        raise ModelFailed(f"it has {len(ours)} outputs and the reference {len(theirs)}")
    return {ours[place]: values[name] for place, name in enumerate(theirs)}
