"""Loads a source once, for all variants: finds its inputs, its outputs for a few samples, and its SavedModel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import ModelFailed, UsageError
from harness.litert_host.model_file import ModelError, open_graph
from harness.models.arrays_file import read_arrays
from harness.models.check_samples import (
    CHECKED_SAMPLES,
    bound_samples,
    first_samples,
    random_samples,
    write_samples,
)
from harness.models.converter_errors import explained, explained_death
from harness.models.file_facts import file_facts
from harness.models.host_run import run_on_host
from harness.models.tensor_facts import TensorFacts
from harness.models.worker_process import WorkerCall, WorkerDied, Workers

ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",  # converting needs no GPU, and TensorFlow would take all of its memory
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_USE_LEGACY_KERAS": "0",
}
"""Environment of every worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """Facts about a loaded source."""

    signatures: Mapping[str, tuple[TensorFacts, ...]]
    """Inputs by signature, without open dimensions."""
    fake_quantised: bool = False
    """Whether it was trained for quantisation, and so holds its own ranges."""
    loops: bool = False
    """Whether it has loops; recurrent layers that are not unrolled are loops."""
    recurrent: tuple[str, ...] = ()
    """Names of recurrent layers."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "signatures": {key: [one.as_json() for one in inputs] for key, inputs in self.signatures.items()},
            "fake_quantised": self.fake_quantised,
            "loops": self.loops,
            "recurrent": list(self.recurrent),
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> SourceFacts:
        """Return what `as_json` wrote, or what the worker answered."""
        return SourceFacts(
            signatures={
                key: tuple(TensorFacts.from_json(one) for one in inputs) for key, inputs in value["signatures"].items()
            },
            fake_quantised=value["fake_quantised"],
            loops=value["loops"],
            recurrent=tuple(value["recurrent"]),
        )


def load_source(
    call: WorkerCall, workers: Workers, *, has_legacy: bool, told: Callable[[str], None]
) -> tuple[SourceFacts, Path]:
    """Load a Keras model or a SavedModel in a worker, and return its facts and the exported SavedModel.

    If one version of Keras refuses the model, the other one tries once.

    Args:
        call: the worker's call; its request's folder gets `samples.npz`, `reference.npz` and, if there is a calibration,
            `calibration.npz` (see `check_samples.write_samples`).
        workers: run the call.
        has_legacy: whether Keras 2 (tf-keras) is installed.
        told: progress.

    Raises:
        UsageError: the request does not fit the source.
        ModelFailed: the source cannot be loaded.
    """
    try:
        answer = workers.run(call, told)
        other = answer.get("other_keras")
        if other is None and "add_slot" in answer.get("error", ""):
            other = True  # a SavedModel of Keras 2 with the state of its optimizer
        if other is not None and (has_legacy or not other):
            again = workers.run(_with_keras(call, legacy=other), told)
            # Keep the first error, unless the first process could not even try.
            answer = again if again.get("kind") != "raised" or not answer["type"] else answer
    except WorkerDied as died:
        raise explained_death(died, variant="source", loops=False, recurrent=()) from None
    if "error" in answer:
        if answer["kind"] == "usage":
            raise UsageError(answer["error"], remedy=answer["remedy"])
        if answer["kind"] == "failed":
            raise ModelFailed(answer["error"], remedy=answer["remedy"])
        known = explained(answer["type"], answer["error"], variant="source", select_tf_ops=True)
        remedy = known.remedy or ("pip install tf-keras" if other and not has_legacy else None)
        raise ModelFailed(f"it cannot be loaded: {known.message}", remedy=remedy, cause=known.cause)
    return SourceFacts.from_json(answer), Path(answer["saved_model"])


def load_tflite(path: Path, name: str, calibration: tuple[Path, str] | None, folder: Path) -> SourceFacts:
    """Do the work of `load_source` for a .tflite, without TensorFlow.

    Args:
        path: the file.
        name: as the user wrote it.
        calibration: the calibration file, and its name as the user wrote it.
        folder: gets the same files.

    Raises:
        UsageError: the calibration does not fit.
        ModelFailed: the file is damaged or does not run here.
    """
    try:
        graph, _size = open_graph(str(path))
    except ModelError:
        raise ModelFailed(f"{name} is no whole .tflite") from None
    keys = [one.key for one in graph.signatures] or [""]
    facts = file_facts(path)
    if facts.flex_ops:  # no runtime here can say what it takes
        for file in ("samples.npz", "reference.npz", "calibration.npz"):
            write_samples(folder / file, {})
        return SourceFacts(signatures={})
    runs = {key: run_on_host(path, None, signature=key or None) for key in keys}
    signatures = {key: tuple(_closed(one) for one in run.inputs) for key, run in runs.items()}
    if calibration is not None:
        bound = bound_samples(read_arrays(calibration[0]), signatures, calibration[1])
        write_samples(folder / "calibration.npz", bound)
        chosen = first_samples(bound, CHECKED_SAMPLES)
    else:
        chosen = random_samples(signatures)
    write_samples(folder / "samples.npz", chosen)
    reference = {key: run_on_host(path, fed, signature=key or None).values for key, fed in chosen.items()}
    write_samples(folder / "reference.npz", reference)
    return SourceFacts(signatures=signatures)


def _closed(facts: TensorFacts) -> TensorFacts:
    """Return an input with 1 for every open size, which is what the runtime allocates."""
    shape = tuple(1 if size < 0 else size for size in facts.shape)
    dtype = np.dtype(facts.dtype).name if facts.dtype not in ("object", "bytes") else "object"
    return TensorFacts(
        name=facts.name,
        tensor=facts.tensor,
        dtype=dtype,
        shape=shape,
        scale=facts.scale,
        zero_point=facts.zero_point,
    )


def _with_keras(call: WorkerCall, *, legacy: bool) -> WorkerCall:
    return replace(
        call,
        request={**call.request, "legacy": legacy},
        doing=f"{call.doing} with {'Keras 2' if legacy else 'Keras 3'}",
        shares_tensorflow=not legacy,
        environment={"TF_USE_LEGACY_KERAS": "1"} if legacy else {},  # read when TensorFlow is loaded
    )
