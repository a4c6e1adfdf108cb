"""Findings: how a model's content affects where it runs. Facts that were tried on this host are kept apart from rules of thumb."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]
"""`error`: it does not run there; `warning`: it runs only in part, more slowly or less exactly; `info`: good to know."""

FLEX_REMEDY = "build one: harness build --flex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence about a model and a delegate."""

    delegate: str
    """As suites name it (`cpu`, `xnnpack`, `gpu`); `all` if it is the same for every delegate."""
    severity: Severity
    op: str | None = None
    """The op that causes it."""
    message: str
    remedy: str | None = None
    tried: bool
    """Whether it happened on this host; False for a rule of thumb."""
    source: str | None = None
    """The source of a rule of thumb; docs/models.md has the list."""
