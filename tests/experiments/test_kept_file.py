"""A file of an earlier night, by its hash."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from harness.binaries.binary_store import BinaryStore
from harness.experiments.kept_file import FileGone, kept_file
from harness.virtual.replay.replay_launcher import write_launcher

CONTENT = b"a model"
SHA = sha256(CONTENT).hexdigest()


def nothing(_: str) -> Path | None:
    return None


def model(sha: str = SHA, **options: object) -> Path:
    return kept_file(sha, kind="model", side="old", called="m", **{"kept": nothing, **options})  # type: ignore[arg-type]


def binary(sha: str, **options: object) -> Path:
    return kept_file(sha, kind="binary", side="new", called="b", **{"kept": nothing, **options})  # type: ignore[arg-type]


def written(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_store_of_the_history_comes_first(tmp_path: Path) -> None:
    blob, lay = written(tmp_path / "blob"), written(tmp_path / "lay")
    assert model(kept=lambda _: blob, lay_at=[str(lay)]) == blob


def test_a_blob_that_was_changed_is_not_taken(tmp_path: Path) -> None:
    blob, lay = written(tmp_path / "blob", b"something else"), written(tmp_path / "lay")
    assert model(kept=lambda _: blob, lay_at=[str(lay)]) == lay


def test_a_path_that_holds_another_file_by_now_is_not_taken(tmp_path: Path) -> None:
    lay = written(tmp_path / "lay", b"rebuilt in place")
    with pytest.raises(FileGone, match=f"the old model m .SHA-256 {SHA[:12]}. is gone"):
        model(lay_at=[str(lay), str(tmp_path / "missing"), str(tmp_path), "nul\0"])


def test_a_binary_of_the_store_of_binaries(tmp_path: Path) -> None:
    store = BinaryStore(tmp_path)
    path = written(tmp_path / "programs" / SHA / "benchmark_model")
    assert binary(SHA, binaries=store) == path
    with pytest.raises(FileGone):
        model()


def test_a_launcher_whose_program_changed_since_is_another_program(tmp_path: Path) -> None:
    """It starts the code that is installed now: run again, it would be the new side on both sides, and refute every change."""
    path = tmp_path / "launcher"
    write_launcher(path)
    assert binary(sha256(path.read_bytes()).hexdigest(), lay_at=[str(path)]) == path
    lines = path.read_text().splitlines(keepends=True)
    for mark in ("; content ", "# recordings "):
        old = [line[:-5] + "0000\n" if mark in line else line for line in lines]
        content = "".join(old).encode()
        assert content != path.read_bytes()
        other = written(tmp_path / "other", content)
        with pytest.raises(FileGone, match="which has changed since"):
            binary(sha256(content).hexdigest(), lay_at=[str(other)])


@pytest.mark.parametrize("word", ["", "unknown", "../../etc/passwd", SHA[:12]])
def test_what_is_no_hash_names_no_file(word: str) -> None:
    def refuse(_: str) -> Path | None:
        raise AssertionError("no file may be looked for by that word")

    with pytest.raises(FileGone, match="has no known SHA-256"):
        model(word, kept=refuse)


def test_a_hostile_name_in_a_message_is_one_line_without_control_characters() -> None:
    with pytest.raises(FileGone) as caught:
        kept_file(SHA, kind="model", side="old", called="m\x1b[2J\nharness: all is well", kept=nothing)
    assert caught.value.message.startswith("the old model m\\x1b[2J\\nharness: all is well (SHA-256 ")
