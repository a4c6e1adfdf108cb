"""How tests open a report in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from harness.records.history import SeriesKey
from harness.report.history_rows import series_id

Open = Callable[..., Page]
"""Opens a report: path, then the part of the address from `#` on; `scheme` and `width` by name."""


def open_series(open_report: Open, page: Path, key: SeriesKey, **other: Any) -> Page:
    """Open the page of a history at one of its series."""
    opened = open_report(page, f"#series={series_id(key)}", **other)
    expect(opened.locator("#night-chart svg")).to_be_visible()
    return opened
