"""A browser, and reports opened in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from harness.report import write_report
from harness.report.history_page import write_history_report
from tests.report.browsing import Open
from tests.report.histories import NOW, lab_history
from tests.report.review_runs import review_run
from tests.report.runs import demo_run


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs the system package chromium")
    arguments = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    expect.set_options(timeout=20_000)  # the machine may be busy with other tests
    browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
    yield browser
    browser.close()


@pytest.fixture
def open_report(browser: Browser) -> Iterator[Open]:
    """Opens a report; at the end nothing may have been said on the console, and nothing asked for but the file itself."""
    complaints: list[str] = []
    requests: list[str] = []
    pages: list[Page] = []

    def open_one(path: Path, address: str = "", *, scheme: str = "light", width: int = 1400) -> Page:
        context = browser.new_context(
            color_scheme="dark" if scheme == "dark" else "light", viewport={"width": width, "height": 900}
        )
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri() + address)
        expect(page.locator("#toolbar")).to_be_visible()
        pages.append(page)
        return page

    yield open_one
    for page in pages:
        page.context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith("file:") or "report.html" not in url] == []


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("browser") / "run"
    demo_run(path)
    return write_report(path)


@pytest.fixture(scope="session")
def review(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run with noise, so that its intervals have a width."""
    path = tmp_path_factory.mktemp("review") / "run"
    review_run(path)
    return write_report(path)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small history."""
    series, changes = lab_history()
    place = tmp_path_factory.mktemp("history")
    return write_history_report(series, changes, place / "history-report.html", title="Lab 7", now=NOW)
