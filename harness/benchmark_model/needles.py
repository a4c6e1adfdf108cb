"""Finds which of many short texts occur in a long output, faster than by searching for each. Pure.

Drivers print the same few lines by the ten thousand, each with a different number. Without digits few different lines are left.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache


def present(text: str, needles: Iterable[str]) -> list[str]:
    """Return those needles that may occur in a text: surely all that do, and seldom another.

    Args:
        text: any text.
        needles: texts without digits and line ends.
    """
    kinds = _kinds_of_lines(text)
    return [needle for needle in needles if needle in kinds]


@lru_cache(maxsize=1)  # one output is searched several times in a row
def _kinds_of_lines(text: str) -> str:
    lines = text.encode("utf-8", "surrogatepass").translate(None, b"0123456789").split(b"\n")
    return b"\n".join(set(lines)).decode("utf-8", "surrogatepass")
