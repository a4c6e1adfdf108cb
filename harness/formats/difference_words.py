"""Puts a difference into words, for a metric without a ratio: memory that did not grow."""

from __future__ import annotations

from harness.analysis.pair_estimates import Difference
from harness.analysis.verdict import Judgement, Verdict


def change(found: Difference, judgement: Judgement) -> str | None:
    """`more by 1.20 MB (0.80 MB to 1.60 MB)`, `suspected +1.20 MB (...)`; None where there is no verdict."""
    if found.value is None or found.low is None or found.high is None or judgement.verdict is Verdict.INCONCLUSIVE:
        return None
    if judgement.verdict is Verdict.SAME:
        return f"the same within {max(found.high, -found.low):.2g} MB"
    if judgement.verdict is Verdict.SUSPECTED:
        return f"suspected {found.value:+.2f} MB ({found.low:+.2f} MB to {found.high:+.2f} MB)"
    ends = (found.low, found.high) if judgement.verdict is Verdict.SLOWER else (-found.high, -found.low)
    name = "more" if judgement.verdict is Verdict.SLOWER else "less"
    return f"{name} by {abs(found.value):.2f} MB ({ends[0]:.2f} MB to {ends[1]:.2f} MB)"


def difference(found: Difference) -> str:
    """`+1.20 MB [+0.80, +1.60]`; `-` without one."""
    if found.value is None:
        return "-"
    return f"{found.value:+.2f} MB {interval(found)}".rstrip()


def interval(found: Difference) -> str:
    """`[+0.80, +1.60]`; empty without one."""
    if found.low is None or found.high is None:
        return ""
    return f"[{found.low:+.2f}, {found.high:+.2f}]"
