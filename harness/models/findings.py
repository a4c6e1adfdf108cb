"""What a model's content means for where it runs: facts that were tried on this host, and rules of thumb, kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]
"""`error`: it does not run there; `warning`: it runs in part, more slowly or less exactly; `info`: good to know."""

FLEX_REMEDY = "build one: harness build --flex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence about a model and a delegate."""

    delegate: str
    """As suites name it (`cpu`, `xnnpack`, `gpu`); `all` for what no delegate changes."""
    severity: Severity
    op: str | None = None
    """The op to blame."""
    message: str
    remedy: str | None = None
    tried: bool
    """Whether it happened on this host; False for a rule of thumb."""
    source: str | None = None
    """Where a rule of thumb comes from; docs/models.md has the list."""
