"""Runs a model on this host, in its own process, and returns its outputs by name."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import ModelFailed, UsageError
from harness.models.arrays_file import Arrays, sample_count
from harness.models.tensor_facts import TensorFacts, dequantised
from harness.records.causes import Cause

Kernels = Literal["builtin", "xnnpack"]
"""`builtin`: the reference for every delegate; `xnnpack`: the delegate that LiteRT applies on the CPU by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRun:
    """A model's inputs and outputs, and their values for the samples."""

    signature: str | None
    """The signature that ran; None if the model has none."""
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    fed: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """The inputs as the tensors store them, by name; first axis = samples."""
    stored: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """The outputs as the tensors store them, by name; first axis = samples."""
    kept: Mapping[int, NDArray[Any]] = field(default_factory=dict)
    """The tensors that `keep` names, as stored, by number; first axis = samples. Tensors that the runtime does not give are missing."""

    @property
    def values(self) -> dict[str, NDArray[Any]]:
        """The outputs as numbers: dequantised where the tensor is quantised."""
        return {one.name: dequantised(self.stored[one.name], one) for one in self.outputs if one.name in self.stored}


def run_on_host(
    path: Path | str,
    samples: Arrays | None,
    *,
    signature: str | None = None,
    kernels: Kernels = "builtin",
    threads: int = 1,
    timeout_s: float = 600.0,
    keep: Sequence[int] = (),
    subgraph: int = 0,
) -> HostRun:
    """Run a .tflite once for each sample, with LiteRT's own kernels.

    Args:
        path: the model.
        samples: arrays by input name (or tensor name), first axis = samples; None only allocates the model and describes its tensors.
        signature: the one to run; None if the model has at most one.
        kernels: see `Kernels`.
        threads: of the runtime.
        timeout_s: the most seconds that it may take.
        keep: numbers of further tensors whose values to return after each sample.
        subgraph: the subgraph of these tensors.

    Raises:
        UsageError: the samples or the signature do not fit the model.
        ModelFailed: the model does not load, allocate or run, or crashed the process.

    Example:
        run_on_host("digits.tflite", {"image": np.zeros((1, 8, 8, 1), np.float32)}).values["label"]
    """
    with tempfile.TemporaryDirectory(prefix="harness-model-") as scratch:
        folder = Path(scratch)
        request = {
            "model": str(Path(path).resolve()),
            "signature": signature,
            "kernels": kernels,
            "threads": threads,
            "names": None if samples is None else list(samples),
            "count": None if samples is None else sample_count(samples, path),
            "keep": list(keep),
            "subgraph": subgraph,
        }
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        if samples is not None:
            np.savez(
                folder / "inputs.npz",
                allow_pickle=False,
                **{str(number): array for number, array in enumerate(samples.values())},
            )
        _wait(folder, Path(path), timeout_s)
        answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
        if "error" in answer:
            if answer["usage"]:
                raise UsageError(f"{Path(path).name}: {answer['error']}", remedy=answer["remedy"])
            raise ModelFailed(f"{Path(path).name} does not run here: {answer['error']}", remedy=answer["remedy"])
        inputs, outputs = (tuple(TensorFacts.from_json(one) for one in answer[key]) for key in ("inputs", "outputs"))
        with np.load(folder / "outputs.npz", allow_pickle=False) as archive:
            made = dict(archive)
    return HostRun(
        signature=answer["signature"],
        inputs=inputs,
        outputs=outputs,
        fed={one.name: made[f"in{number}"] for number, one in enumerate(inputs) if f"in{number}" in made},
        stored={one.name: made[f"out{number}"] for number, one in enumerate(outputs) if f"out{number}" in made},
        kept={number: made[f"kept{number}"] for number in keep if f"kept{number}" in made},
    )


def _wait(folder: Path, path: Path, timeout_s: float) -> None:
    """Run the worker to its end."""
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "harness.models.host_worker", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelFailed(f"{path.name} did not end within {timeout_s:g} s on this host", cause=Cause.TIMEOUT) from None
    if (folder / "answer.json").exists():
        return
    said = ended.stderr.decode("utf-8", "replace").strip().splitlines()
    last = f": {said[-1][:300]}" if said else ""
    if ended.returncode < 0:
        name = (
            signal.Signals(-ended.returncode).name
            if -ended.returncode in set(signal.Signals)
            else str(-ended.returncode)
        )
        raise ModelFailed(f"{path.name} ended the runtime on this host with {name}{last}", cause=Cause.CRASHED)
    raise ModelFailed(f"{path.name} does not run here{last}")
