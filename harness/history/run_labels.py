"""Labels of a run in the history: `commit=abc`, `branch=main`."""

from __future__ import annotations

from collections.abc import Iterable

from harness.errors import UsageError


def parse_labels(words: Iterable[str]) -> dict[str, str]:
    """Read labels; the last one with a key counts.

    Args:
        words: each `KEY=VALUE`.

    Raises:
        UsageError: one has no `=`, or no key.
    """
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--label {word!r} is no KEY=VALUE", remedy="--label commit=abc")
        found[key.strip()] = value
    return found
