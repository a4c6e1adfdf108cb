"""Samples for a model's signatures: those of a calibration file, bound by input name, or random ones.

Converters take inputs by position and do not check them. So this module checks names, shapes, types and values first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.models.arrays_file import Arrays, sample_count
from harness.models.tensor_facts import TensorFacts, as_stored

SEED = 13
"""Of random samples."""

RANDOM_SAMPLES = 4
CHECKED_SAMPLES = 8
"""Most samples of a calibration file for checking a variant."""

Signatures = Mapping[str, Sequence[TensorFacts]]
"""The inputs of each signature; a model without signatures has the one key ``."""
Samples = dict[str, dict[str, NDArray[Any]]]
"""By signature and input; first axis = samples, then the input's whole shape."""


def bound_samples(arrays: Arrays, signatures: Signatures, path: str) -> Samples:
    """Bind the arrays of a calibration file to the inputs of each signature. Arrays without an input of their name are left out.

    Args:
        arrays: what the file holds.
        signatures: inputs with fixed shapes.
        path: the file as the user wrote it.

    Raises:
        UsageError: an input has no array; shapes, types or numbers of samples do not fit; a value is NaN or infinite.
    """
    bound: Samples = {}
    for key, inputs in signatures.items():
        missing = [one.name for one in inputs if one.name not in arrays]
        if missing:
            of = f" of the signature {key!r}" if len(signatures) > 1 else ""
            raise UsageError(
                f"{path} holds no samples for the input {missing[0]!r}{of}",
                remedy=f"it holds {_listed(arrays)}; the model takes {_listed(one.name for one in inputs)}",
            )
        sample_count({one.name: arrays[one.name] for one in inputs}, path)
        bound[key] = {one.name: _fitted(arrays[one.name], one, path) for one in inputs}
    return bound


def random_samples(signatures: Signatures) -> Samples:
    """Return a few samples from a fixed seed: floats from 0 to 1, integers 0 and 1 (valid for every table), strings of words."""
    generator = np.random.default_rng(SEED)
    return {
        key: {one.name: _random(generator, (RANDOM_SAMPLES, *one.shape), one.dtype) for one in inputs}
        for key, inputs in signatures.items()
    }


def first_samples(samples: Samples, count: int) -> Samples:
    """Return the first samples of each signature."""
    return {key: {name: values[:count] for name, values in by_input.items()} for key, by_input in samples.items()}


def kept_samples(arrays: Arrays, signatures: Signatures, path: str, folder: Path) -> Samples:
    """Write all samples for calibration, and return the few for checking variants.

    Args:
        arrays: of the calibration file; empty without one.
        signatures: inputs with fixed shapes.
        path: the calibration file as the user wrote it.
        folder: gets `samples.npz` and, if there are arrays, `calibration.npz`.

    Raises:
        UsageError: the calibration does not fit.
    """
    if arrays:
        bound = bound_samples(arrays, signatures, path)
        write_samples(folder / "calibration.npz", bound)
        chosen = first_samples(bound, CHECKED_SAMPLES)
    else:
        chosen = random_samples(signatures)
    write_samples(folder / "samples.npz", chosen)
    return chosen


def stacked(answers: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Return the outputs of several samples as arrays, without those whose size depends on the values: they cannot be compared."""
    return {
        name: np.stack([one[name] for one in answers])
        for name in answers[0]
        if len({one[name].shape for one in answers}) == 1
    }


def write_samples(path: Path, samples: Samples) -> None:
    """Write samples or outputs of several signatures into one .npz file. Names are stored separately: they may not be valid file names."""
    names: list[tuple[str, str]] = []
    arrays: dict[str, NDArray[Any]] = {}
    for key, by_name in samples.items():
        for name, values in by_name.items():
            arrays[str(len(names))] = values if values.dtype != object else values.astype("S")
            names.append((key, name))
    with path.open("wb") as stream:
        np.savez(stream, allow_pickle=False, names=np.array(json.dumps([list(samples), names])), **arrays)


def read_samples(path: Path) -> Samples:
    """Read what `write_samples` wrote."""
    with np.load(path, allow_pickle=False) as archive:
        keys, names = json.loads(str(archive["names"]))
        found: Samples = {key: {} for key in keys}
        for number, (key, name) in enumerate(names):
            values = archive[str(number)]
            found[key][name] = values.astype(object) if values.dtype.kind == "S" else values
    return found


def _fitted(values: NDArray[Any], facts: TensorFacts, path: str) -> NDArray[Any]:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        odd = int((~np.isfinite(values)).sum())
        held = "a value that is" if odd == 1 else f"{odd} values that are"
        raise UsageError(f"{path}: {facts.name!r} holds {held} NaN or infinite")
    if facts.dtype == "object":
        if values.dtype.kind not in "SU":
            raise UsageError(f"{path}: {facts.name!r} holds {values.dtype.name}, the model takes text")
        values = np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values
        values = _batched(values.astype(object), facts)
        if values.ndim == len(facts.shape):
            values = values[:, np.newaxis]
        if values.shape[1:] != facts.shape:
            raise UsageError(f"{path}: a sample of {facts.name!r} is {list(values.shape[1:])}, not {list(facts.shape)}")
        return values
    try:
        return as_stored(_batched(values, facts), facts)
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", remedy=error.remedy) from None


def _batched(values: NDArray[Any], facts: TensorFacts) -> NDArray[Any]:
    """Group samples that leave out a batch greater than 1; the first ones fill up the last group."""
    batch = facts.shape[0] if facts.shape else 1
    if batch < 2 or values.shape[1:] != facts.shape[1:] or not len(values):
        return values
    count = -(-len(values) // batch)
    return np.resize(values, (count * batch, *values.shape[1:])).reshape(count, batch, *values.shape[1:])


def _random(generator: np.random.Generator, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    if dtype == "object":
        words = np.array([b"the", b"movie", b"was", b"good"], dtype=object)
        chosen: NDArray[Any] = words[generator.integers(0, len(words), shape)]
        return chosen
    kind = np.dtype(dtype)
    if kind.kind in "fc":
        return generator.random(shape).astype(kind)
    return generator.integers(0, 2, shape).astype(kind)


def _listed(names: Any) -> str:
    shown = sorted(map(str, names))
    return ", ".join(map(repr, shown[:6])) + (", ..." if len(shown) > 6 else "")
