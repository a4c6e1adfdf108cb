"""Gives per-op times as node data for Google's Model Explorer: an overlay for each profiled or compared cell. Pure.

An overlay is the `GraphNodeData` of the package `ai-edge-model-explorer` as JSON. Model Explorer lays it over the open graph, whatever its
subgraph is called. Output tensors name the nodes: the profiler prints them and Model Explorer looks them up. Its two readers of `.tflite`
files count nodes differently, so numbers would not do.

A built-in kernel is a node of the graph. A delegate's kernel is not: its time goes to the one node that `harness.analysis.op_alignment`
matches it with, in a profile of the built-in kernels of the same model in the same run. Kernels that match several nodes or none are left
out; the overlay's name says how much of the time it shows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.cells import KEYS, CellResults
from harness.analysis.comparison import Comparison
from harness.analysis.op_alignment import Group, align, tensors_of
from harness.analysis.op_profile import OpProfile, OpRow, profile_of
from harness.records import CellKey, Status

_WHITE, _YELLOW, _RED, _BLUE = "#ffffff", "#ffd54f", "#d84315", "#1565c0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """Values of one graph's nodes by output tensor, in microseconds per inference."""

    key: CellKey
    name: str
    """Its name in Model Explorer."""
    nodes: Mapping[str, float]

    def document(self) -> dict[str, Any]:
        """Return it as Model Explorer's `GraphNodeData`."""
        return {
            "name": self.name,
            "results": {node: {"value": round(cost, 3)} for node, cost in self.nodes.items()},
            "gradient": _gradient(self.nodes.values()),
        }

    def text(self) -> str:
        """Return the document as JSON."""
        return json.dumps(self.document(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def overlays(cells: Sequence[CellResults], run: Sequence[CellResults] | None = None) -> list[Overlay]:
    """Return the overlays of all cells with a profile.

    Args:
        cells: the cells.
        run: all cells of their run, which may hold profiles of the built-in kernels; `cells` by default.
    """
    profiles = [(cell, profile) for cell in run or cells if (profile := profile_of(cell.results)) is not None]
    found = []
    for cell in sorted(cells, key=lambda one: one.key):  # the order of running is random
        profile = profile_of(cell.results)
        if profile is None:
            continue
        nodes = _nodes(profile, _built_in(cell, profiles))
        share = _share(nodes, math.fsum(row.cost_us for row in profile.rows), "time")
        mark = _mark(any(one.synthetic for one in cell.results if one.status is Status.OK))
        found.append(Overlay(key=cell.key, name=f"us: {_cell_words(cell.key)}{share}{mark}", nodes=nodes))
    return found


def change_overlays(comparisons: Iterable[Comparison]) -> list[Overlay]:
    """Return an overlay for each compared cell with ops: each node's part of the difference, head minus base."""
    found = []
    for one in comparisons:
        if one.ops is None:
            continue
        nodes: dict[str, float] = {}
        for change in one.ops.changes:
            node = _single(change.base)
            if node is None and not any(tensors_of(row) for row in change.base):
                node = _single(change.head)
            if node is not None:
                nodes[node] = nodes.get(node, 0.0) + change.change_us
        base = one.base.key
        other = [
            f"{name}={getattr(base, name)}" for name in KEYS if base and getattr(base, name) != getattr(one.key, name)
        ]
        against = f" against {', '.join(other)}" if other else " against base"
        share = _share(nodes, one.ops.change_us, "change")
        name = f"change us: {_cell_words(one.key)}{against}{share}{_mark(one.synthetic)}"
        found.append(Overlay(key=one.key, name=name, nodes=nodes))
    return found


def _cell_words(key: CellKey) -> str:
    return " ".join(
        [
            *([key.variant] if key.variant else []),
            key.delegate,
            f"{key.threads} thr",
            key.cpus,
            *([key.binary] if key.binary else []),
            f"on {key.device}",
        ]
    )


def _share(nodes: Mapping[str, float], whole: float, word: str) -> str:
    """The share of the time that the nodes show, for the name; empty if they show all."""
    share = math.fsum(nodes.values()) / whole if whole else 1.0
    return "" if abs(share - 1) < 0.0005 else f", {share:.1%} of the {word}"


def _mark(synthetic: bool) -> str:
    return ", synthetic" if synthetic else ""


def _gradient(values: Iterable[float]) -> list[dict[str, Any]]:
    """White over yellow to red; decreases are blue. Model Explorer takes only hex colours and chooses the text's colour itself."""
    known = list(values)
    least, most = min(known, default=0.0), max(known, default=0.0)
    if least >= 0:
        stops = [(0.0, _WHITE), (0.35, _YELLOW), (1.0, _RED)]
    elif most <= 0:
        stops = [(0.0, _BLUE), (1.0, _WHITE)]
    else:
        stops = [(0.0, _BLUE), (-least / (most - least), _WHITE), (1.0, _RED)]
    return [{"stop": stop, "bgColor": colour} for stop, colour in stops]


def _built_in(cell: CellResults, profiles: Iterable[tuple[CellResults, OpProfile]]) -> OpProfile | None:
    """A profile of the same model whose every op is a node of the graph, if possible of the same device."""
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
    """The first output of a group that is one node of the graph; None for other groups."""
    names = tensors_of(rows[0]) if len(rows) == 1 else ()
    return names[0] if names else None
