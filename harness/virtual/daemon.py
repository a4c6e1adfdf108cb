"""The process that runs all devices of one farm in one event loop, with the ADB server as its child.

The guardian starts it in a folder that `harness.virtual.farm` has prepared. It reports once, with one line of JSON on standard output:
`ready` with port and serials, or `error`. It runs until SIGTERM or until standard input ends; a persistent farm ignores the end of standard
input once it is ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import os
import signal
import socket
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from harness.devices.device_config import DeviceConfig
from harness.errors import HarnessError, SetupError
from harness.virtual import registry
from harness.virtual.adb_announcer import RollCall, serial_of
from harness.virtual.adb_server import AdbServer, find_adb
from harness.virtual.device_interface import AndroidDevice
from harness.virtual.device_server import DeviceServer
from harness.virtual.farm_config import FarmConfig
from harness.virtual.fault_injector import FaultInjector
from harness.virtual.faults import FARM, DeviceFaults, FaultPlan
from harness.virtual.faulty_device import Ailments, FaultyDevice

log = logging.getLogger(__name__)

_PORTS = range(20001, 30000, 2)
"""Tried in this order, so that the serials of a lone farm are the same at every start. Below what kernels hand out by themselves, and
clear of 5554 to 5585, where the user's own ADB server looks for emulators."""
_THREADS = 32
"""Threads for file operations of the sync service."""
_REQUESTS_S = 1.0
"""Seconds between two looks for a request to end."""


def run(folder: Path) -> int:
    """Run the farm of this folder until told to stop, and return the exit code."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    try:
        config = FarmConfig.model_validate_json((folder / "config.json").read_bytes())
        asyncio.run(_Farm(folder, config).run())
    except HarnessError as error:
        log.error("%s", error)  # noqa: TRY400  # the reader needs the remedy, not the trace
        _report({"error": error.message, "remedy": error.remedy})
        return 1
    except Exception as error:
        log.exception("the daemon failed")
        trace = folder.parent / "last-failure.log"
        with contextlib.suppress(OSError):
            trace.write_text(traceback.format_exc())
        _report({"error": f"{type(error).__name__}: {error}", "remedy": f"this is a bug; its trace is in {trace}"})
        return 1
    return 0


class _Farm:
    def __init__(self, folder: Path, config: FarmConfig) -> None:
        self._folder = folder
        self._config = config
        self._stop = asyncio.Event()
        self._devices: list[DeviceServer] = []
        self._injectors: list[FaultInjector] = []
        self._farm_faults: asyncio.Task[None] | None = None

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(_THREADS))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        # Under nohup or cron a hang-up is ignored, and the devices' shells would inherit that: closing a stream would not reach them. The
        # daemon has a session of its own, so it gets no hang-up itself.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        loop.add_reader(0, self._owner_speaks)
        home = self._folder / "adb-home"
        home.mkdir()
        server = AdbServer(find_adb(), home)
        roll_call: asyncio.Task[None] | None = None
        requests: asyncio.Task[None] | None = None
        try:
            await server.start()
            for profile in self._config.profiles:
                self._devices.append(self._create(profile, server))
            await asyncio.gather(*(device.start() for device in self._devices))
            calls = RollCall(server.port, self._devices)
            roll_call = loop.create_task(calls.run())
            if await self._ready(calls, server):
                self._begin_faults(server)
                self._announce(server)
                if self._config.persistent:
                    requests = loop.create_task(self._heed_requests())
                await self._stop.wait()
        finally:
            log.info("stopping")
            for task in (roll_call, requests, self._farm_faults):
                if task is not None:
                    task.cancel()
            # The server first: otherwise it would react to every device that goes.
            await server.stop()
            await asyncio.gather(*(device.stop() for device in self._devices))

    def _owner_speaks(self) -> None:
        # Nobody writes to this pipe; its end is the message.
        with contextlib.suppress(OSError):
            if os.read(0, 4096):
                return
        asyncio.get_running_loop().remove_reader(0)
        self._stop.set()

    async def _heed_requests(self) -> None:
        """Stop when somebody asks for it who cannot signal this farm: from another container or host."""
        while not self._stop.is_set():
            if registry.is_asked_to_end(self._folder):
                self._stop.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _REQUESTS_S)

    def _create(self, profile: DeviceConfig, server: AdbServer) -> DeviceServer:
        listener = _listen()
        serial = serial_of(listener.getsockname()[1])
        root = self._folder / "devices" / serial
        root.mkdir(parents=True)
        module, _, name = self._config.device_factory.partition(":")
        made = getattr(importlib.import_module(module), name)(
            serial=serial,
            profile=profile,
            root=root,
            clock_scale=self._config.clock_scale,
            seed=self._config.seed + len(self._devices),
        )
        device = cast(AndroidDevice, made)
        if self._config.faults is None:
            return DeviceServer(device, listener, accept_keys=self._config.accept_keys)
        ailments = Ailments()
        faulty = FaultyDevice(device, ailments)
        injector = FaultInjector(
            DeviceFaults(self._config.faults, len(self._devices) + 1),
            faulty,
            ailments,
            kill_adb_server=server.kill,
            twin_serial=self._devices[0].serial if self._devices else serial,
        )
        self._injectors.append(injector)
        return DeviceServer(faulty, listener, accept_keys=self._config.accept_keys, faults=injector)

    def _begin_faults(self, server: AdbServer) -> None:
        if self._config.faults is None:
            return
        for injector, device in zip(self._injectors, self._devices, strict=True):
            injector.start(device)
        self._farm_faults = asyncio.get_running_loop().create_task(self._play_farm_faults(self._config.faults, server))

    async def _play_farm_faults(self, plan: FaultPlan, server: AdbServer) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for at_s, due in DeviceFaults(plan, FARM).scheduled():
            await asyncio.sleep(max(0.0, began + at_s - loop.time()))
            for injector in self._injectors:
                injector.happen_now(due)
            server.kill()

    async def _ready(self, calls: RollCall, server: AdbServer) -> bool:
        """Wait until all devices are there. Return False if told to stop before."""
        ready = asyncio.create_task(calls.wait_ready())
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((ready, stop), timeout=self._config.ready_within_s, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done() and not stop.done():
                missing = ", ".join(f"{serial} is {state}" for serial, state in sorted(calls.missing().items()))
                tail = server.log_path.read_text(errors="replace")[-2000:]
                log.error("log of the ADB server: %s", tail)
                raise SetupError(
                    f"virtual devices did not come up within {self._config.ready_within_s:g} s: {missing}",
                    remedy="see whether this machine is overloaded, then try again with fewer devices",
                )
            return not stop.done()
        finally:
            ready.cancel()
            stop.cancel()

    def _announce(self, server: AdbServer) -> None:
        serials = tuple(device.serial for device in self._devices)
        if self._config.persistent:
            # From here on the starter may end.
            asyncio.get_running_loop().remove_reader(0)
            profiles = tuple(profile.name for profile in self._config.profiles)
            registry.write(registry.describe_farm(server.port, serials, profiles, self._folder))
        _report({"ready": {"adb_port": server.port, "serials": serials}})
        log.info("ready: port %d, %s", server.port, " ".join(serials))


def _listen() -> socket.socket:
    for port in _PORTS:
        with contextlib.suppress(OSError):
            return socket.create_server(("127.0.0.1", port), backlog=16)
    raise SetupError(f"no free port from {_PORTS.start} to {_PORTS.stop}", remedy="stop other virtual devices")


def _report(message: dict[str, Any]) -> None:
    """Write the line and close the pipe; the starter waits for either."""
    null = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")
    os.dup2(null, 1)
    os.close(null)
