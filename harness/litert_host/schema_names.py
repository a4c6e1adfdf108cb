"""The schema's names for the numbers in a .tflite file: operators and element types."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from harness.litert_host.graph import Operator, is_custom


@functools.cache
def operator_names() -> Mapping[int, str]:
    """Return the names of built-in operators, such as `CONV_2D`, as the installed LiteRT knows them."""
    from ai_edge_litert import schema_py_generated

    return _names(schema_py_generated.BuiltinOperator)


@functools.cache
def type_names() -> Mapping[int, str]:
    """Return the names of element types, such as `FLOAT32`."""
    from ai_edge_litert import schema_py_generated

    return _names(schema_py_generated.TensorType)


def operator_name(operator: Operator) -> str:
    """Return a node's name: its own if it is a custom operator, its number if the schema is newer than this LiteRT."""
    return operator.custom if is_custom(operator) else operator_names().get(operator.builtin, str(operator.builtin))


def _names(owner: type) -> dict[int, str]:
    return {value: name for name, value in vars(owner).items() if isinstance(value, int)}
