"""Model files of one op, whose answers a test knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.litert_host.models import Graph, ModelWriter


def doubled(path: Path, shape: Sequence[int] = (1, 10), *, inputs: Sequence[str] = ("x",)) -> Path:
    """Each output is its input times two: `y` for one input, else `y_NAME`."""
    writer = ModelWriter()
    graph = writer.graph()
    given = {name: writer.tensor(graph, f"serving_default_{name}:0", tuple(shape)) for name in inputs}
    made = {
        ("y" if len(inputs) == 1 else f"y_{name}"): writer.tensor(graph, f"out_{name}", tuple(shape)) for name in inputs
    }
    for x, y in zip(given.values(), made.values(), strict=True):
        writer.op(graph, "ADD", [x, x], [y], schema.AddOptionsT())
    graph.inputs, graph.outputs = [*given.values()], [*made.values()]
    writer.signature("serving_default", graph, given, made)
    return writer.write(path)


def reversed_scores(path: Path, classes: int = 10) -> Path:
    """Its scores are those of the input with the sign changed: the largest becomes the smallest."""
    writer = ModelWriter()
    graph = writer.graph()
    x = writer.tensor(graph, "serving_default_x:0", (1, classes))
    y = writer.tensor(graph, "out", (1, classes))
    writer.op(graph, "NEG", [x], [y])
    graph.inputs, graph.outputs = [x], [y]
    writer.signature("serving_default", graph, {"x": x}, {"y": y})
    return writer.write(path)


def remembering(path: Path) -> Path:
    """A recurrent net that adds up what it is given. Signature `plain` comes first and has no state, `sum` has it."""
    writer = ModelWriter()
    plain, graph = writer.graph("plain"), writer.graph("sum")
    a, b = (writer.tensor(plain, name, (1, 2)) for name in ("a", "b"))
    writer.op(plain, "ADD", [a, a], [b], schema.AddOptionsT())
    plain.inputs, plain.outputs = [a], [b]
    x = writer.tensor(graph, "x", (1, 3, 2))
    weights = [writer.tensor(graph, name, (2, 2), data=np.eye(2, dtype=np.float32)) for name in ("w", "r")]
    bias = writer.tensor(graph, "bias", (2,), data=np.zeros(2, np.float32))
    state = writer.tensor(graph, "state", (1, 2))
    graph.tensors[state].isVariable = True
    y = writer.tensor(graph, "y", (1, 3, 2))
    options = schema.SequenceRNNOptionsT()
    options.timeMajor = False
    options.fusedActivationFunction = schema.ActivationFunctionType.NONE
    writer.op(graph, "UNIDIRECTIONAL_SEQUENCE_RNN", [x, *weights, bias, state], [y], options)
    graph.inputs, graph.outputs = [x], [y]
    writer.signature("plain", plain, {"a": a}, {"b": b})
    writer.signature("sum", graph, {"x": x}, {"y": y})
    return writer.write(path)


def counting(path: Path) -> Path:
    """Adds its input to a resource variable that begins at 10, and answers the sum: state that no call resets."""
    writer = ModelWriter()
    main, start = writer.graph("main"), writer.graph("start")

    def variable(graph: Graph) -> int:
        handle = writer.tensor(graph, "handle", ())
        graph.tensors[handle].type = schema.TensorType.RESOURCE
        options = schema.VarHandleOptionsT()
        options.container, options.sharedName = "", "total"
        writer.op(graph, "VAR_HANDLE", [], [handle], options)
        return handle

    ten = writer.tensor(start, "ten", (1,), data=np.array([10], np.float32))
    writer.op(start, "ASSIGN_VARIABLE", [variable(start), ten], [], schema.AssignVariableOptionsT())
    once = schema.CallOnceOptionsT()
    once.initSubgraphIndex = 1
    writer.op(main, "CALL_ONCE", [], [], once)
    handle = variable(main)
    x, before, y = (writer.tensor(main, name, (1,)) for name in ("x", "before", "y"))
    writer.op(main, "READ_VARIABLE", [handle], [before], schema.ReadVariableOptionsT())
    writer.op(main, "ADD", [before, x], [y], schema.AddOptionsT())
    writer.op(main, "ASSIGN_VARIABLE", [handle, y], [], schema.AssignVariableOptionsT())
    main.inputs, main.outputs = [x], [y]
    writer.signature("serving_default", main, {"x": x}, {"y": y})
    return writer.write(path)
