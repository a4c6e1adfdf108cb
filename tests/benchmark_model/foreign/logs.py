"""How the tests of foreign logs read and dress them."""

from __future__ import annotations

from typing import Any

from harness.benchmark_model import to_json
from harness.benchmark_model.foreign import read_foreign_log
from tests.benchmark_model.outputs import TIMINGS


def read(text: str | bytes, **keywords: Any) -> dict[str, Any]:
    return to_json(read_foreign_log(text, **keywords).parsed)


def prefixed(text: str, prefix: str) -> str:
    return "".join(f"{prefix}{line}\n" for line in text.rstrip("\n").split("\n"))


def extract(delegate: str, average: str, memory: str = "") -> str:
    """What `grep` leaves of a run."""
    count = f"count=50 first=102 curr=99 min=98 max=104 avg={average} std=2\n"
    return f"{delegate}Initialized session in 2ms.\n{count}{TIMINGS.replace('101.5', average)}{memory}\n"
