"""Reads numbers as C++ streams print them, and the `count=...` line."""

from __future__ import annotations

import math
import re

from harness.records import RunStatistics

NUMBER = r"-?\d{1,20}(?:\.\d{1,20})?(?:e[+-]?\d{1,3})?"
"""Pattern of a finite number; `nan` and `inf` are never values here."""

_NUMBER = re.compile(NUMBER)
_FIELD = re.compile(
    rf"(count|first|curr|min|max|avg|std|p5|median|p95)=({NUMBER}|-?nan|-?inf)(?:\(all same\))?(?=\s|$)"
)


def number(text: str) -> float | None:
    """Read a finite number; None for anything else (`-nan`, a cut-off word, nothing)."""
    if _NUMBER.fullmatch(text) is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def scaled(text: str, power: int) -> float | None:
    """Read a number times 10**power, rounded once: `0.097` ms is exactly 97.0 us."""
    if _NUMBER.fullmatch(text) is None:
        return None
    mantissa, _, exponent = text.partition("e")
    value = float(f"{mantissa}e{int(exponent or 0) + power}")
    return value if math.isfinite(value) else None


def whole_average(text: str) -> bool:
    """Return whether an average looks complete: it has the six digits that the tool prints, or the two of an exponent."""
    mantissa, _, exponent = text.partition("e")
    digits = mantissa.removeprefix("-").replace(".", "").lstrip("0")
    if exponent:
        return len(exponent) == 3
    # `3.19167` may be cut before `e+06`.
    return len(digits) >= 6 and mantissa.lstrip("-").find(".") != 1


def whole_size(text: str) -> bool:
    """Return whether a memory size in MB looks complete: it is a number of KB / 1024, printed with six digits."""
    value = number(text)
    if value is None:
        return False
    return len(text.partition(".")[2]) >= 3 and f"{round(value * 1024) / 1024:g}" == text


def percent(text: str) -> float | None:
    """Read `13.618%` as 13.618; `-nan%` (a total of zero) is None."""
    return number(text.removesuffix("%").strip())


def whole(text: str) -> int | None:
    """Read a count. The tool prints times called as an integer; averages of it are not counts."""
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def parse_statistics(text: str, *, cut: bool = False) -> RunStatistics | None:
    """Read `count=50 first=1 curr=2 min=1 max=3 avg=2 std=1 p5=1 median=2 p95=3` from the start of `text`.

    One run is `count=1 curr=N`, equal values are `count=10 curr=0(all same)`, no run is `count=0`; figures that are not printed stay None.
    p5, median and p95 exist from TensorFlow 2.19 on; with a count of 0 they are printed as 0 and mean nothing.

    Args:
        text: the line from `count=` on.
        cut: the line is the last one and lacks its line end, so its last number may lack digits and is not used.
    """
    values: dict[str, float] = {}
    last = ""
    position = 0
    while (match := _FIELD.match(text, position)) is not None:
        if match[1] in values or match[1] == last:
            break
        last = match[1]
        value = number(match[2])
        if value is not None:
            values[last] = value
        position = match.end()
        while position < len(text) and text[position] in " \t":
            position += 1
    if cut and position >= len(text):
        values.pop(last, None)
    count = values.pop("count", None)
    if count is None or not count.is_integer() or count < 0:
        return None
    if count == 0:
        return RunStatistics(count=0)
    return RunStatistics(count=int(count), **values)
