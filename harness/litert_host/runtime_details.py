"""Makes a `tflite.profiling.ModelRuntimeDetails`: the graph as it runs, with the nodes that a delegate took.

The C library does not tell how it allocated a tensor. Constants are in the model's file and tensors of a known size in the arena; for
others the allocation is left out. Temporary tensors of kernels are not in the file, so they are missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.litert_host.delegation import Partition
from harness.litert_host.graph import Subgraph, Tensor, is_custom
from harness.litert_host.schema_names import operator_name, type_names

DELEGATE = "TfLiteXNNPackDelegate"
# Size of each TensorType of the schema, in bytes.
_SIZES = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 8: 8, 9: 1, 10: 8, 11: 16, 12: 8, 15: 4, 16: 2}


def _edge(message: Any, index: int, tensor: Tensor, types: Mapping[int, str]) -> None:
    from ai_edge_litert import model_runtime_info_pb2

    edge = message.edges.add(id=index, name=tensor.name, shape=tensor.shape)
    known = model_runtime_info_pb2.Edge.DataType.DESCRIPTOR.values_by_name.get(types.get(tensor.element, ""))
    if known is not None:
        edge.data_type = known.number
    edge.layout_type = model_runtime_info_pb2.Edge.LayoutType.Value("UNKNOWN")
    size = _SIZES.get(tensor.element)
    static = size is not None and all(dimension >= 0 for dimension in tensor.signature)
    if tensor.constant:
        edge.allocation_type = "kTfLiteMmapRo"
    elif static:
        edge.allocation_type = "kTfLiteArenaRw"
    if size is not None and static:
        for dimension in tensor.shape:
            size *= dimension
        edge.size = size


def _io(subgraph: Subgraph, nodes: Sequence[int]) -> tuple[list[int], list[int]]:
    members = set(nodes)
    made = {index for node in nodes for index in subgraph.operators[node].outputs}
    used = {index for node in nodes for index in subgraph.operators[node].inputs if index >= 0}
    wanted = {i for node, operator in enumerate(subgraph.operators) if node not in members for i in operator.inputs}
    wanted |= set(subgraph.outputs)
    return sorted(used - made), sorted(made & wanted)


def model_runtime_details(subgraph: Subgraph, subgraph_index: int, groups: Sequence[Partition]) -> Any:
    """Make the message for the subgraph that runs.

    Args:
        subgraph: the subgraph from the file.
        subgraph_index: its number.
        groups: its nodes by where they run, in order.
    """
    from ai_edge_litert import model_runtime_info_pb2

    types = type_names()
    details = model_runtime_info_pb2.ModelRuntimeDetails()
    message = details.subgraphs.add(subgraph_id=subgraph_index, name=subgraph.name)
    message.subgraph_type = model_runtime_info_pb2.RuntimeSubgraph.SubgraphType.Value("TFLITE_SUBGRAPH")
    for index, tensor in enumerate(subgraph.tensors):
        _edge(message, index, tensor, types)

    for index, operator in enumerate(subgraph.operators):
        kind = operator.custom if is_custom(operator) else str(operator.builtin)
        message.nodes.add(
            id=index, name=operator_name(operator), type=kind, inputs=operator.inputs, outputs=operator.outputs
        )
    for group in groups:
        if not group.delegated:
            message.execution_plan.extend(group.nodes)
            continue
        inputs, outputs = _io(subgraph, group.nodes)
        replacement = message.nodes.add(
            id=len(message.nodes), name=DELEGATE, type=DELEGATE, inputs=inputs, outputs=outputs
        )
        replacement.delegate_node_details.delegate_name = DELEGATE
        replacement.delegate_node_details.tflite_node_ids_replaced.extend(group.nodes)
        for node in group.nodes:
            message.nodes[node].delegated_to_node_id = replacement.id
        message.execution_plan.append(replacement.id)
    return details
