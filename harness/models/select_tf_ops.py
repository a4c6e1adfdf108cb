"""Finds the Select TF ops (TensorFlow's own ops) in a model's graph. Only a binary with Flex runs them."""

from __future__ import annotations

from pathlib import Path

from harness.litert_host.graph import is_custom
from harness.litert_host.model_file import ModelError, open_graph

SELECT_TF = "Flex"
"""The beginning of all names of Select TF ops."""


def select_tf_ops(path: Path) -> tuple[str, ...]:
    """Return the names of a model's Select TF ops, such as `FlexErf`, each once; empty for a file that is not a model."""
    try:
        graph, _ = open_graph(str(path))
    except ModelError:
        return ()
    nodes = (node for subgraph in graph.subgraphs for node in subgraph.operators)
    return tuple(dict.fromkeys(node.custom for node in nodes if is_custom(node) and node.custom.startswith(SELECT_TF)))
