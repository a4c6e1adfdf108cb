"""Finds the layer that goes wrong: matches tensors of two variants by name, and ranks them by their error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.litert_host.schema_names import operator_name
from harness.models.arrays_file import Arrays
from harness.models.contents import dtype_of
from harness.models.model_pair import ModelPair, ModelSide, run_pair
from harness.models.output_error import OutputError, output_error
from harness.models.tensor_facts import NUMERIC, TensorFacts, dequantised

SAMPLES = 4
"""Most samples whose tensors are kept: all tensors of a model can take hundreds of megabytes per sample."""
_MOST_BYTES = 1 << 30
_SUFFIXES = ("_quantized", "_quantize", "_dequantized", "_dequantize", "_requantized", "_dequant", "_quant")
_SIZES = {"float64": 8, "int64": 8, "float32": 4, "int32": 4, "uint32": 4, "float16": 2, "int16": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerError:
    """The error of a tensor of the other model against the reference's."""

    tensor: str
    node: int
    """Index of the other model's node that makes it, in execution order."""
    op: str
    error: OutputError
    loss_db: float | None
    """The signal to noise ratio that this node lost, compared with the worst of its matched inputs; None if either is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerErrors:
    """The tensors that could be matched, worst first."""

    layers: tuple[LayerError, ...]
    matched: int
    total: int
    """Number of tensors that the other model's ops make."""
    samples: int


def layer_errors(pair: ModelPair, samples: Arrays) -> LayerErrors:
    """Run both models once more with all tensors kept, and compare those of equal name.

    Suffixes that quantisers add to names are ignored. NaN comes first, then the lowest signal to noise ratio.

    Raises:
        UsageError: the samples do not fit a model.
        ModelFailed: a model does not run here.
    """
    places = [_places(side) for side in (pair.reference, pair.other)]
    names = [name for name in places[1] if name in places[0]]
    for one, its in pair.outputs.items():  # an output's tensor may be named after its index only
        _add_output(pair, one, its, places, names)
    largest = max(
        sum(_bytes(side, place[name]) for name in names) for side, place in zip(_sides(pair), places, strict=True)
    )
    count = max(1, min(SAMPLES, len(next(iter(samples.values()))) if samples else 1, _MOST_BYTES // max(1, largest)))
    few = {name: values[:count] for name, values in samples.items()}
    keep = [[place[name] for name in names] for place in places]
    runs = run_pair(pair, few, keep=(keep[0], keep[1]))
    found: dict[int, LayerError] = {}
    subgraph = pair.other.graph.subgraphs[pair.other.subgraph]
    makers = {index: number for number, node in enumerate(subgraph.operators) for index in node.outputs}
    for name in names:
        ours, theirs = (place[name] for place in places)
        if ours not in runs[0].kept or theirs not in runs[1].kept:
            continue
        values = [
            dequantised(run.kept[index], _facts(side, index))
            for run, side, index in zip(runs, _sides(pair), (ours, theirs), strict=True)
        ]
        if values[0].shape != values[1].shape or any(one.dtype.kind not in "fiub" for one in values):
            continue
        found[theirs] = LayerError(
            tensor=name,
            node=makers[theirs],
            op=operator_name(subgraph.operators[makers[theirs]]),
            error=output_error(name, values[0], values[1]),
            loss_db=None,
        )
    layers = [
        replace(one, loss_db=_loss(one, [found[i] for i in subgraph.operators[one.node].inputs if i in found]))
        for one in found.values()
    ]
    return LayerErrors(
        layers=tuple(sorted(layers, key=_rank)), matched=len(layers), total=len(places[1]), samples=count
    )


def _sides(pair: ModelPair) -> tuple[ModelSide, ModelSide]:
    return pair.reference, pair.other


def plain_name(name: str) -> str:
    """Return a tensor's name without the suffixes that quantisers add."""
    shortened = True
    while shortened:
        shortened = False
        for suffix in _SUFFIXES:
            if name.endswith(suffix) and len(name) > len(suffix):
                name, shortened = name[: -len(suffix)], True
    return name


def _places(side: ModelSide) -> dict[str, int]:
    """Return the numbers of the tensors that ops make, by plain name. Of several with one name, the last counts: later ops use that one."""
    subgraph = side.graph.subgraphs[side.subgraph]
    made = [index for node in subgraph.operators for index in node.outputs]
    # Reading the value of a variable's handle crashes the runtime.
    made = [index for index in made if dtype_of(subgraph.tensors[index]) in NUMERIC]
    return {plain_name(subgraph.tensors[index].name): index for index in made}


def _add_output(pair: ModelPair, one: str, its: str, places: Sequence[dict[str, int]], names: list[str]) -> None:
    tensors = (
        next(shown.tensor for shown in pair.reference.outputs if shown.name == one),
        next(shown.tensor for shown in pair.other.outputs if shown.name == its),
    )
    plain = [plain_name(name) for name in tensors]
    if plain[0] == plain[1] or any(name not in place for name, place in zip(plain, places, strict=True)):
        return
    if plain[1] in places[0]:
        return  # another tensor of the reference has that name
    places[0][plain[1]] = places[0][plain[0]]
    names.append(plain[1])


def _bytes(side: ModelSide, index: int) -> int:
    tensor = side.graph.subgraphs[side.subgraph].tensors[index]
    return int(np.prod([max(1, size) for size in tensor.shape], dtype=np.int64)) * _SIZES.get(dtype_of(tensor), 1)


def _facts(side: ModelSide, index: int) -> TensorFacts:
    subgraph = side.graph.subgraphs[side.subgraph]
    quantization, tensor = subgraph.tensor_details[index].quantization, subgraph.tensors[index]
    whole = quantization is not None and len(quantization.scales) == 1 and dtype_of(tensor).startswith(("int", "uint"))
    return TensorFacts(
        name=tensor.name,
        tensor=tensor.name,
        dtype=dtype_of(tensor),
        shape=tensor.signature,
        scale=quantization.scales[0] if quantization is not None and whole else 0.0,
        zero_point=(quantization.zero_points or (0,))[0] if quantization is not None and whole else 0,
    )


def _loss(one: LayerError, inputs: Sequence[LayerError]) -> float | None:
    if one.error.snr_db is None or not inputs:
        return None
    before = [other.error.snr_db for other in inputs if other.error.snr_db is not None]
    return max(0.0, min(before) - one.error.snr_db) if before else None


def _rank(one: LayerError) -> tuple[int, float, int]:
    if one.error.nan:
        return 0, -one.error.nan, one.node
    if one.error.equal:
        return 3, 0.0, one.node
    if one.error.snr_db is None:  # the reference is all zero: nothing to relate the error to
        return 2, -(one.error.max_abs or 0.0), one.node
    return 1, one.error.snr_db, one.node


def as_mapping(error: OutputError) -> Mapping[str, str | float | int | bool | None]:
    """Return an error for JSON, the contract's keys first; values that are not finite become null."""
    figures = {key: getattr(error, key) for key in ("max_abs", "max_rel", "snr_db", "cosine", "argmax")}
    finite = {key: value if value is None or np.isfinite(value) else None for key, value in figures.items()}
    return {"name": error.name, **finite, "nan": error.nan, "equal": error.equal, "samples": error.samples}
