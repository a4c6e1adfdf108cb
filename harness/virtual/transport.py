"""One connection from an ADB server to a device: handshake, and the distribution of packets to streams.

Everything that arrives passes `Connection._dispatch`, everything that leaves passes `Connection.send`, and every stream begins in
`Connection._open`. So faults need only these three places and no service.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from harness.devices.sync_compression import installed_codecs
from harness.virtual.auth import Authenticator, AuthState
from harness.virtual.protocol import (
    MAX_PAYLOAD,
    MAX_PAYLOAD_BEFORE_ONLINE,
    VERSION,
    Bytes,
    Command,
    Packet,
    PacketReader,
    ProtocolError,
    encode,
)
from harness.virtual.stream import Stream, StreamClosed

log = logging.getLogger(__name__)

FEATURES = ("shell_v2", "cmd", "stat_v2", "ls_v2", "fixed_push_mkdir", "sendrecv_v2")
"""Features in the banner, to which come the ways to compress files that are installed."""
MAX_STREAMS = 512
"""Most open streams on one connection; more are refused, so that a stranger cannot exhaust the process."""
HANDSHAKE_TIMEOUT_S = 10.0
"""Seconds for a peer to send CNXN; after that it is no ADB server. Waiting for a person to accept a key has no limit."""
_AUTH_TOKEN, _AUTH_SIGNATURE, _AUTH_PUBLIC_KEY = 1, 2, 3


class Endpoint(Protocol):
    """The part of a device that a connection needs."""

    @property
    def serial(self) -> str:
        """Name for log lines."""

    @property
    def banner(self) -> Mapping[str, str]:
        """`ro.product.*` of the CNXN banner."""

    def authenticator(self) -> Authenticator | None:
        """Make an authenticator for a connection; None if no key is needed."""

    def service(self, name: str) -> Callable[[Stream], Awaitable[None]] | None:
        """Find the service for a stream of this name; None refuses it."""

    def connected(self, connection: Connection) -> bool:
        """Take a new connection; False drops it."""

    def disconnected(self, connection: Connection) -> None:
        """Forget a lost connection."""


class Connection(asyncio.BufferedProtocol):
    """The device's side of one connection. A protocol error only ends the connection, with one log line."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.online = False
        self.max_payload = MAX_PAYLOAD
        self._peer_wants_checksum = False
        # The reader starts with the small limit for strangers; see _go_online.
        self._reader = PacketReader(max_payload=MAX_PAYLOAD_BEFORE_ONLINE)
        self._streams: dict[int, Stream] = {}
        self._next_id = 1
        self._services: set[asyncio.Task[None]] = set()
        self._authenticator: Authenticator | None = None
        self._transport: asyncio.Transport | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._deadline: asyncio.TimerHandle | None = None
        self._greeted = False
        self._held: list[bytes] | None = None
        """Unsent bytes while the device hangs; None otherwise."""

    # --- asyncio's side -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a peer connected."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # start_server never gives another kind
        self._transport = transport
        # asyncio leaves this unset on connections of a ready-made listener, and then each answer waits 40 ms for the peer's TCP.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.endpoint.connected(self):
            transport.abort()
            return
        self._deadline = asyncio.get_running_loop().call_later(HANDSHAKE_TIMEOUT_S, self._handshake_expired)

    def get_buffer(self, sizehint: int) -> memoryview:
        """asyncio: where to put what arrives."""
        return self._reader.get_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio: something arrived."""
        try:
            for packet in self._reader.advance(nbytes):
                self._dispatch(packet)
        except ProtocolError as error:
            log.warning("%s: connection dropped: %s", self.endpoint.serial, error)
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the peer is gone."""
        if self._deadline:
            self._deadline.cancel()
        self.online = False
        self._drained.set()
        for stream in list(self._streams.values()):
            stream.mark_closed()
        self._streams.clear()
        self.endpoint.disconnected(self)

    def pause_writing(self) -> None:
        """asyncio: the peer reads too slowly."""
        self._drained.clear()

    def resume_writing(self) -> None:
        """asyncio: it has caught up."""
        self._drained.set()

    # --- for streams --------------------------------------------------------------------------------------------------

    def send(self, command: Command, arg0: int, arg1: int, payload: Bytes = b"") -> None:
        """Queue one packet. Does nothing if the connection is lost."""
        if self._transport is None or self._transport.is_closing():
            return
        packet = encode(command, arg0, arg1, payload, checksum=self._peer_wants_checksum)
        if self._held is None:
            self._transport.write(packet)
        else:
            self._held.append(packet)

    def freeze(self) -> None:
        """From now on neither read nor send, but stay connected."""
        if self._held is None and self._transport is not None and not self._transport.is_closing():
            self._held = []
            self._transport.pause_reading()

    def thaw(self) -> None:
        """Send the held back bytes, and read again."""
        held, self._held = self._held, None
        if held is not None and self._transport is not None and not self._transport.is_closing():
            for packet in held:
                self._transport.write(packet)
            self._transport.resume_reading()

    async def drain(self) -> None:
        """Wait until most queued bytes have left this process."""
        await self._drained.wait()

    def forget(self, stream: Stream) -> None:
        """Forget a closed stream's id."""
        self._streams.pop(stream.local_id, None)

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """End the connection once all queued bytes have left."""
        if self._transport is not None:
            self._transport.close()

    async def finish_services(self) -> None:
        """Wait, after the connection is gone, until every service has released its processes and files."""
        while self._services:
            await asyncio.wait(self._services)

    # --- packets ------------------------------------------------------------------------------------------------------

    def _dispatch(self, packet: Packet) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        match packet.command:
            case Command.CNXN:
                self._greet(packet)
            case Command.AUTH:
                self._authenticate(packet)
            case _ if not self.online:
                raise ProtocolError(f"{packet.command.name} before the connection is online")
            case Command.OPEN:
                self._open(packet)
            case Command.OKAY:
                if stream := self._find(packet):
                    stream.acknowledged()
            case Command.WRTE:
                # Data for a stream that this side has just closed is normal; it is dropped.
                if stream := self._find(packet):
                    stream.deliver(packet.payload)
            case Command.CLSE:
                if stream := self._streams.get(packet.arg1):
                    stream.close()

    def _find(self, packet: Packet) -> Stream | None:
        stream = self._streams.get(packet.arg1)
        return stream if stream is not None and stream.remote_id == packet.arg0 else None

    def _greet(self, packet: Packet) -> None:
        if self._greeted:
            raise ProtocolError("a second CNXN")
        self._greeted = True
        if self._deadline:
            self._deadline.cancel()
        self._peer_wants_checksum = packet.arg0 < VERSION
        self.max_payload = min(MAX_PAYLOAD, packet.arg1)
        if self.max_payload < 64:
            raise ProtocolError(f"the peer takes payloads of only {packet.arg1} bytes")
        self._authenticator = self.endpoint.authenticator()
        if self._authenticator is None:
            self._go_online()
        else:
            self.send(Command.AUTH, _AUTH_TOKEN, 0, self._authenticator.token())

    def _authenticate(self, packet: Packet) -> None:
        if self._authenticator is None or self.online:
            raise ProtocolError("AUTH that was not asked for")
        if packet.arg0 == _AUTH_SIGNATURE:
            state = self._authenticator.signature(bytes(packet.payload))
        elif packet.arg0 == _AUTH_PUBLIC_KEY:
            state = self._authenticator.public_key(bytes(packet.payload))
        else:
            raise ProtocolError(f"AUTH of unknown type {packet.arg0}")
        if state is AuthState.ACCEPTED:
            self._go_online()
        elif state is AuthState.TRY_AGAIN:
            self.send(Command.AUTH, _AUTH_TOKEN, 0, self._authenticator.token())

    def _go_online(self) -> None:
        self.online = True
        self._reader.max_payload = MAX_PAYLOAD
        self.send(Command.CNXN, VERSION, MAX_PAYLOAD, make_banner(self.endpoint.banner))

    def _open(self, packet: Packet) -> None:
        remote_id = packet.arg0
        if remote_id == 0:
            raise ProtocolError("OPEN of stream 0")
        name = bytes(packet.payload).rstrip(b"\0").decode("utf-8", "surrogateescape")
        serve = self.endpoint.service(name) if len(self._streams) < MAX_STREAMS else None
        if serve is None:
            log.info("%s: refused service %r", self.endpoint.serial, name[:200])
            self.send(Command.CLSE, 0, remote_id)
            return
        stream = Stream(self, self._next_id, remote_id)
        self._next_id = self._next_id % 0xFFFFFFFF + 1
        self._streams[stream.local_id] = stream
        self.send(Command.OKAY, stream.local_id, remote_id)
        task = asyncio.get_running_loop().create_task(self._run(serve, stream, name))
        self._services.add(task)
        task.add_done_callback(self._services.discard)

    async def _run(self, serve: Callable[[Stream], Awaitable[None]], stream: Stream, name: str) -> None:
        try:
            await serve(stream)
        except StreamClosed:
            pass
        except Exception:
            # An error in one service must not end the other devices of this process.
            log.exception("%s: service %r failed", self.endpoint.serial, name[:200])
        finally:
            stream.close()

    def _handshake_expired(self) -> None:
        log.warning("%s: connection dropped: no CNXN within %g s", self.endpoint.serial, HANDSHAKE_TIMEOUT_S)
        self.abort()


def make_banner(properties: Mapping[str, str]) -> bytes:
    """Make the `device::` banner. Characters that separate its fields become `_` in values."""
    fields = [f"{key}={value.translate(_BANNER_SEPARATORS)}" for key, value in properties.items()]
    fields.append("features=" + ",".join([*FEATURES, *(codec.feature for codec in installed_codecs())]))
    return ("device::" + ";".join(fields)).encode()


_BANNER_SEPARATORS = str.maketrans(dict.fromkeys(":;=", "_"))
