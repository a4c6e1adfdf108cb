from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import SetupError
from harness.virtual import farm_folder


def test_a_folder_lives_as_long_as_its_lock(tmp_path: Path) -> None:
    folder, lock = farm_folder.create(tmp_path)
    (folder / "devices").mkdir()
    assert farm_folder.sweep(tmp_path) == []
    os.close(lock)
    assert farm_folder.sweep(tmp_path) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_what_only_began_is_swept_when_it_is_old(tmp_path: Path) -> None:
    young, old = tmp_path / "new-1", tmp_path / "new-2"
    young.mkdir()
    old.mkdir()
    os.utime(old, (0, 0))
    assert farm_folder.sweep(tmp_path) == [old]
    assert young.exists()


def test_other_peoples_things_stay(tmp_path: Path) -> None:
    (tmp_path / "farmhouse").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    assert farm_folder.sweep(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 2


def test_trees_without_permissions_are_removed(tmp_path: Path) -> None:
    deep = tmp_path / "farm-1" / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    (tmp_path / "outside").write_text("stays")
    (deep / "link").symlink_to(tmp_path / "outside")
    deep.chmod(0)
    deep.parent.chmod(0o500)
    farm_folder.remove_tree(tmp_path / "farm-1")
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]


def test_the_default_place_must_be_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    base = farm_folder.default_base()
    assert base.stat().st_mode & 0o777 == 0o700
    assert farm_folder.default_base() == base
    base.chmod(0o755)
    with pytest.raises(SetupError, match="not a private folder"):
        farm_folder.default_base()
