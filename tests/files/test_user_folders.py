"""The places are part of the outside: a binary or a calibration that was stored yesterday must be found today."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.files.user_folders import (
    binaries_folder,
    calibrations_folder,
    farms_folder,
    models_folder,
    own_registry_file,
)


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HARNESS_STATE_DIR", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def places() -> tuple[Path, Path, Path]:
    return binaries_folder(), calibrations_folder(), farms_folder()


def test_one_variable_names_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_STATE_DIR", "/s")
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    assert places() == (Path("/s/binaries"), Path("/s/calibration"), Path("/s"))


def test_else_those_of_the_desktop_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/d")
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    ours = "litert-device-harness"
    assert places() == (Path("/d", ours, "binaries"), Path("/x", ours, "calibration"), Path("/x", ours, "virtual"))


def test_models_lie_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert models_folder() == tmp_path / ".cache/litert-device-harness/models"
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    assert models_folder() == Path("/c/litert-device-harness/models")
    monkeypatch.setenv("HARNESS_STATE_DIR", "/s")
    assert models_folder() == Path("/s/models")


def test_else_they_lie_at_home(tmp_path: Path) -> None:
    ours = "litert-device-harness"
    state = tmp_path / ".local" / "state" / ours
    assert places() == (tmp_path / ".local/share" / ours / "binaries", state / "calibration", state / "virtual")
    assert list(tmp_path.iterdir()) == [], "asking for a place makes none"


def test_the_own_registry_lies_beside_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ours = "litert-device-harness"
    assert own_registry_file() == tmp_path / ".config" / ours / "models.yaml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "/f")
    assert own_registry_file() == Path("/f", ours, "models.yaml")
    monkeypatch.setenv("HARNESS_STATE_DIR", "/s")
    assert own_registry_file() == Path("/s/models.yaml")
