"""Checks a suite's signature and inputs of a model against the model file, before anything runs.

`benchmark_model` feeds inputs by their order, and only warns about a wrong name. So this module puts the inputs into the file's order,
under the names of its tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.benchmark_model.command_line import flag_name
from harness.litert_host.graph import Graph, Signature
from harness.litert_host.model_file import ModelError, open_graph
from harness.records import ModelInput, ModelRef


class Mismatch(Exception):
    """The model has no such signature or input. `keys` is the path to the mistake from the model's entry in the suite."""

    def __init__(self, message: str, remedy: str | None, keys: tuple[str | int, ...]) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.keys = keys


def matched_to_file(model: ModelRef) -> ModelRef:
    """Put the inputs of a model into the order of its file, each under its tensor's name.

    A file that is not a model is left as it is: its trials fail.

    Raises:
        Mismatch: the file has no such signature, has other inputs, or an input has another number of dimensions.
    """
    if model.signature is None and not model.inputs:
        return model
    try:
        graph, _ = open_graph(model.path)
    except ModelError:
        return model
    signature = _signature(graph, model.signature)
    if not model.inputs:
        return model
    return replace(model, inputs=_ordered(graph, signature, model.inputs, runs_signature=model.signature is not None))


def _signature(graph: Graph, wanted: str | None) -> Signature | None:
    """Return the signature that runs. If it is the model's only one, it need not be named: people know the names of its inputs."""
    keys = [one.key for one in graph.signatures]
    if wanted is None:
        return graph.signatures[0] if len(keys) == 1 and graph.signatures[0].subgraph == 0 else None
    if wanted not in keys:
        remedy = f"it has {_list(keys)}" if keys else "it has none: leave `signature` out"
        raise Mismatch(f"the model has no signature {wanted!r}", remedy, ("signature",))
    return graph.signatures[keys.index(wanted)]


def _ordered(
    graph: Graph, signature: Signature | None, inputs: Sequence[ModelInput], *, runs_signature: bool
) -> tuple[ModelInput, ...]:
    subgraph = graph.subgraphs[signature.subgraph if signature is not None and runs_signature else 0]
    tensors = {place: subgraph.tensors[index] for place, index in enumerate(subgraph.inputs)}
    names: dict[str, int] = {}
    for place, tensor in tensors.items():
        names.setdefault(tensor.name, place)
    shown = [tensor.name for tensor in tensors.values()]
    if signature is not None:
        for name, index in zip(signature.input_names, signature.inputs, strict=True):
            if index in subgraph.inputs:
                names[name] = subgraph.inputs.index(index)
                shown[names[name]] = name
    found: dict[int, ModelInput] = {}
    for index, one in enumerate(inputs):
        where = ("inputs", index)
        if one.name not in names:
            raise Mismatch(f"the model has no input {one.name!r}", f"its inputs: {_list(shown)}", (*where, "name"))
        place = names[one.name]
        if place in found:
            raise Mismatch(f"{one.name!r} is the input that is given as {found[place].name!r}", None, (*where, "name"))
        if len(one.shape) != len(tensors[place].shape):
            has = "x".join(map(str, tensors[place].signature)).replace("-1", "?") or "that of a single number"
            raise Mismatch(
                f"{one.name!r} has {len(tensors[place].shape)} dimensions in the model, not {len(one.shape)}",
                f"its shape there: {has}",
                (*where, "shape"),
            )
        found[place] = one
    if missing := [name for place, name in enumerate(shown) if place not in found]:
        raise Mismatch(f"{_list(missing)} not given: `inputs` lists all inputs or none", None, ("inputs",))
    ordered = tuple(replace(one, name=tensors[place].name) for place, one in sorted(found.items()))
    if any(one.range for one in ordered) and len({flag_name(one.name) for one in ordered}) < len(ordered):
        apart = "benchmark_model cannot tell the inputs of this model apart by name, so it can give them no ranges"
        raise Mismatch(apart, f"its tensors: {_list([one.name for one in ordered])}", ("inputs",))
    return ordered


def _list(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
