"""Files through the real adb, through adbutils, and through the bare sync protocol."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import adbutils
import pytest

from tests.virtual.wire.conftest import Bench, receive

SIZES = [0, 1, 65535, 65536, 65537, 50_000_000]


@pytest.fixture
def room(bench: Bench, request: pytest.FixtureRequest) -> Iterator[str]:
    """A folder on the device for one test alone."""
    name = f"t{abs(hash(request.node.name)) % 10**10}"
    (bench.tmp / name).mkdir()
    yield f"/data/local/tmp/{name}"
    bench.adb("shell", f"rm -rf data/local/tmp/{name}")


@pytest.mark.parametrize("size", SIZES)
def test_files_go_and_come_back_the_same(bench: Bench, tmp_path: Path, room: str, size: int) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(os.urandom(size))
    source.chmod(0o750)
    os.utime(source, (1_600_000_000, 1_600_000_000))
    assert bench.adb("push", source, f"{room}/f").returncode == 0
    arrived = (bench.root / room[1:] / "f").stat()
    assert (arrived.st_size, stat.S_IMODE(arrived.st_mode), arrived.st_mtime) == (size, 0o750, 1_600_000_000)
    assert bench.adb("pull", "-a", f"{room}/f", back).returncode == 0
    assert back.read_bytes() == source.read_bytes()
    assert (stat.S_IMODE(back.stat().st_mode), back.stat().st_mtime) == (0o750, 1_600_000_000)


def test_folders_with_odd_names(bench: Bench, tmp_path: Path, room: str) -> None:
    tree = tmp_path / "tree"
    names = ["with space", 'quote\'s "x"', "ünïcødé-日本", "$(touch x)", "<script>", "-rf", "a;b", "comma,0777"]
    for name in names:
        (tree / name / "deep").mkdir(parents=True)
        (tree / name / "deep" / name).write_text(name)
    assert bench.adb("push", tree, room).returncode == 0
    assert bench.adb("pull", f"{room}/tree", tmp_path / "back").returncode == 0
    back = {path.relative_to(tmp_path / "back"): path.read_text() for path in (tmp_path / "back").rglob("*/deep/*")}
    assert back == {Path(name) / "deep" / name: name for name in names}
    for name in names:
        assert (bench.root / room[1:] / "tree" / name / "deep" / name).read_text() == name


def test_a_read_only_place_refuses_with_its_reason(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(20_000_000))
    done = bench.adb("push", source, "/system/x")
    assert done.returncode != 0
    assert b"couldn't create file: Read-only file system" in done.stdout + done.stderr
    assert bench.adb("shell", "true").returncode == 0


def test_a_full_disk_refuses_in_the_middle_and_leaves_no_half_file(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(20_000_000))
    done = bench.adb("push", source, "/full/x")
    assert done.returncode != 0
    assert b"write failed: No space left on device" in done.stdout + done.stderr


def test_what_is_not_there(bench: Bench, tmp_path: Path) -> None:
    done = bench.adb("pull", "/data/nope", tmp_path)
    assert done.returncode != 0
    assert b"No such file or directory" in done.stdout + done.stderr


def test_ls_of_adb(bench: Bench, tmp_path: Path, room: str) -> None:
    (bench.root / room[1:] / "some file").write_bytes(bytes(0x123))
    listed = bench.adb("ls", room).stdout.decode().splitlines()
    assert any(line.endswith("some file") and line.split()[:2] == ["000081a4", "00000123"] for line in listed), listed
    assert {line.split()[-1] for line in listed} >= {".", ".."}


def test_replacing_a_program_that_runs(bench: Bench, tmp_path: Path, room: str) -> None:
    first, second = Path("/bin/sleep"), tmp_path / "second"
    second.write_text("new")
    bench.adb("push", first, f"{room}/program")
    bench.adb("shell", f"cd data/local/tmp; {room[1:].removeprefix('data/local/tmp/')}/program 300 >/dev/null 2>&1 & :")
    assert bench.adb("push", second, f"{room}/program").returncode == 0
    assert (bench.root / room[1:] / "program").read_text() == "new"
    bench.adb("shell", "pkill -f 'program 300'")


def test_adbutils_push_pull_stat_list(bench: Bench, tmp_path: Path, room: str) -> None:
    sync = bench.adbutils_device().sync
    content = os.urandom(200_001)
    assert sync.push(content, f"{room}/x.bin", 0o640, check=True) == len(content)
    found = sync.stat(f"{room}/x.bin")
    assert (found.size, stat.S_IMODE(found.mode)) == (len(content), 0o640)
    assert sync.read_bytes(f"{room}/x.bin") == content
    assert {entry.path for entry in sync.list(room)} == {".", "..", "x.bin"}
    assert sync.stat(f"{room}/nope").mode == 0
    assert list(sync.list(f"{room}/nope")) == []
    assert not sync.exists(f"{room}/nope")
    sync.pull(f"{room}/x.bin", tmp_path / "x.bin")
    assert (tmp_path / "x.bin").read_bytes() == content
    with pytest.raises(adbutils.AdbError):
        sync.push(b"x" * 100_000, "/system/x")
    with pytest.raises(adbutils.AdbError, match="open failed: No such file"):
        sync.read_bytes(f"{room}/nope")


class RawSync:
    """The bare protocol, for what adb and adbutils do not ask."""

    def __init__(self, bench: Bench) -> None:
        self.stream: socket.socket = bench.open_service("sync:")

    def __enter__(self) -> RawSync:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def ask(self, request: bytes, path: str | bytes, extra: bytes = b"") -> None:
        raw = path.encode() if isinstance(path, str) else path
        self.stream.sendall(request + struct.pack("<I", len(raw)) + raw + extra)

    def data(self, *pieces: bytes, mtime: int = 1_500_000_000) -> None:
        for piece in pieces:
            self.stream.sendall(b"DATA" + struct.pack("<I", len(piece)) + piece)
        self.stream.sendall(b"DONE" + struct.pack("<I", mtime))

    def answer(self) -> tuple[bytes, bytes]:
        kind, length = struct.unpack("<4sI", receive(self.stream, 8))
        return kind, receive(self.stream, length) if length else b""

    def ended(self) -> bool:
        return self.stream.recv(1) == b""


def test_stat_2_follows_links_and_lstat_2_does_not(bench: Bench, room: str) -> None:
    folder = bench.root / room[1:]
    (folder / "file").write_bytes(b"12345")
    (folder / "link").symlink_to("file")
    with RawSync(bench) as sync:
        for request, kind, size in ((b"STA2", stat.S_IFREG, 5), (b"LST2", stat.S_IFLNK, 4)):
            sync.ask(request, f"{room}/link")
            record = struct.unpack("<4sIQQIIIIQqqq", receive(sync.stream, 72))
            assert record[:2] == (request, 0)
            assert stat.S_IFMT(record[4]) == kind
            assert record[8] == size
            assert record[3] == (folder / "link").stat(follow_symlinks=request == b"STA2").st_ino
        sync.ask(b"STA2", f"{room}/nope")
        record = struct.unpack("<4sIQQIIIIQqqq", receive(sync.stream, 72))
        assert record[:2] == (b"STA2", 2)
        assert not any(record[2:])


def test_list_2(bench: Bench, room: str) -> None:
    (bench.root / room[1:] / "ä").write_bytes(b"123")
    with RawSync(bench) as sync:
        sync.ask(b"LIS2", room)
        entries = {}
        while True:
            record = struct.unpack("<4sIQQIIIIQqqqI", receive(sync.stream, 76))
            if record[0] == b"DONE":
                assert not any(record[1:])
                break
            entries[receive(sync.stream, record[-1]).decode()] = record[8]
        assert set(entries) == {".", "..", "ä"}
        assert entries["ä"] == 3
        sync.ask(b"QUIT", b"")
        assert sync.ended()


def test_send_2_and_receive_2(bench: Bench, room: str) -> None:
    with RawSync(bench) as sync:
        sync.ask(b"SND2", f"{room}/new/deep/file", b"SND2" + struct.pack("<II", 0o100600, 0))
        sync.data(b"abc", b"", b"def")
        assert sync.answer() == (b"OKAY", b"")
        sync.ask(b"RCV2", f"{room}/new/deep/file", b"RCV2" + struct.pack("<I", 0))
        assert sync.answer() == (b"DATA", b"abcdef")
        assert sync.answer() == (b"DONE", b"")
        sync.ask(b"RCV2", f"{room}/new/deep/file", b"RCV2" + struct.pack("<I", 8))
        assert sync.answer() == (b"FAIL", b"unsupported flags 0x8")
        sync.ask(b"SND2", f"{room}/other", b"SND2" + struct.pack("<II", 0o100600, 3))
        sync.data(b"compressed")
        assert sync.answer()[0] == b"FAIL"
        sync.ask(b"STAT", f"{room}/other")
        assert receive(sync.stream, 16) == b"STAT" + bytes(12)


def test_a_link_is_made(bench: Bench, room: str) -> None:
    with RawSync(bench) as sync:
        sync.ask(b"SEND", f"{room}/link,{stat.S_IFLNK | 0o777}")
        sync.data(b"some/target\0")
        assert sync.answer() == (b"OKAY", b"")
    assert (bench.root / room[1:] / "link").readlink() == Path("some/target")


def test_after_a_refusal_the_session_goes_on(bench: Bench, room: str) -> None:
    with RawSync(bench) as sync:
        for path in ("/system/no,33188", "no-mode", "/full/x,33188", f"{room}/x,fish", f"{room}/dev,{stat.S_IFCHR}"):
            sync.ask(b"SEND", path)
            sync.data(bytes(65536), bytes(65536), bytes(10))
            assert sync.answer()[0] == b"FAIL", path
        sync.ask(b"SEND", f"{room}/yes,33188")
        sync.data(b"y", mtime=1_234_567_890)
        assert sync.answer() == (b"OKAY", b"")
    assert (bench.root / room[1:] / "yes").stat().st_mtime == 1_234_567_890


@pytest.mark.parametrize(
    "bad",
    [
        b"FISH" + struct.pack("<I", 1) + b"x",
        b"STAT" + struct.pack("<I", 0xFFFFFFFF),
        b"SEND" + struct.pack("<I", 9) + b"/tmp/z,33" + b"DATA" + struct.pack("<I", 65537),
        b"SEND" + struct.pack("<I", 9) + b"/tmp/z,33" + b"FISH" + struct.pack("<I", 4),
    ],
)
def test_nonsense_ends_the_session_and_nothing_else(bench: Bench, bad: bytes) -> None:
    with RawSync(bench) as sync:
        sync.stream.sendall(bad)
        while sync.stream.recv(4096):
            pass
    assert bench.adb("shell", "true").returncode == 0


def test_a_host_that_leaves_half_way_leaves_no_half_file(bench: Bench, room: str) -> None:
    target = bench.root / room[1:] / "half"
    with RawSync(bench) as sync:
        sync.ask(b"SEND", f"{room}/half,33188")
        sync.stream.sendall(b"DATA" + struct.pack("<I", 65536) + bytes(65536) + b"DATA" + struct.pack("<I", 65536))
        # A question on another stream, so that the device has seen the first one's data.
        while not target.exists():
            bench.adb("shell", "true")
    while target.exists():
        bench.adb("shell", "true")


def test_the_first_of_several_files_refused(bench: Bench, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(bytes(100_000))
    assert bench.adb("push", tmp_path / "a", tmp_path / "b", "/system").returncode != 0
    assert bench.adb("shell", "true").returncode == 0
