"""Names and numbers in the report's sentences. Names are strangers' text: each is isolated and escaped."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from harness.records import Scalar

_NAME_LENGTH = 80


def number_of(count: int, one: str, many: str | None = None) -> str:
    """`1 device`, `2 devices`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}".replace(",", "\u202f")


def thread_words(threads: int) -> str:
    """`2 threads`; -1 is the tool's own word for its default, which a recorded log may not say more of."""
    return number_of(threads, "thread") if threads > 0 else "default threads"


def name(text: str, limit: int = _NAME_LENGTH) -> Markup:
    """A stranger's text, isolated from what stands around it, cut where it is long."""
    return Markup("<bdi>{}</bdi>").format(text if len(text) <= limit else text[: limit - 1] + "\u2026")


def baseline_words(changes: Mapping[str, Scalar]) -> Markup:
    """`cpu, 1 thread`."""
    return Markup(", ").join(value_words(dimension, value) for dimension, value in changes.items())


def times(ratio: float) -> str:
    """`0.243×`, `1.003×`: three digits that mean something, near 1 four, as the page's scripts write them."""
    if 0.9 < ratio < 1.1:
        return f"{ratio:.3f}\u00d7"
    return f"{ratio:#.3g}\u00d7" if ratio < 100 else f"{ratio:.0f}\u00d7"


def value_words(dimension: str, value: Scalar) -> Markup:
    """A value of a dimension in words: `1 thread`, `binary old`, `xnnpack`."""
    if dimension == "threads":
        return Markup("{}").format(thread_words(int(value)))
    return Markup("binary {}").format(name(str(value))) if dimension == "binary" else name(str(value))
