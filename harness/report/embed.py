"""Puts data and scripts into an HTML page so that nothing in them can end their element."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import zlib
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

Json = dict[str, Any]
"""An object of the page's data."""

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_PLAIN_LIMIT = 1_000_000


def json_block(value: object) -> Markup:
    """Return JSON for `<script type="application/json">` without any character that has a meaning in HTML."""
    try:
        text = _dump(value)
    except ValueError:
        text = _dump(_finite(value))  # NaN (of a tool that divided by zero) becomes null
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return Markup(text)  # noqa: S704 -- escaped just above


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def data_block(name: str, value: object) -> Markup:
    """Return a `<script>` element with data, which the page's scripts read by its id.

    Large data are deflated and in base64, which browsers can undo: a run with a million op rows stays a file of a few megabytes.
    """
    text = json_block(value)
    if len(text) < _PLAIN_LIMIT:
        return Markup('<script type="application/json" id="{}">{}</script>').format(name, text)
    packed = base64.b64encode(zlib.compress(text.encode("utf-8", "backslashreplace"), level=9)).decode()
    return Markup('<script type="application/octet-stream" id="{}">{}</script>').format(name, packed)


def own_code(text: str) -> Markup:
    """Return a script or style sheet of the project for `<script>` or `<style>`.

    Raises:
        ValueError: it holds something that would end the element.
    """
    lowered = text.lower()
    for ender in ("</script", "</style", "<!--"):
        if ender in lowered:
            raise ValueError(f"code with {ender!r} in it cannot be inlined")
    return Markup(text)  # noqa: S704 -- shipped files only, and checked just above


def content_hash(code: str) -> Markup:
    """Return a source for the page's Content-Security-Policy that allows exactly this script or style sheet."""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return Markup("'sha256-{}'").format(digest)


def log_href(prefix: str, path: str) -> str | None:
    """Return a relative link to a raw log; None for a path that leaves the run's folder."""
    parts = path.split("/")
    if not path or path.startswith("/") or ".." in parts or "\\" in path:
        return None
    # Colons are quoted, so that no path looks like a scheme.
    return quote(f"{prefix}{path}", safe="/")


def rounded(value: float | None, digits: int = 6) -> float | int | None:
    """Round to significant digits, as short as JSON can write it; None unless the number is finite."""
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
