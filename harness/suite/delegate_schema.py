"""Puts the delegates and their options into the JSON Schema of suites, so that an editor checks as much as the loader."""

from __future__ import annotations

from typing import Any

from harness.benchmark_model.command_line import DELEGATES

DELEGATE_NAMES: dict[str, Any] = {"type": "string", "enum": list(DELEGATES)}


def add_options(schema: dict[str, Any]) -> None:
    """Add the options of each delegate, with their valid values."""
    schema["properties"]["name"] |= {"enum": list(DELEGATES)}
    common = list(schema["properties"])
    schema["allOf"] = [
        {
            "if": {"properties": {"name": {"const": name}}},
            "then": {
                "properties": {option: _value(known.values.get(option, "text")) for option in known.options},
                "propertyNames": {"enum": [*common, *known.options]},
                **({"required": ["path"]} if name == "external" else {}),
            },
        }
        for name, known in DELEGATES.items()
    ]


def _value(allowed: tuple[str, ...] | str) -> dict[str, Any]:
    if allowed == "bool":
        return {"type": "boolean"}
    if allowed == "whole":
        return {"type": "integer", "minimum": 0}
    return {"enum": list(allowed)} if isinstance(allowed, tuple) else {"type": ["string", "number", "boolean"]}
