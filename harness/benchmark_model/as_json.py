"""A parsed output in the keys of the contract (`harness parse --json`)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from harness.records import ParsedOutput


def to_json(parsed: ParsedOutput) -> dict[str, Any]:
    """The contract's keys, all of them, in its order; None where the output does not say.

    `notes` (what a reader should know) and a delegate's `delegate_kernels` are added to the contract's. `llm` and `cells` are
    there for the tools that have such figures.
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
