"""Writes names and numbers in the report's sentences. Names are strangers' text: each is isolated and escaped."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from harness.records import Scalar

_NAME_LENGTH = 80


def number_of(count: int, one: str, many: str | None = None) -> str:
    """Return `1 device` or `2 devices`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}".replace(",", "\u202f")


def thread_words(threads: int) -> str:
    """Return `2 threads`; -1 in a recorded log is the tool's default number."""
    return number_of(threads, "thread") if threads > 0 else "default threads"


def name(text: str, limit: int = _NAME_LENGTH) -> Markup:
    """Isolate a stranger's text from the text around it, and cut it if it is long."""
    return Markup("<bdi>{}</bdi>").format(text if len(text) <= limit else text[: limit - 1] + "\u2026")


def baseline_words(changes: Mapping[str, Scalar]) -> Markup:
    """Return `cpu, 1 thread`."""
    return Markup(", ").join(value_words(dimension, value) for dimension, value in changes.items())


def times(ratio: float) -> str:
    """Return `0.243×` or `1.003×`: three significant digits, four near 1, as the page's scripts write them."""
    if 0.9 < ratio < 1.1:
        return f"{ratio:.3f}\u00d7"
    return f"{ratio:#.3g}\u00d7" if ratio < 100 else f"{ratio:.0f}\u00d7"


def value_words(dimension: str, value: Scalar) -> Markup:
    """Return a value of a dimension in words: `1 thread`, `binary old`, `xnnpack`."""
    if dimension == "threads":
        return Markup("{}").format(thread_words(int(value)))
    return Markup("binary {}").format(name(str(value))) if dimension == "binary" else name(str(value))
