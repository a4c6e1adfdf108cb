from __future__ import annotations

import pytest


@pytest.fixture(params=["namespaces", "path-mapping"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a test in both modes."""
    monkeypatch.setenv("HARNESS_VIRTUAL_NAMESPACES", "1" if request.param == "namespaces" else "0")
    return str(request.param)


@pytest.fixture
def namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Insists on namespaces."""
    monkeypatch.setenv("HARNESS_VIRTUAL_NAMESPACES", "1")
