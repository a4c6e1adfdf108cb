"""A device behind an ADB server, through adbutils. The only module that sees adbutils' errors.

It does two things on adbutils' open connections instead of through its helpers, because a benchmark needs exact deadlines:

* it reads the shell protocol up to a deadline in wall time (`shell_stream`); adbutils' `timeout` counts per receive, so a chatty command
  outlives it;
* it transfers files up to a deadline in wall time (`socket_deadline`), several in one session (`sync_push`), in frames of 64 KB, the most
  that the sync protocol allows; adbutils sends 4 KB and is half as fast as `adb push`.

Formats: AOSP `packages/modules/adb`, SERVICES.TXT, SYNC.TXT and the shell protocol (one byte id, u32 length, payload).
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import struct
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from harness.devices.adb_library import AdbConnectionError, AdbError, AdbTimeout, adbutils
from harness.devices.adb_stream import AdbStream
from harness.devices.push_compression import PushCompression
from harness.devices.shell_stream import ShellPieces, close_stdin, read_output
from harness.devices.socket_deadline import NoEnd, Transfer, wait_for
from harness.devices.sync_compression import Codec
from harness.devices.sync_push import Refused, send_files
from harness.devices.target import (
    PULL_TIMEOUT_S,
    Cancelled,
    CommandOutput,
    Outgoing,
    RemoteStat,
    Target,
    push_timeout_s,
)
from harness.errors import (
    AdbServerLost,
    CommandFailed,
    DeviceError,
    DeviceHung,
    DeviceLost,
    DeviceUnauthorized,
    SetupError,
)
from harness.files.whole_file import replacing
from harness.records.spans import span

log = logging.getLogger(__name__)

_OPEN_TIMEOUT_S = 15.0
_LOGGED_CHARACTERS = 200
"""Characters of a command that the log shows; a trial's script has thousands."""
_WITNESS_S = 0.1
"""A killed process closes its sockets one after the other; this is ample time for that, in seconds."""


class _Witness(threading.local):
    """A second connection while one is in use: the only sure sign that the server ended, because another may listen by then."""

    sock: socket.socket | None = None


class _NotThere(Exception):
    """The device does not have the file."""


class AdbTarget:
    """One device on one ADB server. Several threads may use it at once: each request has a connection of its own.

    Args:
        serial: as `adb devices` prints it.
        transport_id: the server's number for this connection. Saves a round trip and tells two devices of one serial apart.
            Looked up anew by serial when the device has come back under another number.
        port: the port of the ADB server on this machine.
    """

    def __init__(self, serial: str, *, transport_id: int | None = None, port: int = 5037) -> None:
        self.serial = serial
        self.port = port
        self._transport_id = transport_id
        self._listed_as = serial
        self._witness = _Witness()
        self._client = adbutils.AdbClient(host="127.0.0.1", port=port)
        self.round_trips = 0
        """Connections opened to the device so far: the cost of a trial besides its own run time."""
        self.bytes_pushed = 0
        self._compression = PushCompression()

    def run(self, command: str, *, timeout_s: float, cancel: threading.Event | None = None) -> CommandOutput:
        """See `Target.run`."""
        deadline = time.monotonic() + timeout_s
        with (
            span("shell"),
            self._logged(f"shell {_in_one_line(command)}") as outcome,
            self._service(f"shell,v2,TERM=dumb,raw:{command}", min(timeout_s, _OPEN_TIMEOUT_S), cancel) as sock,
        ):
            close_stdin(sock)
            try:
                output = read_output(sock, deadline, cancel)
            except NoEnd:
                raise DeviceHung(f"no end of the command within {timeout_s:g} s", serial=self.serial) from None
            outcome.append(f"exit code {output.exit_code}, {len(output.stdout)} + {len(output.stderr)} bytes")
            return output

    def stream(self, command: str, *, cancel: threading.Event | None = None) -> AdbStream:
        """See `Target.stream`."""
        log.debug("%s: stream %s", self.serial, _in_one_line(command))
        opened = contextlib.ExitStack()
        sock = opened.enter_context(self._service(f"shell,v2,TERM=dumb,raw:{command}", _OPEN_TIMEOUT_S, cancel))
        try:
            with self._translated():
                close_stdin(sock)
        except BaseException:
            opened.close()
            raise
        return AdbStream(ShellPieces(sock), opened, cancel, serial=self.serial, translated=self._translated)

    def push(
        self, files: Sequence[Outgoing], *, timeout_s: float | None = None, cancel: threading.Event | None = None
    ) -> None:
        """See `Target.push`."""
        if not files:
            return
        size = sum(file.local.stat().st_size for file in files)
        limit_s = push_timeout_s(size) if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s
        names = files[0].remote + (f" and {len(files) - 1} more" if len(files) > 1 else "")
        with span("push", bytes=size), self._logged(f"push {names}, {size} bytes") as outcome:
            codecs = self._compression.choose(
                files,
                offered=partial(self._features, limit_s, cancel),
                push=partial(self._send, timeout_s=limit_s, cancel=cancel),
            )
            outcome += [f"{codec.name} for {remote}" for remote, codec in codecs.items()]
            self._send(files, codecs, timeout_s=max(0.0, deadline - time.monotonic()), cancel=cancel)

    def _send(
        self,
        files: Sequence[Outgoing],
        codecs: Mapping[str, Codec],
        *,
        timeout_s: float,
        cancel: threading.Event | None,
    ) -> None:
        total = 0

        def sent(count: int) -> None:
            nonlocal total
            total += count
            self.bytes_pushed += count

        late = f"{files[0].remote} did not arrive" if len(files) == 1 else f"{len(files)} files did not arrive"
        with self._transfer(late, timeout_s, cancel) as stream:
            began = time.monotonic()
            try:
                send_files(stream, files, codecs, sent)
            except Refused as refusal:
                raise refusal.error(self.serial) from None
            if not codecs:
                self._compression.learn(total, time.monotonic() - began)

    def _features(self, timeout_s: float, cancel: threading.Event | None) -> Collection[str]:
        """Return the device's features as its server knows them; the device is not asked."""
        with self._witnessed(), self._translated():
            connection = self._client.make_connection(timeout=min(timeout_s, _OPEN_TIMEOUT_S))
            try:
                connection.send_command(f"host-serial:{self._listed_as}:features")
                answer = Transfer(connection.conn, time.monotonic() + min(timeout_s, _OPEN_TIMEOUT_S), cancel)
                if answer.receive(4) != b"OKAY":
                    return ()
                return answer.receive(int(answer.receive(4), 16)).decode().split(",")
            finally:
                connection.conn.close()

    def pull(
        self,
        remote: str,
        local: Path,
        *,
        timeout_s: float = PULL_TIMEOUT_S,
        cancel: threading.Event | None = None,
    ) -> bool:
        """See `Target.pull`."""
        path = remote.encode()
        with span("pull"), self._logged(f"pull {remote}") as outcome:
            try:
                # Synced before the result that names it is stored: a record must not outlive its evidence.
                with (
                    _written_to(local),
                    replacing(local, durable=True) as file,
                    self._transfer(f"{remote} did not come", timeout_s, cancel) as stream,
                ):
                    stream.send([struct.pack("<4sI", b"RECV", len(path)), path])
                    while (data := self._received(stream, remote)) is not None:
                        with _written_to(local):
                            file.write(data)
            except _NotThere:
                outcome.append("it is not there")
                return False
        return True

    def _received(self, stream: Transfer, remote: str) -> bytes | None:
        """Receive the next part of a pulled file; None after the last."""
        kind, length = struct.unpack("<4sI", stream.receive(8))
        if kind == b"DATA":
            return stream.receive(length)
        if kind == b"DONE":
            return None
        reason = stream.receive(min(length, 4096)).decode(errors="replace")
        if "No such file" in reason:
            raise _NotThere
        raise CommandFailed(f"pull {remote}", exit_code=1, output=reason, serial=self.serial)

    def stat(self, remote: str) -> RemoteStat | None:
        """See `Target.stat`. The request has 32 bits for size and time, so it cannot describe files of 4 GB and more."""
        path = remote.encode()
        with self._logged(f"stat {remote}"), self._transfer("no answer", _OPEN_TIMEOUT_S, None) as stream:
            stream.send([struct.pack("<4sI", b"STAT", len(path)), path])
            _, mode, size, mtime = struct.unpack("<4sIII", stream.receive(16))
        return RemoteStat(mode=mode, size=size, mtime=mtime) if mode else None

    def close(self) -> None:
        """See `Target.close`. Each request has its own connection, so nothing has to be released."""

    def others(self) -> list[AdbTarget]:
        """See `Roaming.others`: the other usable devices that its server lists."""
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
    def _logged(self, request: str) -> Iterator[list[str]]:
        """Log a request with its duration and its end, and with the notes that the caller adds to the yielded list."""
        began = time.monotonic()
        outcome: list[str] = []
        try:
            yield outcome
        except (DeviceError, Cancelled) as error:
            outcome.append(f"{type(error).__name__}: {error}".removesuffix(": "))
            raise
        finally:
            took_s = time.monotonic() - began
            log.debug("%s: %s: %.3f s%s", self.serial, request, took_s, "".join(f", {word}" for word in outcome))

    @contextlib.contextmanager
    def _service(self, name: str, timeout_s: float, cancel: threading.Event | None) -> Iterator[socket.socket]:
        """Open a stream to a service of the device. Errors of adbutils and of sockets become DeviceErrors here."""
        self.round_trips += 1
        with self._witnessed(), self._translated():
            with span("connect"):
                connection = self._open(name, timeout_s, cancel)
            sock = connection.conn
            try:
                yield sock
            finally:
                # Not connection.close(), which sleeps 10 ms each time.
                sock.close()

    @contextlib.contextmanager
    def _transfer(self, late: str, timeout_s: float, cancel: threading.Event | None) -> Iterator[Transfer]:
        """Open the sync service up to a deadline in wall time; `late` is the error text for what did not happen in time."""
        deadline = time.monotonic() + timeout_s
        with self._service("sync:", min(timeout_s, _OPEN_TIMEOUT_S), cancel) as sock:
            try:
                yield Transfer(sock, deadline, cancel)
            except NoEnd:
                raise DeviceHung(f"{late} within {timeout_s:g} s", serial=self.serial) from None

    @contextlib.contextmanager
    def _witnessed(self) -> Iterator[None]:
        try:
            # Opened before the request's connection: a server accepts in order, so it has this one when it answers the other. If nobody
            # listens, adbutils would start a server of its own, on a port from the environment.
            witness = socket.create_connection(("127.0.0.1", self.port), timeout=1.0)
        except OSError as error:
            raise AdbServerLost(f"no ADB server answers on port {self.port}", serial=self.serial) from error
        before, self._witness.sock = self._witness.sock, witness
        try:
            yield
        finally:
            self._witness.sock = before
            witness.close()

    def _open(self, name: str, timeout_s: float, cancel: threading.Event | None) -> adbutils.AdbConnection:
        for attempt in (1, 2):
            connection = self._client.make_connection(timeout=timeout_s)
            deadline = time.monotonic() + timeout_s

            def ask(request: str, connection: adbutils.AdbConnection = connection, deadline: float = deadline) -> None:
                connection.send_command(request)
                # A device that hangs does not answer here, and a cancel must not wait for it.
                while not wait_for(connection.conn, deadline, cancel):
                    pass
                connection.check_okay()

            try:
                if self._transport_id is not None:
                    ask(f"host:transport-id:{self._transport_id}")
                else:
                    ask(f"host:tport:serial:{self._listed_as}")
                    connection.read_exact(8)
                ask(name)
            except BaseException as error:
                connection.conn.close()
                stale = self._transport_id is not None and isinstance(error, AdbError) and "transport" in str(error)
                if attempt == 1 and stale:
                    self._transport_id = None
                    continue
                raise
            return connection
        raise AssertionError("unreachable: the second attempt returns or raises")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (AdbTimeout, TimeoutError, NoEnd) as error:
            raise DeviceHung("it does not answer", serial=self.serial) from error
        except AdbConnectionError as error:
            raise AdbServerLost(f"no ADB server answers on port {self.port}", serial=self.serial) from error
        except AdbError as error:
            raise self._adb_error(str(error)) from error
        except (EOFError, ConnectionError) as error:
            raise self._gone(str(error)) from error

    def _adb_error(self, text: str) -> DeviceError:
        if "unauthorized" in text:
            return DeviceUnauthorized(text, serial=self.serial, remedy="accept this computer's key on its screen")
        return self._gone(text)

    def _gone(self, text: str) -> DeviceError:
        witness = self._witness.sock
        if not server_is_up(self.port) or (witness is not None and _has_ended(witness, _WITNESS_S)):
            return AdbServerLost(f"the ADB server on port {self.port} is gone", serial=self.serial)
        return DeviceLost(text or "the connection closed", serial=self.serial)


@contextlib.contextmanager
def _written_to(path: Path) -> Iterator[None]:
    """Keep errors of this machine's disk apart from errors of the device."""
    try:
        yield
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}", remedy="free some room") from error


def _in_one_line(command: str) -> str:
    words = " ".join(command.split())
    return words if len(words) <= _LOGGED_CHARACTERS else f"{words[:_LOGGED_CHARACTERS]}…"


def server_is_up(port: int) -> bool:
    """Return whether something listens on this port of this machine."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


def _has_ended(sock: socket.socket, patience_s: float) -> bool:
    """Return whether the other side has closed. It never sends anything."""
    if not select.select([sock], [], [], patience_s)[0]:
        return False
    try:
        return not sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return True
