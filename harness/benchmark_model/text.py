"""Decodes the bytes that a process printed."""

from __future__ import annotations


def decode(data: str | bytes) -> str:
    """Decode UTF-8. Never fails: invalid bytes become U+FFFD. Line ends stay, because `adb shell` delivers them as printed."""
    return data if isinstance(data, str) else data.decode("utf-8", errors="replace")
