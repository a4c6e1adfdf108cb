from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from harness.virtual.android.files import HostFiles


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A device's root, and a file next to it that must stay out of reach."""
    for folder in ("root/data/local/tmp", "root/sys", "root/proc"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "root"


@pytest.fixture
def files(root: Path) -> HostFiles:
    return HostFiles(lambda: root)


def test_what_is_written_is_read_back_with_mode_and_time(files: HostFiles, root: Path) -> None:
    with files.open_write("/data/local/tmp/new/folders/f", 0o100755) as file:
        file.write(b"data")
    files.set_mtime("/data/local/tmp/new/folders/f", 1_000_000_000)
    found = files.stat("/data/local/tmp/new/folders/f")
    assert (stat.S_IMODE(found.mode), found.size, found.mtime, found.atime) == (0o755, 4, 1_000_000_000, 1_000_000_000)
    assert (found.uid, found.gid) == (2000, 2000)
    with files.open_read("/data/local/tmp/new/./folders//f") as read:
        assert read.read() == b"data"
    with files.open_write("/data/local/tmp/new/folders/f", 0o600) as file:
        file.write(b"n")
    assert (root / "data/local/tmp/new/folders/f").read_bytes() == b"n"
    files.unlink("/data/local/tmp/new/folders/f")
    assert [name for name, _ in files.listdir("/data/local/tmp/new/folders")] == [".", ".."]


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("abs", "/../../secret"),
        ("up", "../../../../../../secret"),
        ("dir", "../../../.."),
        ("host", "{host}/secret"),
        ("chain", "up2"),
    ],
)
def test_links_never_lead_outside(files: HostFiles, root: Path, link: str, target: str) -> None:
    tmp = root / "data/local/tmp"
    (tmp / "up2").symlink_to("../../../../secret")
    (tmp / link).symlink_to(target.format(host=root.parent))
    path = f"/data/local/tmp/{link}" + ("/secret" if link == "dir" else "")
    with pytest.raises(FileNotFoundError):
        files.open_read(path)
    with files.open_write(path, 0o644) as file:  # made inside the device, where the link leads there
        file.write(b"inside")
    assert (root.parent / "secret").read_text() == "secret"
    files.set_mtime(path, 1)
    assert (root.parent / "secret").stat().st_mtime > 1


def test_dots_stop_at_the_root(files: HostFiles, root: Path) -> None:
    assert {name for name, _ in files.listdir("/../../..")} == {".", "..", "data", "sys", "proc"}
    with pytest.raises(FileNotFoundError):
        files.lstat("/data/../../secret")
    assert files.stat("/").ino == root.stat().st_ino
    assert files.stat("/data/local/..").ino == (root / "data").stat().st_ino


def test_a_link_is_made_replaced_and_seen_as_itself(files: HostFiles, root: Path) -> None:
    files.symlink("/data/nowhere", "/data/local/tmp/l")
    files.symlink("/data/local", "/data/local/tmp/l")
    assert stat.S_ISLNK(files.lstat("/data/local/tmp/l").mode)
    assert stat.S_ISDIR(files.stat("/data/local/tmp/l").mode)
    assert (root / "data/local/tmp/l").readlink() == Path("/data/local")
    files.unlink("/data/local/tmp/l")
    assert (root / "data/local").is_dir()


def test_a_loop_of_links_ends(files: HostFiles, root: Path) -> None:
    (root / "data/a").symlink_to("b")
    (root / "data/b").symlink_to("a")
    assert failing(lambda: files.stat("/data/a")) == errno.ELOOP


def failing(action: Callable[[], object]) -> int | None:
    with pytest.raises(OSError) as caught:
        action()
    return caught.value.errno


def test_errors_are_those_of_android(files: HostFiles, root: Path) -> None:
    (root / "data/file").write_text("x")
    (root / "data/file").chmod(0o444)
    (root / "data/secret").write_text("x")
    (root / "data/secret").chmod(0)
    (root / "data/closed").mkdir(mode=0o555)
    assert failing(lambda: files.open_read("/data")) == errno.EISDIR
    assert failing(lambda: files.open_write("/data/local", 0o644)) == errno.EISDIR
    assert failing(lambda: files.open_write("/", 0o644)) == errno.EISDIR
    assert failing(lambda: files.open_read("/data/none")) == errno.ENOENT
    assert failing(lambda: files.open_read("/data/file/below")) == errno.ENOTDIR
    assert failing(lambda: files.listdir("/data/file")) == errno.ENOTDIR
    assert failing(lambda: files.open_write("/data/file", 0o644)) == errno.EACCES
    assert failing(lambda: files.open_write("/data/closed/x", 0o644)) == errno.EACCES
    assert failing(lambda: files.unlink("/data/closed")) == errno.EISDIR
    assert failing(lambda: files.open_read("/data/secret")) == errno.EACCES
    assert failing(lambda: files.open_write("/sys/x/y", 0o644)) == errno.EACCES
    assert failing(lambda: files.symlink("/data", "/proc/x")) == errno.EACCES
    assert failing(lambda: files.stat("/" + "x/" * 3000)) == errno.ENAMETOOLONG
    assert failing(lambda: files.stat("/" + "x" * 300)) == errno.ENAMETOOLONG
    for path in ("", "data", "../data", "/a\0b"):
        assert failing(partial(files.stat, path)) == errno.EINVAL


def test_a_fifo_blocks_nobody(files: HostFiles, root: Path) -> None:
    os.mkfifo(root / "data/fifo")
    with files.open_read("/data/fifo") as read:
        assert not read.read()
    assert failing(lambda: files.open_write("/data/fifo", 0o644)) == errno.ENXIO


def test_no_descriptor_is_left_open(files: HostFiles, root: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("/data/local/tmp/../..", "/nowhere/at/all", "/data/none", "/data/local/tmp"):
        try:
            files.stat(path)
        except OSError:
            continue
    assert len(list(Path("/proc/self/fd").iterdir())) == before
