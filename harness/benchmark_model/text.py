"""From the bytes that a process printed to text."""

from __future__ import annotations


def decode(data: str | bytes) -> str:
    """UTF-8 to text. Never fails: what is no text becomes U+FFFD. Line ends stay: `adb shell` delivers them as they were printed."""
    return data if isinstance(data, str) else data.decode("utf-8", errors="replace")
