"""The line that says that a program's numbers are not measured: they were recorded elsewhere or come from a model. Pure."""

from __future__ import annotations

import re

SYNTHETIC_LINE = "harness-replay: synthetic"
"""Beginning of the line on stderr. The rest says where the numbers come from."""

_LINE = re.compile(rb"^" + re.escape(SYNTHETIC_LINE.encode()) + rb"(?:[ ,:]\s*(.{0,400}))?$", re.MULTILINE)


def synthetic_origin(stderr: bytes) -> str | None:
    """Return where an output's numbers come from if they are not measured; None if the output does not say so."""
    match = _LINE.search(stderr.replace(b"\r\n", b"\n"))
    if match is None:
        return None
    return (match[1] or b"a source that is not named").decode(errors="replace").strip()
