"""Keeps devices on an ADB server's list: watches the list and announces each missing device.

`host:emulator:PORT` tells a server to connect to a device on loopback; it then appears as `emulator-(PORT-1)`. After a loss
the server never tries again by itself, so every reboot and every new server needs another announcement.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence

from harness.virtual.device_server import DeviceServer

log = logging.getLogger(__name__)

_REPLY_S = 10.0
_FIRST_RETRY_S = 0.25
"""The server may still be closing the old connection and then silently ignores the first announcement."""
_LONGEST_RETRY_S = 4.0
_SERVER_AWAY_S = 0.05


def serial_of(port: int) -> str:
    """Return the ADB server's name for the device on this port."""
    return f"emulator-{port - 1}"


class RollCall:
    """Keeps the devices of one server announced.

    Args:
        adb_port: the server's port on 127.0.0.1.
        devices: the devices to keep on its list.
    """

    def __init__(self, adb_port: int, devices: Sequence[DeviceServer]) -> None:
        self._adb_port = adb_port
        self._devices = devices
        self._states: Mapping[str, str] = {}
        self._changed = asyncio.Event()
        self._update = asyncio.Condition()
        self._due: dict[str, tuple[float, float]] = {}
        """Serial -> (when to announce it again, pause after that)."""
        for device in devices:
            device.on_available = self._changed.set

    async def run(self) -> None:
        """Run forever; servers may come and go."""
        while True:
            try:
                await self._follow_one_server()
            except (OSError, EOFError, ValueError) as error:
                log.info("the ADB server is away: %s", error)
            await self._set_states({})
            self._due.clear()
            await asyncio.sleep(_SERVER_AWAY_S)

    async def wait_ready(self) -> None:
        """Wait until every device is in its expected state."""
        async with self._update:
            await self._update.wait_for(lambda: not self.missing())

    def missing(self) -> dict[str, str]:
        """Return the serials that are not (yet) in their expected state, with their present state."""
        return {
            device.serial: self._states.get(device.listed_as, "absent")
            for device in self._devices
            if self._states.get(device.listed_as) != device.expected_state
        }

    async def _follow_one_server(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._adb_port)
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(writer.close)
            writer.write(_request("host:track-devices"))
            if await asyncio.wait_for(reader.readexactly(4), _REPLY_S) != b"OKAY":
                raise ValueError("it does not track devices")
            updates = asyncio.create_task(self._read_updates(reader))
            stack.callback(updates.cancel)
            updates.add_done_callback(lambda _: self._changed.set())
            while not updates.done():
                self._changed.clear()
                pause = await self._announce_missing()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), pause)
            updates.result()

    async def _read_updates(self, reader: asyncio.StreamReader) -> None:
        while True:
            length = int(await reader.readexactly(4), 16)
            text = (await reader.readexactly(length)).decode("utf-8", "replace")
            await self._set_states(dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line))
            self._changed.set()

    async def _set_states(self, states: Mapping[str, str]) -> None:
        async with self._update:
            self._states = states
            self._update.notify_all()

    async def _announce_missing(self) -> float | None:
        """Announce the devices that are due. Return the seconds until the next one is due, None if all are there."""
        now = asyncio.get_running_loop().time()
        calls = []
        for device in self._devices:
            if not device.available or device.listed_as in self._states:
                self._due.pop(device.serial, None)
                continue
            due, pause = self._due.get(device.serial, (now, _FIRST_RETRY_S))
            if due <= now:
                calls.append(self._announce(device))
                due, pause = now + pause, min(2 * pause, _LONGEST_RETRY_S)
            self._due[device.serial] = due, pause
        await asyncio.gather(*calls)
        return max(0.0, min(due for due, _ in self._due.values()) - now) if self._due else None

    async def _announce(self, device: DeviceServer) -> None:
        if device.was_over_tcp:
            # A server keeps trying for a long time to reconnect to a lost address.
            await self._say(f"host:disconnect:{device.address}", wait=True)
        await self._say(f"host:connect:{device.address}" if device.over_tcp else f"host:emulator:{device.port}")

    async def _say(self, service: str, *, wait: bool = False) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._adb_port)
        try:
            writer.write(_request(service))
            await writer.drain()
            if wait:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(4), _REPLY_S)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _request(service: str) -> bytes:
    return f"{len(service):04x}{service}".encode()
