"""Shared fixtures. A missing system package skips a test with its name; in CI (HARNESS_REQUIRE_SYSTEM_PACKAGES=1) that is a failure."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Playwright, sync_playwright

# By default an example that takes 200 ms fails, and on a busy machine any may: how fast it is decides no test.
settings.register_profile("any_speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_speed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # Workers send reports as UTF-8, and a log line may name a file whose name is no text.
    report.sections = [(title, text.encode("utf-8", "backslashreplace").decode()) for title, text in report.sections]
    if (
        report.skipped
        and os.environ.get("HARNESS_REQUIRE_SYSTEM_PACKAGES")
        and "system package" in str(report.longrepr)
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped where it must run: {report.longrepr}"
    return report


@pytest.fixture(autouse=True, scope="session")
def _signals_count() -> None:
    """Under nohup, or behind `&` in a script, they are ignored, and every program that a test starts would inherit that."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """One for all browsers of a module, and gone after it: while it is there its event loop runs, and no other can in this process."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def no_server_port() -> Iterator[int]:
    """A port on which nothing listens and nothing can: a socket is bound to it. So no test starts an ADB server that stays."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, no_server_port: int) -> None:
    """No test reads or writes the user's registry of virtual devices or history, or talks to the user's ADB server."""
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(no_server_port))
    for name in ("HARNESS_DATABASE", "HARNESS_BLOBS_MAX"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def repository() -> Path:
    return Path(__file__).resolve().parent.parent
