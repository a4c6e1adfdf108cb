"""One virtual device on its own loopback port: accepts ADB servers, and leaves and returns with reboots."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping

from harness.errors import HarnessError
from harness.virtual import services
from harness.virtual.auth import Authenticator, KeyRing
from harness.virtual.device_interface import AndroidDevice
from harness.virtual.fault_injector import FaultInjector
from harness.virtual.stream import Stream
from harness.virtual.transport import Connection

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 8
"""Most ADB servers at once. One is usual."""
_SERVICES_END_S = 5.0
"""Seconds to wait for services. Without connections and processes they end at once, unless a file operation hangs."""


class DeviceServer:
    """The ADB daemon of one device.

    Args:
        device: the Android side.
        listener: a socket bound to loopback; this object owns it.
        accept_keys: whether it accepts a new key. If not, it asks for one whatever its profile says and never accepts it (`unauthorized`).
        faults: its faults, if any.
    """

    def __init__(
        self,
        device: AndroidDevice,
        listener: socket.socket,
        *,
        accept_keys: bool = True,
        faults: FaultInjector | None = None,
    ) -> None:
        self.device = device
        self.device.on_reboot = self.request_reboot
        self.over_tcp = False
        """Whether it should be listed as a device on the network, under its address."""
        self.was_over_tcp = False
        """Whether it was ever listed so."""
        self._faults = faults
        self.on_available: Callable[[], None] = lambda: None
        """Called when the device accepts connections (again)."""
        self._listener = listener
        self._accept_keys = accept_keys
        self._keys = KeyRing(lambda key: accept_keys)
        self._connections: set[Connection] = set()
        self._ended: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._reboot: asyncio.Task[None] | None = None
        self._up = False
        self._away = 0
        self._frozen = 0

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return int(self._listener.getsockname()[1])

    @property
    def available(self) -> bool:
        """Whether it is booted, not going down, and not off the bus."""
        return self._up and not self._away

    @property
    def address(self) -> str:
        """The address for servers."""
        return f"127.0.0.1:{self.port}"

    @property
    def listed_as(self) -> str:
        """Its name on a server."""
        return self.address if self.over_tcp else self.serial

    @property
    def expected_state(self) -> str:
        """Its state on an ADB server, once connected."""
        return "device" if self._accept_keys else "unauthorized"

    async def start(self) -> None:
        """Boot the device and start listening.

        Raises:
            OSError: the Android side cannot make its file system.
        """
        await self.device.start()
        self._server = await asyncio.get_running_loop().create_server(lambda: Connection(self), sock=self._listener)
        self._set_up()

    async def stop(self) -> None:
        """Close everything and end the device's processes."""
        self._up = False
        if self._faults is not None:
            await self._faults.stop()
        if self._reboot is not None:
            self._reboot.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reboot
        if self._server is not None:
            self._server.close()
        self._listener.close()
        for connection in list(self._connections):
            connection.abort()
        await self.device.stop()
        if self._ended:
            await asyncio.wait(self._ended, timeout=_SERVICES_END_S)

    def request_reboot(self) -> None:
        """Begin a reboot. A second request meanwhile does nothing."""
        if self._reboot is None or self._reboot.done():
            self._reboot = asyncio.get_running_loop().create_task(self._do_reboot())

    def leave(self) -> None:
        """Leave the bus until `come_back` has been called as often as this."""
        self._away += 1
        self.drop_connections()

    def come_back(self) -> None:
        """Return to the bus."""
        self._away -= 1
        if self.available:
            self.on_available()

    def drop_connections(self) -> None:
        """Break every connection, as when the cable is pulled."""
        for connection in list(self._connections):
            connection.abort()

    def freeze(self) -> None:
        """Stay connected but silent until `thaw` has been called as often as this."""
        self._frozen += 1
        for connection in self._connections:
            connection.freeze()

    def thaw(self) -> None:
        """Continue after `freeze`."""
        self._frozen -= 1
        if not self._frozen:
            for connection in list(self._connections):
                connection.thaw()

    # --- Endpoint -----------------------------------------------------------------------------------------------------

    @property
    def serial(self) -> str:
        """The device's."""
        return self.device.serial

    @property
    def banner(self) -> Mapping[str, str]:
        """The device's."""
        return self.device.banner

    def authenticator(self) -> Authenticator | None:
        """Make the authenticator of a new connection; None if the device asks for no key."""
        if self._faults is not None and self._faults.distrusts:
            return Authenticator(KeyRing(lambda key: False))
        return Authenticator(self._keys) if self.device.auth_required or not self._accept_keys else None

    def service(self, name: str) -> Callable[[Stream], Awaitable[None]] | None:
        """Find the service of this name."""
        serve = services.resolve(name, self.device, self.request_reboot)
        return serve if serve is None or self._faults is None else self._faults.on_open(name, serve)

    def connected(self, connection: Connection) -> bool:
        """Take a new connection. Return False if the device is going down or has too many."""
        if not self.available or len(self._connections) >= MAX_CONNECTIONS:
            return False
        self._connections.add(connection)
        if self._frozen:
            connection.freeze()
        if self._faults is not None:
            self._faults.on_connect()
        return True

    def disconnected(self, connection: Connection) -> None:
        """Forget a lost connection."""
        self._connections.discard(connection)
        task = asyncio.get_running_loop().create_task(connection.finish_services())
        self._ended.add(task)
        task.add_done_callback(self._ended.discard)

    # ------------------------------------------------------------------------------------------------------------------

    async def _do_reboot(self) -> None:
        log.info("%s: reboot", self.serial)
        self._up = False
        for connection in list(self._connections):
            connection.close()
        try:
            await self.device.reboot()
        except (OSError, HarnessError):
            log.exception("%s: did not come back from its reboot", self.serial)
            return
        self._set_up()

    def _set_up(self) -> None:
        self._up = True
        if self.available:
            self.on_available()
