"""Compares two models that should give the same outputs: matches inputs and outputs, runs both on this host, computes the errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ModelFailed, UsageError
from harness.litert_host.graph import Graph
from harness.models.arrays_file import Arrays
from harness.models.contents import ModelContents, ShownTensor, read_contents
from harness.models.host_run import HostRun, run_on_host
from harness.models.output_error import OutputError, output_error
from harness.records.causes import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSide:
    """One of the two models, with the chosen signature."""

    contents: ModelContents
    graph: Graph
    signature: str | None
    subgraph: int
    inputs: tuple[ShownTensor, ...]
    outputs: tuple[ShownTensor, ...]

    @property
    def path(self) -> Path:
        """Its file."""
        return Path(self.contents.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPair:
    """A reference and the model that is compared with it."""

    reference: ModelSide
    other: ModelSide
    inputs: Mapping[str, str]
    """The reference's names of inputs to the other model's."""
    outputs: Mapping[str, str]
    """The reference's names of outputs to the other model's."""
    notes: tuple[str, ...]


def pair_of(reference: Path, other: Path, signature: str | None) -> ModelPair:
    """Read two models and match their inputs and outputs: by name, else by position if number and shapes agree.

    Raises:
        ModelFailed: a file is not a model, or has Select TF ops, which do not run here.
        UsageError: there is no such signature, or inputs or outputs cannot be matched.
    """
    sides = [_side(path, signature) for path in (reference, other)]
    notes: list[str] = []
    inputs = _matched("inputs", sides[0].inputs, sides[1].inputs, notes)
    outputs = _matched("outputs", sides[0].outputs, sides[1].outputs, notes)
    return ModelPair(reference=sides[0], other=sides[1], inputs=inputs, outputs=outputs, notes=tuple(notes))


def _side(path: Path, signature: str | None) -> ModelSide:
    contents, graph = read_contents(path)
    if contents.select_tf_ops:
        raise ModelFailed(
            f"{path} does not run here: LiteRT has no Select TF ops ({', '.join(contents.select_tf_ops)})",
            remedy="compare it on a device, with a binary of `harness build --flex`",
            cause=Cause.OP_UNSUPPORTED,
        )
    keys = [one.key for one in contents.signatures]
    if signature is not None and signature not in keys:
        raise UsageError(
            f"{path} has no signature {signature!r}", remedy=f"it has {', '.join(map(repr, keys)) or 'none'}"
        )
    if signature is None and len(keys) > 1:
        raise UsageError(f"{path} has several signatures", remedy=f"--signature: one of {', '.join(keys)}")
    if not keys:
        return ModelSide(
            contents=contents, graph=graph, signature=None, subgraph=0, inputs=contents.inputs, outputs=contents.outputs
        )
    number = keys.index(signature) if signature is not None else 0
    return ModelSide(
        contents=contents,
        graph=graph,
        signature=keys[number],
        subgraph=graph.signatures[number].subgraph,
        inputs=contents.signatures[number].inputs,
        outputs=contents.signatures[number].outputs,
    )


def _matched(what: str, ours: Sequence[ShownTensor], theirs: Sequence[ShownTensor], notes: list[str]) -> dict[str, str]:
    names, others = [one.name for one in ours], [one.name for one in theirs]
    if set(names) == set(others):
        shapes = {one.name: one.shape for one in theirs}
        if what == "outputs" or all(_fit(one.shape, shapes[one.name]) for one in ours):
            return {name: name for name in names}
    if len(names) == len(others) and all(_fit(one.shape, two.shape) for one, two in zip(ours, theirs, strict=True)):
        pairs = ", ".join(f"{name!r} is {other!r}" for name, other in zip(names, others, strict=True) if name != other)
        notes.append(f"{what} are matched by position, because their names differ: {pairs}")
        return dict(zip(names, others, strict=True))
    shared = [name for name in names if name in others]
    if what == "outputs" and shared:
        left = [name for name in (*names, *others) if name not in shared]
        notes.append(f"only in one of the models, not compared: {', '.join(map(repr, left))}")
        return {name: name for name in shared}
    raise UsageError(
        f"the models have different {what}: {_listed(ours)}, and {_listed(theirs)}",
        remedy="compare variants of one source",
    )


def _fit(one: Sequence[int], two: Sequence[int]) -> bool:
    return len(one) == len(two) and all(a == b or -1 in (a, b) for a, b in zip(one, two, strict=True))


def _listed(tensors: Sequence[ShownTensor]) -> str:
    return ", ".join(f"{one.name!r} {'x'.join(map(str, one.shape)).replace('-1', '?')}" for one in tensors) or "none"


def run_pair(
    pair: ModelPair, samples: Arrays, *, keep: tuple[Sequence[int], Sequence[int]] = ((), ())
) -> tuple[HostRun, HostRun]:
    """Run both models on the same samples, with the built-in kernels.

    Args:
        pair: the models.
        samples: arrays by the reference's input names (or its tensors' names), first axis = samples.
        keep: numbers of tensors to keep, of either model.

    Raises:
        UsageError: the samples do not fit a model.
        ModelFailed: a model does not run here.
    """
    by_tensor = {one.tensor: one.name for one in pair.reference.inputs}
    named = {(name if name in pair.inputs else by_tensor.get(name, name)): values for name, values in samples.items()}
    for_other = {pair.inputs.get(name, name): values for name, values in named.items()}
    runs = [
        run_on_host(side.path, arrays, signature=side.signature, keep=numbers, subgraph=side.subgraph)
        for side, arrays, numbers in zip((pair.reference, pair.other), (named, for_other), keep, strict=True)
    ]
    return runs[0], runs[1]


def output_errors(pair: ModelPair, runs: tuple[HostRun, HostRun]) -> tuple[OutputError, ...]:
    """Return how far the other model's outputs are from the reference's, dequantised, in the reference's order.

    Raises:
        UsageError: an output holds text, or the models give it unlike shapes.
    """
    reference, other = (run.values for run in runs)
    found = []
    for name, its in pair.outputs.items():
        ours, theirs = reference[name], other[its]
        if ours.dtype.kind not in "fiub" or theirs.dtype.kind not in "fiub":
            raise UsageError(f"the output {name!r} holds {ours.dtype.name}: only numbers can be compared")
        try:
            found.append(output_error(name, ours, theirs))
        except ValueError:
            shapes = ["x".join(map(str, values.shape[1:])) or "a single number" for values in (ours, theirs)]
            raise UsageError(f"the output {name!r} is {shapes[0]} in one model and {shapes[1]} in the other") from None
    return tuple(found)
