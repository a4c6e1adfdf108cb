"""How tests open a report in a browser."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

Open = Callable[..., Page]
"""Opens a report: path, then the part of the address from `#` on; `scheme` and `width` by name."""
