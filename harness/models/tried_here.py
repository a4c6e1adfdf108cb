"""Tries a model on this host: whether LiteRT allocates it, and how much of it XNNPACK takes. Each try is a process of its own."""

from __future__ import annotations

import importlib.metadata
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from harness.errors import ModelFailed, UsageError
from harness.litert_host.delegation import delegate_kernels, find_delegated, partitions
from harness.litert_host.graph import Graph
from harness.litert_host.schema_names import operator_name
from harness.models.contents import ModelContents
from harness.models.findings import FLEX_REMEDY, Finding, Severity
from harness.models.host_run import Kernels, run_on_host

_TIMEOUT_S = 120.0
_NO_FLATBUFFER = "not a valid Flatbuffer buffer"
_NODE = re.compile(r"Node number (\d+) \(([^)]{1,200})\)")
_OPS = (
    re.compile(r"unresolved custom op: ([^\s.]{1,200})"),
    re.compile(r"Didn't find op for builtin opcode '([^']{1,100})'"),
)


def tried(path: Path, contents: ModelContents, graph: Graph) -> tuple[Finding, ...]:
    """Allocate a model with the built-in kernels, and let XNNPACK take the ops that it can.

    If a model crashes the runtime, that is a finding, not an error.

    Raises:
        ModelFailed: the file is damaged in a way that only LiteRT's own check finds.
    """
    error = _error(path, graph, "builtin")
    if error is None:
        done = _tried("cpu", "info", f"LiteRT {_version()} allocates it here with its built-in kernels")
        return (done, *_xnnpack(path, graph))
    if _NO_FLATBUFFER in error.message:
        raise ModelFailed(f"{path} is damaged: LiteRT does not accept it as a model")
    op, why = _blamed(error, graph)
    found = list(needs_flex(contents, tried=True))
    if op is None or op not in contents.select_tf_ops:  # else a finding already names it, with the remedy
        remedy = (
            "register it in the binary, or convert the model without it" if op in contents.custom_ops else error.remedy
        )
        message = f"LiteRT {_version()} does not allocate it here: {why}"
        severity: Severity = "error"
        if op not in contents.custom_ops and any(size < 0 for one in contents.inputs for size in one.shape):
            severity, message = "warning", f"{message} Open sizes of inputs are as in the file, mostly 1"
            remedy = "convert it with the sizes that you use, or give them in the suite (`inputs`)"
        found.append(_tried("all", severity, message, op=op, remedy=remedy))
    return tuple(found)


def needs_flex(contents: ModelContents, *, tried: bool) -> Iterator[Finding]:
    """Say for each Select TF op that only a binary with Flex runs it."""
    for op in contents.select_tf_ops:
        count = sum(one.count for one in contents.ops if one.op == op)
        yield Finding(
            delegate="all",
            severity="error",
            op=op,
            message=f"{count} Select TF op{'s' if count > 1 else ''}: only a binary with Flex runs it",
            remedy=FLEX_REMEDY,
            tried=tried,
            source=None if tried else "flex",
        )


def _xnnpack(path: Path, graph: Graph) -> Iterator[Finding]:
    number = graph.signatures[0].subgraph if graph.signatures else 0
    subgraph = graph.subgraphs[number]
    inputs = graph.signatures[0].inputs if graph.signatures else subgraph.inputs
    open_ones = {
        place: tuple(abs(size) for size in subgraph.tensors[index].signature)  # -1 becomes 1
        for place, index in enumerate(inputs)
        if any(size < 0 for size in subgraph.tensors[index].signature)
    }
    delegated = find_delegated(subgraph, number, str(path), 0, open_ones, 1)
    if delegated is None:
        if (error := _error(path, graph, "xnnpack")) is not None:
            op, why = _blamed(error, graph)
            yield _tried(
                "xnnpack",
                "error",
                f"XNNPACK refuses it: {why}",
                op=op,
                remedy="delegate `cpu`, or convert it otherwise",
            )
        else:
            yield _tried("xnnpack", "info", "cannot tell what XNNPACK takes: the model did not run here on zeros")
        return
    total, kernels = len(subgraph.operators), delegate_kernels(partitions(subgraph, delegated))
    left = Counter(operator_name(node) for index, node in enumerate(subgraph.operators) if index not in delegated)
    parts = f"{kernels} partition{'s' if kernels != 1 else ''}"
    of = "" if len(graph.subgraphs) == 1 else f" of the subgraph {subgraph.name or number!r}"
    if not left:
        yield _tried("xnnpack", "info", f"XNNPACK takes all nodes{of} ({total}), in {parts}")
        return
    yield _tried("xnnpack", "warning", f"XNNPACK takes {len(delegated)} of {total} nodes{of}, in {parts}")
    for op, count in left.most_common():
        of_all = sum(operator_name(node) == op for node in subgraph.operators)
        yield _tried(
            "xnnpack", "warning", f"{count} of {of_all} stay{'s' if count == 1 else ''} on the built-in kernels", op=op
        )


def _error(path: Path, graph: Graph, kernels: Kernels) -> ModelFailed | UsageError | None:
    key = graph.signatures[0].key if graph.signatures else None
    try:
        run_on_host(path, None, signature=key, kernels=kernels, timeout_s=_TIMEOUT_S)
    except (ModelFailed, UsageError) as error:
        return error
    return None


def _blamed(error: ModelFailed | UsageError, graph: Graph) -> tuple[str | None, str]:
    """Return the op that an error names, and the error as one sentence without addresses of web pages."""
    said = error.message.partition(": ")[2] or error.message
    why = re.sub(r"See instructions: \S+?(?=Node|\s|$)", " ", said)
    why = " ".join(why.split())[:300]
    for pattern in _OPS:
        if (named := pattern.search(said)) is not None:
            return named[1], why
    if (node := _NODE.search(said)) is None:
        return None, why
    number = int(node[1])
    if node[2].startswith("TfLite") and any(number < len(one.operators) for one in graph.subgraphs[:1]):
        return operator_name(graph.subgraphs[0].operators[number]), why
    return node[2], why


def _version() -> str:
    try:
        return importlib.metadata.version("ai-edge-litert")
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def _tried(
    delegate: str, severity: Severity, message: str, *, op: str | None = None, remedy: str | None = None
) -> Finding:
    return Finding(delegate=delegate, severity=severity, op=op, message=message, remedy=remedy, tried=True)
