"""A device behind an ADB server, through adbutils. The only module that sees adbutils' errors.

Two things are done on adbutils' open connections rather than through its helpers, because a benchmark needs them exact:

* the shell protocol is read here with a deadline in wall time (adbutils' `timeout` counts per receive, so a chatty command outlives it);
* files are sent in frames of 64 KB, the most the sync protocol allows (adbutils sends 4 KB and is half as fast as `adb push`).

Formats: AOSP `packages/modules/adb`, SERVICES.TXT, SYNC.TXT and the shell protocol (one byte id, u32 length, payload).
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat as stat_module
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import adbutils
from adbutils.errors import AdbConnectionError, AdbError, AdbTimeout

from harness.devices.target import Cancelled, CommandOutput, RemoteStat, Target
from harness.errors import (
    AdbServerLost,
    CommandFailed,
    DeviceError,
    DeviceHung,
    DeviceLost,
    DeviceUnauthorized,
    PushFailed,
    SetupError,
    StorageFull,
    StorageRefused,
)
from harness.files.whole_file import replacing

_STDOUT, _STDERR, _EXIT, _CLOSE_STDIN = 1, 2, 3, 4
_FRAME = 64 * 1024
_BATCH = 16
_OPEN_TIMEOUT_S = 15.0
_POLL_S = 0.2
_WITNESS_S = 0.1
"""A process that is killed closes its sockets one after the other; this long is plenty."""
_KEPT_HEAD_BYTES = _KEPT_TAIL_BYTES = 16 * 1024 * 1024


class _NotThere(Exception):
    """The device has no such file."""


class AdbTarget:
    """One device on one ADB server.

    Args:
        serial: as `adb devices` prints it.
        transport_id: the server's number for this connection. Saves a round trip and tells two devices of one serial apart.
            Looked up anew by serial when the device has come back under another number.
        port: of the ADB server on this machine.
    """

    def __init__(self, serial: str, *, transport_id: int | None = None, port: int = 5037) -> None:
        self.serial = serial
        self.port = port
        self._transport_id = transport_id
        self._listed_as = serial
        self._witness: socket.socket | None = None
        """A second connection while one is in use. It ends when the server does: no other sign is sure, another may listen by then."""
        self._client = adbutils.AdbClient(host="127.0.0.1", port=port)
        self.round_trips = 0
        """Connections opened to the device so far: what a trial costs beside its own run time."""
        self.bytes_pushed = 0

    def run(self, command: str, *, timeout_s: float, cancel: threading.Event | None = None) -> CommandOutput:
        """See `Target.run`."""
        deadline = time.monotonic() + timeout_s
        with self._service(f"shell,v2,TERM=dumb,raw:{command}", timeout_s=min(timeout_s, _OPEN_TIMEOUT_S)) as sock:
            sock.sendall(struct.pack("<BI", _CLOSE_STDIN, 0))
            return self._read_shell(sock, deadline, timeout_s, cancel)

    def push(self, local: Path, remote: str, *, mode: int = 0o644) -> None:
        """See `Target.push`."""
        size = local.stat().st_size
        # 2 MB/s is slower than any USB 2 phone; below it something is wrong.
        with self._service("sync:", timeout_s=30 + size / 2e6) as sock, local.open("rb") as stream:
            destination = f"{remote},{stat_module.S_IFREG | mode}".encode()
            sock.sendall(struct.pack("<4sI", b"SEND", len(destination)) + destination)
            try:
                while data := stream.read(_FRAME * _BATCH):
                    view = memoryview(data)
                    frames: list[bytes | memoryview] = []
                    for start in range(0, len(data), _FRAME):
                        chunk = view[start : start + _FRAME]
                        frames += [struct.pack("<4sI", b"DATA", len(chunk)), chunk]
                    _send_all(sock, frames)
                    self.bytes_pushed += len(data)
                sock.sendall(struct.pack("<4sI", b"DONE", int(local.stat().st_mtime) & 0xFFFFFFFF))
            except (BrokenPipeError, ConnectionResetError):
                # What it said before it hung up, if anything, is still to be read; else the next line says that it is gone.
                pass
            kind, length = struct.unpack("<4sI", _read_exact(sock, 8))
            if kind == b"OKAY":
                return
            reason = _read_exact(sock, min(length, 4096)).decode(errors="replace") if kind == b"FAIL" else repr(kind)
        raise self._push_error(reason, remote)

    def pull(self, remote: str, local: Path) -> bool:
        """See `Target.pull`."""
        path = remote.encode()
        try:
            # On the disk before the result that names it: a record must not outlive its evidence.
            with (
                _written_to(local),
                replacing(local, durable=True) as stream,
                self._service("sync:", timeout_s=60.0) as sock,
            ):
                sock.sendall(struct.pack("<4sI", b"RECV", len(path)) + path)
                while (data := self._received(sock, remote)) is not None:
                    with _written_to(local):
                        stream.write(data)
        except _NotThere:
            return False
        return True

    def _received(self, sock: socket.socket, remote: str) -> bytes | None:
        """The next part of a file that is pulled; None after the last."""
        kind, length = struct.unpack("<4sI", _read_exact(sock, 8))
        if kind == b"DATA":
            return _read_exact(sock, length)
        if kind == b"DONE":
            return None
        reason = _read_exact(sock, min(length, 4096)).decode(errors="replace")
        if "No such file" in reason:
            raise _NotThere
        raise CommandFailed(f"pull {remote}", exit_code=1, output=reason, serial=self.serial)

    def stat(self, remote: str) -> RemoteStat | None:
        """See `Target.stat`. Size and time are 32 bit in this request: files of 4 GB and more are beyond it."""
        path = remote.encode()
        with self._service("sync:", timeout_s=_OPEN_TIMEOUT_S) as sock:
            sock.sendall(struct.pack("<4sI", b"STAT", len(path)) + path)
            _, mode, size, mtime = struct.unpack("<4sIII", _read_exact(sock, 16))
        return RemoteStat(mode=mode, size=size, mtime=mtime) if mode else None

    def close(self) -> None:
        """See `Target.close`: connections are per request, there is nothing to give back."""

    def others(self) -> list[AdbTarget]:
        """See `Roaming.others`: whatever else its server lists as a device that can be used."""
        with self._witnessed(), self._translated():
            listed = self._client.list()
        return [
            AdbTarget(one.serial, port=self.port)
            for one in listed
            if one.state == "device" and one.serial != self._listed_as
        ]

    def follow(self, other: Target) -> None:
        """See `Roaming.follow`."""
        self._listed_as, self._transport_id = other.serial, None

    # --- below: one connection -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _service(self, name: str, *, timeout_s: float) -> Iterator[socket.socket]:
        """An open stream to a service of the device; foreign errors leave here as DeviceError."""
        self.round_trips += 1
        with self._witnessed(), self._translated():
            connection = self._open(name, timeout_s)
            sock = connection.conn
            try:
                yield sock
            finally:
                # Not connection.close(): it sleeps 10 ms each time.
                sock.close()

    @contextlib.contextmanager
    def _witnessed(self) -> Iterator[None]:
        try:
            # Before the request's own connection: a server takes them in order, so that it has this one when it answers that one. Where
            # nobody listens adbutils would start a server of its own, on whatever port the environment names.
            witness = socket.create_connection(("127.0.0.1", self.port), timeout=1.0)
        except OSError as error:
            raise AdbServerLost(f"no ADB server answers on port {self.port}", serial=self.serial) from error
        before, self._witness = self._witness, witness
        try:
            yield
        finally:
            self._witness = before
            witness.close()

    def _open(self, name: str, timeout_s: float) -> adbutils.AdbConnection:
        for attempt in (1, 2):
            connection = self._client.make_connection(timeout=timeout_s)
            try:
                if self._transport_id is not None:
                    connection.send_command(f"host:transport-id:{self._transport_id}")
                    connection.check_okay()
                else:
                    connection.send_command(f"host:tport:serial:{self._listed_as}")
                    connection.check_okay()
                    connection.read_exact(8)
                connection.send_command(name)
                connection.check_okay()
            except BaseException as error:
                connection.conn.close()
                stale = self._transport_id is not None and isinstance(error, AdbError) and "transport" in str(error)
                if attempt == 1 and stale:
                    self._transport_id = None
                    continue
                raise
            return connection
        raise AssertionError("unreachable: the second attempt returns or raises")

    def _read_shell(
        self, sock: socket.socket, deadline: float, timeout_s: float, cancel: threading.Event | None
    ) -> CommandOutput:
        streams = {_STDOUT: _Capture(), _STDERR: _Capture()}
        buffer = bytearray()
        sock.setblocking(False)
        while True:
            while len(buffer) >= 5:
                kind, length = struct.unpack_from("<BI", buffer)
                if len(buffer) < 5 + length:
                    break
                payload = bytes(buffer[5 : 5 + length])
                del buffer[: 5 + length]
                if kind == _EXIT:
                    exit_code = payload[0] if payload else 255
                    return CommandOutput(
                        stdout=streams[_STDOUT].value(), stderr=streams[_STDERR].value(), exit_code=exit_code
                    )
                if kind in streams:
                    streams[kind].add(payload)
            if cancel is not None and cancel.is_set():
                raise Cancelled
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise DeviceHung(f"no end of the command within {timeout_s:g} s", serial=self.serial)
            wait = min(remaining, _POLL_S) if cancel is not None else remaining
            if not select.select([sock], [], [], wait)[0]:
                continue
            data = sock.recv(1 << 20)
            if not data:
                raise self._gone("the connection closed in the middle of a command")
            buffer += data

    def _push_error(self, reason: str, remote: str) -> DeviceError:
        if "No space" in reason:
            return StorageFull(f"no room for {remote}: {reason}", serial=self.serial, remedy="free some storage on it")
        if "Read-only" in reason or "Permission denied" in reason:
            return StorageRefused(f"it refuses {remote}: {reason}", serial=self.serial)
        if "Is a directory" in reason:
            return CommandFailed(f"push {remote}", exit_code=1, output=reason, serial=self.serial)
        return PushFailed(f"the device refused {remote}: {reason}", serial=self.serial)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except AdbTimeout as error:
            raise DeviceHung(f"it does not answer: {error}", serial=self.serial) from error
        except AdbConnectionError as error:
            raise AdbServerLost(f"no ADB server answers on port {self.port}", serial=self.serial) from error
        except AdbError as error:
            raise self._adb_error(str(error)) from error
        except TimeoutError as error:
            raise DeviceHung("it does not answer", serial=self.serial) from error
        except (EOFError, ConnectionError) as error:
            raise self._gone(str(error)) from error

    def _adb_error(self, text: str) -> DeviceError:
        if "unauthorized" in text:
            return DeviceUnauthorized(text, serial=self.serial, remedy="accept this computer's key on its screen")
        return self._gone(text)

    def _gone(self, text: str) -> DeviceError:
        if not server_is_up(self.port) or (self._witness is not None and _has_ended(self._witness, _WITNESS_S)):
            return AdbServerLost(f"the ADB server on port {self.port} is gone", serial=self.serial)
        return DeviceLost(text or "the connection closed", serial=self.serial)


class _Capture:
    """What a stream carried: all of it, or its beginning and its end where a driver chatters without end."""

    def __init__(self) -> None:
        self._head: list[bytes] = []
        self._head_size = 0
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0

    def add(self, data: bytes) -> None:
        if self._head_size < _KEPT_HEAD_BYTES:
            self._head.append(data)
            self._head_size += len(data)
            return
        self._tail.append(data)
        self._tail_size += len(data)
        while self._tail_size - len(self._tail[0]) > _KEPT_TAIL_BYTES:
            gone = len(self._tail.popleft())
            self._tail_size -= gone
            self._dropped += gone

    def value(self) -> bytes:
        note = b"\n[harness: %d bytes left out here]\n" % self._dropped if self._dropped else b""
        return b"".join([*self._head, note, *self._tail])


@contextlib.contextmanager
def _written_to(path: Path) -> Iterator[None]:
    """An error of this machine's disk is not one of the device."""
    try:
        yield
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}", remedy="free some room") from error


def server_is_up(port: int) -> bool:
    """Whether something listens on this port of this machine."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


def _has_ended(sock: socket.socket, patience_s: float) -> bool:
    """Whether the other side has closed; it never says anything else."""
    if not select.select([sock], [], [], patience_s)[0]:
        return False
    try:
        return not sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return True


def _read_exact(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = sock.recv(min(size - len(data), 1 << 20))
        if not chunk:
            raise EOFError("the connection closed in the middle of a transfer")
        data += chunk
    return bytes(data)


def _send_all(sock: socket.socket, parts: list[bytes | memoryview]) -> None:
    pending = [memoryview(part) for part in parts]
    limit = min(len(pending), os.sysconf("SC_IOV_MAX") if "SC_IOV_MAX" in os.sysconf_names else 16)
    while pending:
        sent = sock.sendmsg(pending[:limit])
        while pending and sent >= len(pending[0]):
            sent -= len(pending.pop(0))
        if sent:
            pending[0] = pending[0][sent:]
