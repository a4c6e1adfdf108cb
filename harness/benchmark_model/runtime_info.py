"""Reads the runtime info of `--export_model_runtime_info`: the nodes that each delegate replaced. The most reliable source on delegation.

The wheel of ai-edge-litert ships the message (`tflite.profiling.ModelRuntimeDetails`). It is a file or printed text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from harness.benchmark_model.delegates import tool_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegated:
    """The part of the primary graph that one delegate took."""

    name: str
    nodes: int
    total: int
    """Nodes of the model's graph, not counting delegate nodes."""
    kernels: int
    """Delegate nodes: the number of parts of the graph that it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeInfo:
    """The delegates' parts of the primary graph, and its number of nodes."""

    delegated: tuple[Delegated, ...]
    total: int


def read_runtime_info(data: bytes) -> RuntimeInfo | None:
    """Read a runtime info file; None if the bytes are not this message or contain no graph."""
    message = _message()
    try:
        message.ParseFromString(data)
    except (DecodeError, RecursionError):
        return None
    return _convert(message)


def read_runtime_info_text(lines: Sequence[str]) -> RuntimeInfo | None:
    """Read runtime info that was printed as text; None if the text is not one, or is cut short."""
    message = _message()
    try:
        text_format.Parse("\n".join(lines), message, allow_unknown_field=True)
    except (text_format.ParseError, RecursionError, ValueError):
        return None
    # A log can lose lines: then a node is missing in between, or is delegated to a node that does not say so.
    return _convert(message) if all(_sound(graph) for graph in message.subgraphs) else None


def _sound(graph: Any) -> bool:
    if sorted(node.id for node in graph.nodes) != list(range(len(graph.nodes))):
        return False
    replaced = {
        (replaced, node.id)
        for node in graph.nodes
        if node.HasField("delegate_node_details")
        for replaced in node.delegate_node_details.tflite_node_ids_replaced
    }
    claimed = {(node.id, node.delegated_to_node_id) for node in graph.nodes if node.HasField("delegated_to_node_id")}
    return claimed <= replaced  # a second delegate may take over parts of a first one


def _message() -> Any:
    # Imported here: most outputs hold no proto.
    from ai_edge_litert import model_runtime_info_pb2

    return model_runtime_info_pb2.ModelRuntimeDetails()


def _convert(message: Any) -> RuntimeInfo | None:
    if not message.subgraphs:
        return None
    # Delegates act on every subgraph; the counts are of the primary graph, as in the runtime's own message.
    graph = min(message.subgraphs, key=lambda subgraph: int(subgraph.subgraph_id))
    total = sum(1 for node in graph.nodes if not node.HasField("delegate_node_details"))
    taken: dict[str, tuple[int, int]] = {}
    for node in graph.nodes:
        if not node.HasField("delegate_node_details"):
            continue
        details = node.delegate_node_details
        name = tool_name(details.delegate_name or node.type or node.name)
        nodes, kernels = taken.get(name, (0, 0))
        taken[name] = (nodes + len(details.tflite_node_ids_replaced), kernels + 1)
    return RuntimeInfo(
        delegated=tuple(
            Delegated(name=name, nodes=nodes, total=total, kernels=kernels) for name, (nodes, kernels) in taken.items()
        ),
        total=total,
    )
