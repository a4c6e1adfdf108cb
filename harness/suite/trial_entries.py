"""Entries of a suite that repeats trials of an earlier run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from harness.records import DelegateRequest, ModelRef, RunLengths, Scalar

_KEPT = ("conditions", "synthetic")
"""Keys of an earlier suite that are copied unchanged."""


def delegate_entry(request: DelegateRequest) -> str | dict[str, Any]:
    """Return the entry for a delegate: its name, or its name with its options."""
    options: dict[str, Scalar] = {**request.options}
    if request.require != "partial":
        options["require"] = request.require
    return {"name": request.name, **options} if options else request.name


def model_entry(ref: ModelRef, name: str, path: str | None = None) -> dict[str, Any]:
    """Return the entry for a model.

    Args:
        ref: the model in the earlier run.
        name: its name in the new suite.
        path: its file; None for the file of `ref`.
    """
    entry: dict[str, Any] = {"path": path if path is not None else ref.path, "name": name}
    if ref.signature is not None:
        entry["signature"] = ref.signature
    if ref.inputs:
        entry["inputs"] = [
            {"name": one.name, "shape": list(one.shape), **({"range": list(one.range)} if one.range else {})}
            for one in ref.inputs
        ]
    return entry


def run_entry(lengths: RunLengths) -> dict[str, float]:
    """Return the entry for the lengths of each process."""
    return {name: getattr(lengths, name) for name in lengths.__dataclass_fields__}


def kept_entries(suite_text: str) -> Mapping[str, Any]:
    """Return a suite's entries for conditions and synthetic numbers, to repeat them; nothing if the text is not a suite."""
    try:
        given = yaml.safe_load(suite_text)
    except yaml.YAMLError:
        return {}
    return {key: given[key] for key in _KEPT if key in given} if isinstance(given, dict) else {}
