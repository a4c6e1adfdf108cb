"""Writes a parsed output with the keys of the contract (`harness parse --json`)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from harness.records import ParsedOutput


def to_json(parsed: ParsedOutput) -> dict[str, Any]:
    """Return all keys of the contract, in its order; None for what the output does not say.

    `notes` (for the reader) and a delegate's `delegate_kernels` are additions. `llm` and `cells` are present for tools that have such
    figures.
    """
    measurement = asdict(parsed.measurement)
    tool = measurement.pop("tool")
    others = {key: value for key in ("llm", "cells") if (value := measurement.pop(key)) is not None}
    lists = {
        key: measurement.pop(key)
        for key in ("ops", "init_ops", "op_summary", "init_op_summary", "profile_runs", "notes")
    }
    return {
        "tool": tool,
        "status": parsed.status.value,
        "causes": [cause.value for cause in parsed.causes],
        "message": parsed.message,
        **{key: list(value) if isinstance(value, tuple) else value for key, value in measurement.items()},
        **{key: list(value) if isinstance(value, tuple) else value for key, value in {**lists, **others}.items()},
    }
