"""The inputs and outputs of a model in the order in which `benchmark_model` takes and writes them: the subgraph's, not the signature's."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import ModelFailed
from harness.litert_host.graph import Graph, Signature
from harness.litert_host.model_file import ModelError, open_graph


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTensors:
    """The inputs that the tool's flags name, and the outputs in its output file."""

    signature: str | None
    """The signature that runs; None if the model has none."""
    inputs: tuple[tuple[str, str], ...]
    """For each input of the subgraph: its name in `run_on_host`, and the tensor's own."""
    outputs: tuple[str, ...]
    """For each output of the subgraph: its name in `run_on_host`; empty if no signature names it."""


def tool_tensors(path: str, signature: str | None) -> ToolTensors:
    """Read them from a model file.

    Args:
        path: the model.
        signature: the suite's choice; None leaves it to the tool.

    Raises:
        ModelFailed: the file is not a model, or has no such signature.
    """
    try:
        graph, _ = open_graph(path)
    except ModelError as error:
        raise ModelFailed(f"{path}: {error}") from None
    runs = _signature(graph, signature)
    if runs is None and signature is not None:
        raise ModelFailed(f"{path} has no signature {signature!r}")
    subgraph = graph.subgraphs[runs.subgraph if runs is not None else 0]
    own = [tensor.name for tensor in subgraph.tensors]
    known_inputs = dict(zip(runs.inputs, runs.input_names, strict=True)) if runs is not None else {}
    known_outputs = dict(zip(runs.outputs, runs.output_names, strict=True)) if runs is not None else {}
    return ToolTensors(
        signature=runs.key if runs is not None else None,
        inputs=tuple((known_inputs.get(index, own[index]), own[index]) for index in subgraph.inputs),
        outputs=tuple(known_outputs.get(index, "") if runs is not None else own[index] for index in subgraph.outputs),
    )


def _signature(graph: Graph, wanted: str | None) -> Signature | None:
    if wanted is not None:
        return next((one for one in graph.signatures if one.key == wanted), None)
    # Without a name the tool runs the first subgraph.
    return next((one for one in graph.signatures if one.subgraph == 0), None)
