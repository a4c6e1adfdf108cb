"""Keeping files by their hash."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from harness.errors import SetupError, UsageError
from harness.history.blob_store import DEFAULT_MAX, VARIABLE, BlobStore, parse_size


def a_file(folder: Path, content: bytes, name: str = "f") -> tuple[Path, str]:
    path = folder / name
    path.write_bytes(content)
    return path, sha256(content).hexdigest()


def put(store: BlobStore, folder: Path, content: bytes, *, used_at: float | None = None) -> str:
    path, digest = a_file(folder, content)
    assert store.keep(path, digest) is None
    if used_at is not None:
        kept = store.root / digest[:2] / digest
        os.utime(kept, (used_at, used_at))
    return digest


def test_a_file_is_kept_once_and_found_by_its_hash(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs")
    path, digest = a_file(tmp_path, b"model")
    assert store.path(digest) is None
    assert store.keep(path, digest) is None
    path.unlink()
    assert store.keep(path, digest) is None, "it is here, so its source need not be"
    found = store.path(digest)
    assert found is not None
    assert found.read_bytes() == b"model"
    assert found.stat().st_mode & 0o777 == 0o444
    assert [one.sha256 for one in store.files()] == [digest]
    program, other = a_file(tmp_path, b"#!/bin/sh\n")
    assert store.keep(program, other, executable=True) is None
    assert os.access(store.path(other) or "", os.X_OK)


def test_what_has_changed_is_not_kept(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs")
    path, digest = a_file(tmp_path, b"now")
    reason = store.keep(path, sha256(b"then").hexdigest())
    assert reason == f"{path} has changed since the run"
    assert store.keep(tmp_path / "none", digest) == f"{tmp_path / 'none'} is gone"
    assert store.keep(tmp_path, digest) is not None
    assert store.keep(path, "../../etc/passwd") is not None
    assert store.path("../../etc/passwd") is None
    assert store.files() == ()
    assert [one.name for one in (tmp_path / "blobs").rglob("*") if one.is_file()] == [".lock"]


def test_a_damaged_file_is_not_given_out_and_is_mended(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs")
    digest = put(store, tmp_path, b"model")
    kept = store.root / digest[:2] / digest
    kept.chmod(0o644)
    kept.write_bytes(b"tampered")
    assert store.path(digest) is None
    assert put(store, tmp_path, b"model") == digest
    assert store.path(digest) == kept


def test_the_files_that_nobody_used_for_longest_make_room(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs", max_bytes=30)
    old, middle, new = (put(store, tmp_path, word * 10, used_at=at) for word, at in ((b"a", 3), (b"b", 1), (b"c", 2)))
    assert [one.sha256 for one in store.files()] == [middle, new, old]
    assert store.path(middle) is not None, "to read it is to use it"
    fourth = put(store, tmp_path, b"d" * 10)
    assert {one.sha256 for one in store.files()} == {old, middle, fourth}


def test_files_in_use_make_no_room(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs", max_bytes=25)
    first, second = (put(store, tmp_path, word * 10, used_at=1) for word in (b"a", b"b"))
    path, digest = a_file(tmp_path, b"c" * 10)
    reason = store.keep(path, digest, used={first, second, digest})
    assert reason is not None
    assert "beside the files that must stay" in reason
    assert {one.sha256 for one in store.files()} == {first, second}, "in vain nothing goes"
    large, digest = a_file(tmp_path, b"d" * 26)
    assert store.keep(large, digest) is not None
    assert len(store.files()) == 2


def test_pruning_removes_what_is_beyond_the_limit_and_what_a_kill_left(tmp_path: Path) -> None:
    root = tmp_path / "blobs"
    assert BlobStore(root).prune() == ()
    assert not root.exists()
    ample = BlobStore(root, max_bytes=100)
    first, second, third = (
        put(ample, tmp_path, word * 10, used_at=at) for word, at in ((b"a", 1), (b"b", 2), (b"c", 3))
    )
    (root / first[:2] / ".part-1-abc").write_bytes(b"half")
    (root / first[:2] / "notes.txt").write_bytes(b"not ours")
    store = BlobStore(root, max_bytes=15)
    assert [one.sha256 for one in store.prune(dry_run=True)] == [first, second]
    assert len(store.files()) == 3
    assert [one.sha256 for one in store.prune(used={first})] == [second, third]
    assert [one.sha256 for one in store.files()] == [first]
    assert sorted(one.name for one in (root / first[:2]).iterdir()) == sorted([first, "notes.txt"])


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"a file")
    path, digest = a_file(tmp_path, b"model")
    with pytest.raises(SetupError, match=r"cannot write .*blobs"):
        BlobStore(tmp_path / "blobs").keep(path, digest)


def test_sizes_are_read_with_their_units(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"20GB": 20 * 10**9, "1.5 mb": 1_500_000, "12": 12, "3t": 3 * 10**12, "7 B": 7}
    assert {words: parse_size(words, "x") for words in sizes} == sizes
    for words in ("", "GB", "-1", "1PB", "1e3"):
        with pytest.raises(UsageError, match="is no size"):
            parse_size(words, "x")
    assert BlobStore().max_bytes == DEFAULT_MAX
    monkeypatch.setenv(VARIABLE, "5MB")
    assert BlobStore().max_bytes == 5_000_000
    monkeypatch.setenv(VARIABLE, "much")
    with pytest.raises(UsageError, match=f"{VARIABLE}: 'much' is no size"):
        BlobStore()
