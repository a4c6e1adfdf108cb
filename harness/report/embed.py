"""Putting data and scripts into an HTML page so that nothing in them can end the element they stand in."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

Json = dict[str, Any]
"""What becomes an object of the page's data."""

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_PLAIN_LIMIT = 1_000_000


def json_block(value: object) -> Markup:
    """JSON for the inside of `<script type="application/json">`: still JSON, and without any character that HTML reads."""
    try:
        text = _dump(value)
    except ValueError:
        text = _dump(_finite(value))  # a run's numbers may be none (a tool that divided by zero); in JSON they are null
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return Markup(text)  # noqa: S704 -- every character that HTML gives a meaning is escaped just above


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def data_block(name: str, value: object) -> Markup:
    """A `<script>` element with data for the page's scripts to read by its id.

    Large data are deflated and in base64, which browsers undo by themselves: a run with a million op rows stays a file of a few megabytes.
    """
    text = json_block(value)
    if len(text) < _PLAIN_LIMIT:
        return Markup('<script type="application/json" id="{}">{}</script>').format(name, text)
    return _packed(name, text)


def _packed(name: str, text: str) -> Markup:
    packed = base64.b64encode(zlib.compress(text.encode("utf-8", "backslashreplace"), level=9)).decode()
    return Markup('<script type="application/octet-stream" id="{}">{}</script>').format(name, packed)


def own_code(text: str) -> Markup:
    """A script or style sheet of the project's own for the inside of `<script>` or `<style>`.

    Raises:
        ValueError: it holds something that would end the element.
    """
    lowered = text.lower()
    for ender in ("</script", "</style", "<!--"):
        if ender in lowered:
            raise ValueError(f"code with {ender!r} in it cannot be inlined")
    return Markup(text)  # noqa: S704 -- shipped files only, and checked just above


def content_hash(code: str) -> Markup:
    """A source for the page's Content-Security-Policy: exactly this script may run, or this style sheet apply."""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return Markup("'sha256-{}'").format(digest)


def log_prefix(run_dir: Path, folder: Path) -> str:
    """What leads from a folder that holds a page to the files of a run; empty, or with a slash at its end."""
    relative = os.path.relpath(run_dir.resolve(), folder.resolve())
    return "" if relative == "." else Path(relative).as_posix() + "/"


def log_href(prefix: str, path: str) -> str | None:
    """A relative link to a raw log; None for a path that does not stay inside the run's folder."""
    parts = path.split("/")
    if not path or path.startswith("/") or ".." in parts or "\\" in path:
        return None
    # A colon stays quoted, so that no path can pass for a scheme.
    return quote(f"{prefix}{path}", safe="/")


def rounded(value: float | None, digits: int = 6) -> float | int | None:
    """A number with so many significant digits, as short as JSON can write it; None for what is not a finite number."""
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
