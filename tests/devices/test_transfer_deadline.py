"""Files to and from a device that stops answering, or takes a byte now and then: the deadline is wall time, and a cancel counts at once."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.devices.adb_target import AdbTarget
from harness.devices.target import Cancelled, Outgoing
from harness.errors import DeviceHung

NEVER_S = 10_000.0
"""A deadline that no test comes to."""

Behaviour = Callable[[socket.socket, threading.Event], None]


def silent(sock: socket.socket, over: threading.Event) -> None:
    """Takes nothing more and says nothing more."""
    over.wait()


def byte_by_byte(sock: socket.socket, over: threading.Event) -> None:
    """Sends a file one byte at a time, without end; each receive succeeds."""
    with contextlib.suppress(OSError):
        while not over.wait(0.02):
            sock.sendall(struct.pack("<4sI", b"DATA", 1) + b"x")


@contextlib.contextmanager
def phone(behaviour: Behaviour, *, opens: bool = True) -> Iterator[AdbTarget]:
    """Behind a server that takes every request, and then does as it is told: where `opens` is False, before the device has answered."""
    over = threading.Event()

    def serve(sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError, ValueError):
            while True:
                size = int(sock.recv(4, socket.MSG_WAITALL), 16)
                request = sock.recv(size, socket.MSG_WAITALL)
                service = not request.startswith(b"host:")
                if opens or not service:
                    sock.sendall(b"OKAY" + (bytes(8) if request.startswith(b"host:tport") else b""))
                if service:
                    behaviour(sock, over)
                    return

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield AdbTarget("phone", port=server.getsockname()[1])
        finally:
            over.set()


def push(target: AdbTarget, folder: Path, timeout_s: float, cancel: threading.Event | None = None) -> None:
    file = folder / "big"
    file.write_bytes(bytes(20_000_000))  # more than what the kernel keeps for a reader
    target.push([Outgoing(local=file, remote="/data/local/tmp/big")], timeout_s=timeout_s, cancel=cancel)


def pull(target: AdbTarget, folder: Path, timeout_s: float, cancel: threading.Event | None = None) -> None:
    target.pull("/data/local/tmp/big", folder / "back", timeout_s=timeout_s, cancel=cancel)


CASES = [(push, silent), (pull, silent), (pull, byte_by_byte)]
IDS = ["a push that stands still", "a pull that stands still", "a pull byte by byte"]


@pytest.mark.parametrize(("transfer", "behaviour"), CASES, ids=IDS)
def test_a_deadline_ends_it(tmp_path: Path, transfer: Callable[..., None], behaviour: Behaviour) -> None:
    # On a busy machine the deadline may already strike while the connection is made: that is told in other words.
    with phone(behaviour) as target, pytest.raises(DeviceHung, match=r"within 2 s|does not answer"):
        transfer(target, tmp_path, 2.0)
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize(("transfer", "behaviour"), CASES, ids=IDS)
def test_a_cancel_ends_it(tmp_path: Path, transfer: Callable[..., None], behaviour: Behaviour) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    with phone(behaviour) as target, pytest.raises(Cancelled):
        transfer(target, tmp_path, NEVER_S, cancel)
    assert [file.name for file in tmp_path.iterdir()] in ([], ["big"]), "nothing half"


def shell(target: AdbTarget, folder: Path, timeout_s: float, cancel: threading.Event | None = None) -> None:
    target.run("true", timeout_s=timeout_s, cancel=cancel)


@pytest.mark.parametrize("request_", [push, pull, shell])
def test_a_cancel_ends_the_waiting_for_a_device_that_does_not_take_the_request(
    tmp_path: Path, request_: Callable[..., None]
) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    with phone(silent, opens=False) as target, pytest.raises(Cancelled):
        request_(target, tmp_path, NEVER_S, cancel)


def test_a_device_that_does_not_take_the_request_is_hung(tmp_path: Path) -> None:
    with phone(silent, opens=False) as target, pytest.raises(DeviceHung, match="does not answer"):
        shell(target, tmp_path, 1.0)
