"""Per-op times of a run as node data for Google's Model Explorer: one overlay for each profiled cell. Pure.

An overlay is the `GraphNodeData` of the package `ai-edge-model-explorer` as JSON. Model Explorer lays it over whichever graph is open, so
it does not depend on what the subgraph is called. Nodes are named by their output tensor, which the profiler prints and Model Explorer
looks up; a node's number would not do, as its two readers of `.tflite` files count differently.

A built-in kernel is a node of the graph. A delegate's kernel is not: its time goes to the node that it stands for, where
`harness.analysis.op_alignment` matches it with one node of a profile of the built-in kernels of the same model in the same run. What stands
for several nodes at once, or for none, goes nowhere: the overlay's name says how much of the time it shows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.cells import CellKey
from harness.analysis.op_alignment import Group, align, tensors_of
from harness.analysis.op_profile import OpProfile, OpRow, profile_of
from harness.analysis.selection import CellResults
from harness.records import Status

_GRADIENT = ({"stop": 0, "bgColor": "#ffffff"}, {"stop": 0.35, "bgColor": "#ffd54f"}, {"stop": 1, "bgColor": "#d84315"})
"""From white over yellow to red: Model Explorer takes hex colours only, and chooses the text's colour itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """Times of the nodes of one graph, microseconds an inference."""

    key: CellKey
    nodes: dict[str, float]
    """By output tensor."""
    ops_us: float
    """Of all ops of the profile, those too that stand for no single node."""
    synthetic: bool

    @property
    def placed(self) -> float:
        """Share of the ops' time that the nodes show."""
        return math.fsum(self.nodes.values()) / self.ops_us if self.ops_us else 1.0

    @property
    def name(self) -> str:
        """As Model Explorer lists it."""
        key = self.key
        words = [
            key.delegate,
            f"{key.threads} thr",
            key.cpus,
            *([key.binary] if key.binary else []),
            f"on {key.device}",
        ]
        share = "" if self.placed > 0.9995 else f", {self.placed:.1%} of the time"
        return f"us: {' '.join(words)}{share}{', synthetic' if self.synthetic else ''}"

    def document(self) -> dict[str, Any]:
        """As Model Explorer's `GraphNodeData`."""
        return {
            "name": self.name,
            "results": {node: {"value": round(cost, 3)} for node, cost in self.nodes.items()},
            "gradient": [dict(stop) for stop in _GRADIENT],
        }

    def text(self) -> str:
        """The document as JSON."""
        return json.dumps(self.document(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def overlays(cells: Sequence[CellResults], run: Sequence[CellResults] | None = None) -> list[Overlay]:
    """The overlays of all cells that have a profile.

    Args:
        cells: those to make overlays of.
        run: all cells of their run, to find profiles of the built-in kernels among; `cells` themselves if not given.
    """
    profiles = [(cell, profile) for cell in run or cells if (profile := profile_of(cell.results)) is not None]
    found = []
    for cell in sorted(cells, key=lambda one: one.key):  # the order of running is random
        profile = profile_of(cell.results)
        if profile is None:
            continue
        found.append(
            Overlay(
                key=cell.key,
                nodes=_nodes(profile, _built_in(cell, profiles)),
                ops_us=math.fsum(row.cost_us for row in profile.rows),
                synthetic=any(result.synthetic for result in cell.results if result.status is Status.OK),
            )
        )
    return found


def _built_in(cell: CellResults, profiles: Iterable[tuple[CellResults, OpProfile]]) -> OpProfile | None:
    """A profile of the same model whose every op is a node of the graph: of the same device where there is one."""
    model = cell.results[0].trial.model
    fitting = [
        (other.key.device != cell.key.device, number, profile)
        for number, (other, profile) in enumerate(profiles)
        if other.results[0].trial.model == model and all(tensors_of(row) for row in profile.rows)
    ]
    return min(fitting, key=lambda one: one[:2])[2] if fitting else None


def _nodes(profile: OpProfile, built_in: OpProfile | None) -> dict[str, float]:
    groups: list[Group] = (
        align(built_in.rows, profile.rows) if built_in is not None else [((row,), (row,)) for row in profile.rows]
    )
    nodes: dict[str, float] = {}
    for graph, rows in groups:
        node = _single(graph)
        if node is not None and rows:
            nodes[node] = nodes.get(node, 0.0) + math.fsum(row.cost_us for row in rows)
    return nodes


def _single(rows: Sequence[OpRow]) -> str | None:
    """The node that a group of ops of the graph is, by its first output; None where it is none or several."""
    names = tensors_of(rows[0]) if len(rows) == 1 else ()
    return names[0] if names else None
