"""Where users' `-o FILE` goes: whole or not at all, and nothing but files is ever replaced."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from harness.errors import SetupError, UsageError
from harness.files.whole_file import output_file, replacing, write_whole


def write(path: Path, data: bytes = b"new") -> None:
    with output_file(path) as stream:
        stream.write(data)


def test_a_file_is_made_or_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write(path, b"one")
    with output_file(path) as stream:
        stream.write(b"two")
        stream.flush()
        assert path.read_bytes() == b"one"
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_what_goes_wrong_meanwhile_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write(path, b"one")

    def fail() -> None:
        with output_file(path) as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write(path, b"one")
    with pytest.raises(SetupError, match="No space left") as caught, output_file(path):
        raise OSError(28, "No space left on device")
    assert caught.value.remedy
    assert path.read_bytes() == b"one"


@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_gets_the_bytes_and_stays_a_pipe(tmp_path: Path, linked: bool) -> None:
    """As /dev/stdout and /dev/null do: root would take them away from the whole machine."""
    os.mkfifo(tmp_path / "pipe")
    place = tmp_path / "pipe"
    if linked:
        place = tmp_path / "link"
        place.symlink_to("pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    write(place)
    reader.join(10)
    assert got == [b"new"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert place.is_symlink() == linked


def test_a_device_gets_the_bytes_and_stays_one() -> None:
    main, other = os.openpty()
    try:
        path = Path(os.ttyname(other))
        write(path)
        assert os.read(main, 10) == b"new"
        assert stat.S_ISCHR(path.stat().st_mode)
    finally:
        os.close(main)
        os.close(other)


def test_a_link_stays_one_and_what_it_names_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("folder/real")
    (tmp_path / "folder").mkdir()
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "real").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "Is a directory"),
        (".", "Is a directory"),
        ("/", "Is a directory"),
        ("folder", "Is a directory"),
        ("nothing/out", "No such file"),
        ("file/out", "Not a directory"),
        ("x" * 300, "name too long"),
        ("circle", "levels of symbolic links"),
    ],
)
def test_what_is_no_place_to_write_to_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").write_bytes(b"old")
    Path("circle").symlink_to("circle")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=words) as caught:
        write(Path(name))
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before
    assert Path("file").read_bytes() == b"old"


def test_a_file_of_our_own_gets_its_folders_and_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_of_our_own_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(SetupError, match=r"cannot write .*/file/x: ") as caught:
        write_whole(tmp_path / "file" / "x", b"new")
    assert caught.value.remedy
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("durable", [False, True])
def test_a_block_that_fails_leaves_the_old_content_and_nothing_beside_it(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")

    def fail() -> None:
        with replacing(path, durable=durable) as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
