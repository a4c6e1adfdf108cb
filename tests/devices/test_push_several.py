"""Several files in one session: against a virtual device, and against one that answers when it is told to."""

from __future__ import annotations

import os
import socket
import struct
import threading
from pathlib import Path

import pytest

from harness.devices.adb_target import AdbTarget
from harness.devices.socket_deadline import Transfer
from harness.devices.sync_push import Refused, send_files
from harness.devices.target import Cancelled, Outgoing
from harness.errors import StorageRefused
from tests.devices.test_transfer_deadline import NEVER_S, phone, silent

TMP = "/data/local/tmp"


def outgoing(folder: Path, *contents: bytes, remote: str = f"{TMP}/all") -> list[Outgoing]:
    files = []
    for number, content in enumerate(contents):
        local = folder / str(number)
        local.write_bytes(content)
        files.append(Outgoing(local=local, remote=f"{remote}/{number}", mode=0o755 if number % 2 else 0o644))
    return files


def test_all_arrive_in_one_session(target: AdbTarget, tmp_path: Path) -> None:
    contents = [b"", b"x", os.urandom(65536), os.urandom(65537), os.urandom(3_000_000), b"last"]
    files = outgoing(tmp_path, *contents)
    target.push(files)
    assert (target.round_trips, target.bytes_pushed) == (1, sum(map(len, contents)))
    for file, content in zip(files, contents, strict=True):
        seen = target.stat(file.remote)
        assert seen is not None
        assert (seen.size, seen.mode & 0o777, seen.mtime) == (
            len(content),
            file.mode,
            int(file.local.stat().st_mtime),
        )
        assert target.pull(file.remote, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == content


def test_no_files_are_no_request(target: AdbTarget) -> None:
    target.push([])
    assert target.round_trips == 0


def test_a_refusal_names_its_file_and_the_next_push_works(target: AdbTarget, tmp_path: Path) -> None:
    first, *_ = outgoing(tmp_path, b"first", os.urandom(200_000), b"third", remote=f"{TMP}/refused")
    refused = Outgoing(local=tmp_path / "1", remote="/system/bin/x")
    with pytest.raises(StorageRefused, match=r"refuses /system/bin/x: .*Read-only"):
        target.push([first, refused, Outgoing(local=tmp_path / "2", remote=f"{TMP}/refused/2")])
    target.push([first])
    assert target.stat(first.remote) is not None


def test_a_file_that_vanished_is_an_error_of_this_machine(target: AdbTarget, tmp_path: Path) -> None:
    files = outgoing(tmp_path, b"here", b"gone")
    files[1].local.unlink()
    with pytest.raises(FileNotFoundError):
        target.push(files)
    assert target.run("echo answers", timeout_s=60).stdout == b"answers\n"


def test_a_cancel_ends_it_between_the_files_of_a_device_that_stands_still(tmp_path: Path) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    with phone(silent) as phone_, pytest.raises(Cancelled):
        phone_.push(outgoing(tmp_path, *[os.urandom(1_000_000)] * 20), timeout_s=NEVER_S, cancel=cancel)


class Device:
    """The other end of a sync session, which a test drives."""

    def __init__(self, files: list[Outgoing]) -> None:
        ours, self.sock = socket.socketpair()
        self.sock.settimeout(60)
        self.error: BaseException | None = None
        self._ours = ours
        self._thread = threading.Thread(target=self._send, args=(files,))
        self._thread.start()

    def _send(self, files: list[Outgoing]) -> None:
        with self._ours:
            try:
                send_files(Transfer(self._ours, NEVER_S + 1e9, None), files)
            except BaseException as error:
                self.error = error

    def exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.sock.recv(size - len(data))
            assert part, "it hung up"
            data += part
        return data

    def file(self) -> tuple[str, bytes]:
        """The next file, up to its DONE."""
        kind, length = struct.unpack("<4sI", self.exactly(8))
        assert kind == b"SEND"
        name, content = self.exactly(length).decode(), b""
        while True:
            kind, length = struct.unpack("<4sI", self.exactly(8))
            if kind == b"DONE":
                return name, content
            content += self.exactly(length)

    def over(self) -> BaseException | None:
        self._thread.join(60)
        assert not self._thread.is_alive()
        self.sock.close()
        return self.error


def test_no_file_waits_for_the_answer_to_the_one_before(tmp_path: Path) -> None:
    device = Device(outgoing(tmp_path, b"a" * 100_000, b"b", b""))
    came = [device.file() for _ in range(3)]
    assert [name for name, _ in came] == [f"{TMP}/all/0,33188", f"{TMP}/all/1,33261", f"{TMP}/all/2,33188"]
    assert [content for _, content in came] == [b"a" * 100_000, b"b", b""]
    device.sock.sendall(struct.pack("<4sI", b"OKAY", 0) * 3)
    assert device.over() is None


def test_a_push_ends_only_when_the_last_file_is_answered(tmp_path: Path) -> None:
    device = Device(outgoing(tmp_path, b"a", b"b"))
    device.file()
    device.file()
    device.sock.sendall(struct.pack("<4sI", b"OKAY", 0))
    device.sock.shutdown(socket.SHUT_WR)
    assert isinstance(device.over(), EOFError)


def test_a_refusal_ends_the_sending_at_once(tmp_path: Path) -> None:
    """The device takes nothing more after its reason: who went on sending would wait for ever."""
    device = Device(outgoing(tmp_path, b"small", bytes(200_000_000)))
    device.file()
    device.sock.sendall(struct.pack("<4sI", b"OKAY", 0) + struct.pack("<4sI", b"FAIL", 4) + b"full")
    # Until the sender has looked: a batch or two more.
    while device._thread.is_alive() and device.sock.recv(1 << 20):
        pass
    error = device.over()
    assert isinstance(error, Refused)
    assert (error.remote, error.reason) == (f"{TMP}/all/1", "full")


def test_a_file_that_shrinks_while_it_is_sent_ends_where_it_ends(tmp_path: Path) -> None:
    files = outgoing(tmp_path, os.urandom(30_000_000), b"next")
    device = Device(files)
    device.exactly(8)
    os.truncate(files[0].local, 1_000)
    device.exactly(len(f"{files[0].remote},33188"))
    size = 0
    while True:
        kind, length = struct.unpack("<4sI", device.exactly(8))
        if kind == b"DONE":
            break
        size += len(device.exactly(length))
    assert size < 30_000_000
    assert device.file() == (f"{files[1].remote},33261", b"next")
    device.sock.sendall(struct.pack("<4sI", b"OKAY", 0) * 2)
    assert device.over() is None
