"""Finds out which nodes XNNPACK took.

LiteRT's C library says whether delegates took every node, but not which ones. If they did not take all, a second process runs the model
once with the profiler on: XNNPACK took the nodes that do not appear there as built-in operators. The measured process never profiles.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.litert_host.abi import EventType
from harness.litert_host.graph import Subgraph
from harness.litert_host.library import Library
from harness.litert_host.session import CpuOptions, Session

_PROBE = (
    "import sys; sys.path.insert(0, sys.argv[1]); from harness.litert_host.delegation import probe; probe(sys.argv[2])"
)
_PROBE_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Partition:
    """Nodes that run together, in order. If `delegated`, one node of the delegate replaces them."""

    delegated: bool
    nodes: tuple[int, ...]


def partitions(subgraph: Subgraph, delegated: frozenset[int]) -> list[Partition]:
    """Group nodes as TFLite does: all nodes of one kind whose inputs are ready, then all of the other kind, and so on.

    Args:
        subgraph: the nodes.
        delegated: nodes that the delegate took.
    """
    ready = set(subgraph.inputs) | {index for index, tensor in enumerate(subgraph.tensors) if tensor.constant}
    produced = {index for operator in subgraph.operators for index in operator.outputs}
    # Tensors without a producing node are ready too: variables, and optional inputs (-1).
    ready |= {index for operator in subgraph.operators for index in operator.inputs if index not in produced}
    waiting = dict.fromkeys(range(len(subgraph.operators)))
    groups: list[Partition] = []
    while waiting:
        kind: bool | None = None
        group: list[int] = []
        progress = True
        while progress:
            progress = False
            for node in list(waiting):
                operator = subgraph.operators[node]
                if (kind is None or (node in delegated) == kind) and ready.issuperset(operator.inputs):
                    kind = node in delegated
                    group.append(node)
                    ready.update(operator.outputs)
                    del waiting[node]
                    progress = True
        if not group:
            break
        groups.append(Partition(bool(kind), tuple(sorted(group))))
    return groups


def delegate_kernels(groups: Sequence[Partition]) -> int:
    """Count the delegate's nodes."""
    return sum(group.delegated for group in groups)


def find_delegated(
    subgraph: Subgraph, subgraph_index: int, path: str, signature: int, shapes: dict[int, tuple[int, ...]], threads: int
) -> frozenset[int] | None:
    """Find the nodes of a subgraph that XNNPACK took, in a process that runs the model once; None if that fails.

    Args:
        subgraph: the subgraph that runs.
        subgraph_index: its number.
        path: the model file.
        signature: LiteRT's number of the signature.
        shapes: shapes of inputs that differ from the file's.
        threads: number of threads, as measured.
    """
    events = _probed(path, signature, shapes, threads)
    if events is None:
        return None
    built_in = {
        node for kind, node, index, _ in events if kind == EventType.OPERATOR_INVOKE and index == subgraph_index
    }
    delegated = frozenset(range(len(subgraph.operators))) - built_in
    if bool(delegated) != any(
        kind == EventType.DELEGATE_OPERATOR_INVOKE and index == subgraph_index for kind, _, index, _ in events
    ):
        return None
    return delegated


def kernels_of_xnnpack(
    path: str, signature: int, shapes: dict[int, tuple[int, ...]], threads: int
) -> tuple[str, ...] | None:
    """Return the names of XNNPACK's own kernels that ran, in order, such as `Convolution (NHWC, F32) IGEMM`; None if the model did not run.

    The arguments are those of `find_delegated`.
    """
    events = _probed(path, signature, shapes, threads)
    if events is None:
        return None
    return tuple(tag for kind, _, _, tag in events if kind == EventType.DELEGATE_OPERATOR_INVOKE)


def _probed(
    path: str, signature: int, shapes: dict[int, tuple[int, ...]], threads: int
) -> list[tuple[int, int, int, str]] | None:
    """Return kind, node, subgraph and name of each event of one run in a second process; None if that fails."""
    # Imported late: most processes do not need it, and start-up costs device time.
    import json
    import subprocess

    root = str(Path(__file__).resolve().parents[2])
    request = json.dumps(
        {"path": path, "signature": signature, "shapes": [[i, *s] for i, s in shapes.items()], "threads": threads}
    )
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _PROBE, root, request],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PROBE_TIMEOUT_S,
            check=True,
        )
        events: list[tuple[int, int, int, str]] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return events


def probe(request: str) -> None:
    """Run the model once on zeros and print the events as JSON: the second process."""
    import json

    asked: dict[str, Any] = json.loads(request)
    session = Session(Library())
    session.load(asked["path"])
    session.compile(CpuOptions(threads=asked["threads"], profile=True))
    shapes = {index: tuple(shape) for index, *shape in asked["shapes"]}
    for index, shape in shapes.items():
        session.resize(asked["signature"], index, shape)
    session.allocate(asked["signature"])
    session.create_buffers(shapes)
    session.clear_inputs()
    session.prepare_run()
    session.start_profiler()
    status, _ = session.run()
    (events,) = session.stop_profiler([session.event_count()])
    kinds = (EventType.OPERATOR_INVOKE, EventType.DELEGATE_OPERATOR_INVOKE)
    print(json.dumps([[e.kind, e.node, e.subgraph, e.tag] for e in events if e.kind in kinds]))
    raise SystemExit(status)
