"""Prints the interpreter's state for `--print_preinvoke_state` and `--print_postinvoke_state`, as far as it is known here.

LiteRT's C library gives no interpreter. The file and the delegates of its nodes show the subgraph that runs, its tensors, nodes and
execution plan, which are printed in the real tool's form (tflite/optional_debug_tools.cc). Only the interpreter knows the arenas, the total
memory, the other subgraphs and temporary tensors, so these are left out. Addresses read `[-1, -1)`, as in the tool for one it lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.litert_host.graph import Subgraph

_TYPES = (
    *("Float32", "Float16", "Int32", "UInt8", "Int64", "String", "Bool", "Int16", "Complex64", "Int8", "Float64"),
    *("Complex128", "UInt64", "Resource", "Variant", "UInt32", "UInt16", "Int4", "BFloat16"),
)
"""Names in the order of the schema's TensorType."""
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnWidths:
    """Widths in characters of three columns of the table of tensors: `--tensor_name_display_length` and similar flags."""

    name: int = 25
    kind: int = 15
    allocation: int = 18


def state_lines(subgraph: Subgraph, count: int, details: Any, widths: ColumnWidths) -> Iterator[str]:
    """Return the lines between `begins` and `ends`.

    Args:
        subgraph: the subgraph that runs.
        count: the model's number of subgraphs.
        details: the model's `ModelRuntimeDetails`.
        widths: the columns' widths.
    """
    runtime = details.subgraphs[0]
    sizes = [edge.size for edge in runtime.edges]

    def tensors(ids: Sequence[int], *, known: bool = True, collapse: bool = True) -> str:
        total = sum(sizes[index] for index in ids if index >= 0) if known else 0
        return f"{int_list(ids, collapse=collapse)} -> {total}B ({total / _MIB:.2f}MB)"

    number = runtime.subgraph_id
    yield f"Interpreter has {count} subgraphs."
    yield ""
    yield f"-----------Subgraph-{number} has {len(runtime.edges)} tensors and {len(runtime.nodes)} nodes------------"
    yield f"{len(subgraph.inputs)} Inputs: {tensors(subgraph.inputs)}"
    yield f"{len(subgraph.outputs)} Outputs: {tensors(subgraph.outputs)}"
    yield ""
    heads = f"{'Name':<{widths.name}} {'Type':<{widths.kind}} {'AllocType':<{widths.allocation}}"
    yield f"Tensor  ID {heads} {'Size (Bytes/MB)':<18} {'Shape':<10} {'MemAddr-Offset':<16}"
    for edge, tensor in zip(runtime.edges, subgraph.tensors, strict=True):
        kind = f"kTfLite{_TYPES[tensor.element]}" if tensor.element < len(_TYPES) else "Unknown type"
        cells = (
            f"{_cut(tensor.name, widths.name, keep_start=True):<{widths.name}}",
            f"{_cut(kind, widths.kind):<{widths.kind}}",
            f"{_cut(edge.allocation_type or '(unknown)', widths.allocation):<{widths.allocation}}",
        )
        yield (
            f"Tensor {edge.id:3} {' '.join(cells)} {edge.size:<8} / {edge.size / _MIB:.2f} {int_list(edge.shape)} [-1, -1)"
        )
    yield ""
    for node in runtime.nodes:
        replaced = node.delegate_node_details.tflite_node_ids_replaced
        gone = node.HasField("delegated_to_node_id")
        status = "" if replaced else f"(delegated by node {node.delegated_to_node_id})" if gone else "(not delegated)"
        if node.type.isdecimal():
            yield f"Node {node.id:3} Operator Builtin Code {int(node.type):3} {node.name} {status}"
        else:
            yield f"Node {node.id:3} Operator Custom Name {node.name} {status}"
        for what, ids in (("Input", node.inputs), ("Output", node.outputs)):
            collapse = bool(replaced) or what == "Output"
            yield f"  {len(ids)} {what} Tensors:{tensors(ids, known=not gone, collapse=collapse)}"
    yield ""
    plan = int_list(runtime.execution_plan, collapse=True)
    yield f"Execution plan as the list of {len(runtime.execution_plan)} nodes invoked in-order: {plan}"
    taken = [node for node in runtime.nodes if node.delegate_node_details.tflite_node_ids_replaced]
    if taken:
        yield "Among these nodes in the execution plan:"
    for node in taken:
        ids = node.delegate_node_details.tflite_node_ids_replaced
        listed = int_list(ids, collapse=True)
        yield f"  Node {node.id} is a {node.name} node ((nil)), which has delegated {len(ids)} nodes: {listed}"
    yield f"--------------Subgraph-{number} dump has completed--------------"
    yield ""


def int_list(values: Sequence[int], *, collapse: bool = False) -> str:
    """Return numbers as the tool lists them: `[0,1,3-7]` if it collapses runs, `(null)` if there are none."""
    if not values:
        return "(null)"
    runs: list[list[int]] = []
    for value in values:
        if collapse and runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return "[" + ",".join(_run(first, last) for first, last in runs) + "]"


def _run(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}{',' if last == first + 1 else '-'}{last}"


def _cut(text: str, width: int, *, keep_start: bool = False) -> str:
    """Shorten a name at its end, a type at its start, with dots for the rest."""
    if len(text) <= width:
        return text
    if width <= 3:
        return "." * width
    return text[: width - 3] + "..." if keep_start else "..." + text[len(text) - width + 3 :]
