"""The line by which a program says that it measured nothing: what it prints was recorded elsewhere or comes from a model. Pure."""

from __future__ import annotations

import re

SYNTHETIC_LINE = "harness-replay: synthetic"
"""How the line on stderr begins. What follows says where the numbers come from."""

_LINE = re.compile(rb"^" + re.escape(SYNTHETIC_LINE.encode()) + rb"(?:[ ,:]\s*(.{0,400}))?$", re.MULTILINE)


def synthetic_origin(stderr: bytes) -> str | None:
    """Where the numbers of an output come from, where they are not measured; None for an output that claims no such thing."""
    match = _LINE.search(stderr.replace(b"\r\n", b"\n"))
    if match is None:
        return None
    return (match[1] or b"a source that is not named").decode(errors="replace").strip()
