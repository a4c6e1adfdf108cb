"""Makes the faults of one device happen and records each in its event log, so that findings can be checked against the truth.

An event `fault` has `fault` (the kind), `entry` (its number in the file, from 1), `during` (the operation, or `time`), `text` (the
operation's command or path), `running` (whether the operation still ran) and the keys of its kind. If the clock triggered it, `text` is the
latest command that ran at that time, and `running` says whether there was one. `fault_over` follows if it had a duration. `fault_missed`
replaces it if there was nothing to hit.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from harness.virtual.android.event_log import EventLog
from harness.virtual.device_interface import FrailDevice
from harness.virtual.faults import DeviceFaults, DueFault, FaultKind, Operation
from harness.virtual.faulty_device import Ailments, FaultyDevice
from harness.virtual.output_faults import cut, late
from harness.virtual.shell_protocol import parse_service
from harness.virtual.stream import Stream

log = logging.getLogger(__name__)

Serve = Callable[[Stream], Awaitable[None]]

_ERRNO = {
    FaultKind.STORAGE_FULL: errno.ENOSPC,
    FaultKind.READ_ONLY: errno.EROFS,
    FaultKind.PERMISSION_DENIED: errno.EACCES,
}
_MOVE_S = 1.0
"""Seconds between leaving as one transport and coming back as another."""
_VICTIM_S = 2.0
"""Seconds for which a fault looks for a benchmark."""


class Wire(Protocol):
    """The part of the device's ADB side (`DeviceServer`) that faults use."""

    over_tcp: bool
    was_over_tcp: bool

    @property
    def available(self) -> bool:
        """Whether it accepts connections."""

    def leave(self) -> None:
        """Leave the bus."""

    def come_back(self) -> None:
        """Return to the bus."""

    def drop_connections(self) -> None:
        """Break every connection."""

    def freeze(self) -> None:
        """Stay connected but silent."""

    def thaw(self) -> None:
        """Continue after `freeze`."""

    def request_reboot(self) -> None:
        """Begin a reboot."""


class FaultInjector:
    """One device's faults.

    Args:
        faults: decides which faults are due.
        device: the device, wrapped so that it can fail.
        ailments: the device's present failures.
        kill_adb_server: kills the farm's server.
        twin_serial: hardware serial of the farm's first device.
    """

    def __init__(
        self,
        faults: DeviceFaults,
        device: FaultyDevice,
        ailments: Ailments,
        *,
        kill_adb_server: Callable[[], None],
        twin_serial: str,
    ) -> None:
        self._faults = faults
        self._device = device
        self._ailments = ailments
        self._kill_adb_server = kill_adb_server
        self._twin_serial = twin_serial
        self._events = EventLog(device.root / "events.jsonl")
        self._distrust = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._awaiting_bytes: dict[str, list[DueFault]] = {}
        self._commands: dict[object, str] = {}
        """Running commands, in the order of their starts."""
        self._wire: Wire | None = None

    @property
    def distrusts(self) -> bool:
        """Whether the device accepts no key at present."""
        return self._distrust > 0

    def start(self, wire: Wire) -> None:
        """Start the clock of the faults, when the devices are up."""
        self._wire = wire
        loop = asyncio.get_running_loop()
        files = self._device.faulty_files

        def on_file(operation: str, path: str) -> int | None:
            # This runs in a thread of the sync service; the loop decides what is due, as always.
            return asyncio.run_coroutine_threadsafe(self._on_file(operation, path), loop).result()

        def on_bytes(path: str) -> None:
            loop.call_soon_threadsafe(self._on_bytes, path)

        files.on_file, files.on_bytes = on_file, on_bytes
        self._spawn(self._by_the_clock())

    async def stop(self) -> None:
        """Stop all further faults."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def on_open(self, name: str, serve: Serve) -> Serve:
        """Return the service for a request, with the faults that are due."""
        request = parse_service(name)
        if request is None or self._wire is None:
            return serve
        command = request.command or ""
        dues = self._faults.operation("shell", command)
        operation = _Running()
        filters = [due for due in dues if due.rule.fault in (FaultKind.TRUNCATED, FaultKind.SLOW)]
        for due in dues:
            if due not in filters:
                self._spawn(self._later(due, operation))

        async def serve_faulty(stream: Stream) -> None:
            self._commands[operation] = command
            try:
                for due in filters:
                    self._record(due, running=True)
                    if due.rule.fault is FaultKind.SLOW:
                        stream.output_filters.append(late(due.rule.pause_s))
                        await asyncio.sleep(due.rule.pause_s)
                    else:
                        stream.output_filters.append(cut(due.rule.after_bytes, framed=request.v2))
                await serve(stream)
            finally:
                operation.over = True
                del self._commands[operation]

        return serve_faulty

    def on_connect(self) -> None:
        """Note that a server connected."""
        if self._wire is not None:
            for due in self._faults.operation("connect", ""):
                self._spawn(self._later(due, _Running()))

    def happen_now(self, due: DueFault) -> None:
        """Record a fault that hits all devices of the farm."""
        self._record(due, running=None)

    # ------------------------------------------------------------------------------------------------------------------

    async def _on_file(self, operation: str, path: str) -> int | None:
        kind: Operation = "push" if operation == "push" else "pull"
        dues = self._faults.operation(kind, path)
        waiting = [due for due in dues if due.rule.after_bytes]
        for due in dues:
            if due not in waiting:
                self._spawn(self._later(due, _Running()))
        if not waiting:
            return None
        self._awaiting_bytes[path] = waiting
        return min(due.rule.after_bytes for due in waiting)

    def _on_bytes(self, path: str) -> None:
        for due in self._awaiting_bytes.pop(path, ()):
            self._spawn(self._later(due, _Running()))

    def _spawn(self, coroutine: Awaitable[None]) -> None:
        async def guarded() -> None:
            try:
                await coroutine
            except Exception:
                log.exception("%s: a fault could not be played", self._device.serial)

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _by_the_clock(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for at_s, due in self._faults.scheduled():
            await asyncio.sleep(max(0.0, began + at_s - loop.time()))
            self._spawn(self._later(due, None))

    async def _later(self, due: DueFault, operation: _Running | None) -> None:
        if due.delay_s:
            await asyncio.sleep(due.delay_s)
        await self._happen(due, operation)

    async def _happen(self, due: DueFault, operation: _Running | None) -> None:
        kind, rule, wire = due.rule.fault, due.rule, self._wire
        running = None if operation is None else not operation.over
        assert wire is not None  # noqa: S101  # nothing is due before the start
        if not wire.available:
            self._miss(due, "the device is off the bus")
            return
        match kind:
            case FaultKind.LOST:
                self._record(due, running=running)
                wire.leave()
                await self._last(due)
                wire.come_back()
            case FaultKind.HUNG:
                self._record(due, running=running)
                wire.freeze()
                await self._last(due)
                wire.thaw()
            case FaultKind.REBOOT:
                self._record(due, running=running)
                wire.drop_connections()
                wire.request_reboot()
            case FaultKind.BATTERY_DEAD:
                self._record(due, running=running, percent=rule.percent)
                wire.leave()
                self._frail().set_charge(rule.percent)
                wire.request_reboot()
                await self._last(due)
                wire.come_back()
            case FaultKind.BATTERY_LOW:
                self._record(due, running=running, percent=rule.percent)
                self._frail().set_charge(rule.percent)
            case FaultKind.STORAGE_FULL | FaultKind.READ_ONLY | FaultKind.PERMISSION_DENIED:
                self._record(due, running=running)
                self._ailments.refusals.append(_ERRNO[kind])
                await self._last(due)
                self._ailments.refusals.remove(_ERRNO[kind])
            case FaultKind.UNAUTHORIZED:
                self._record(due, running=running)
                self._distrust += 1
                wire.drop_connections()
                await self._last(due)
                self._distrust -= 1
                wire.drop_connections()
            case FaultKind.MOVED:
                await self._move(due, wire, running)
            case FaultKind.KILLED:
                await self._end_benchmark(due, operation, self._frail().kill_benchmark)
            case FaultKind.CRASHED:
                await self._end_benchmark(due, operation, self._frail().crash_benchmark)
            case FaultKind.CLOCK_JUMP:
                self._record(due, running=running, by_s=rule.by_s)
                self._ailments.clock_offset_s += rule.by_s
            case FaultKind.SAME_SERIAL:
                self._record(due, running=running, serial=self._twin_serial)
                self._frail().take_serial(self._twin_serial)
            case FaultKind.ADB_SERVER_KILLED:
                self._record(due, running=running)
                self._kill_adb_server()
            case FaultKind.TRUNCATED | FaultKind.SLOW:
                raise AssertionError(f"{kind} hits a command only, which the model sees to")

    async def _move(self, due: DueFault, wire: Wire, running: bool | None) -> None:
        self._record(due, running=running)
        for over_tcp in (True, False):
            wire.leave()
            wire.over_tcp, wire.was_over_tcp = over_tcp, True
            await asyncio.sleep(_MOVE_S)
            wire.come_back()
            if over_tcp:
                await self._last(due)

    async def _end_benchmark(
        self, due: DueFault, operation: _Running | None, end: Callable[[], Awaitable[str | None]]
    ) -> None:
        deadline = asyncio.get_running_loop().time() + _VICTIM_S
        while True:
            if operation is not None and operation.over:
                self._miss(due, "its command is over")  # the next one's benchmark is not what it was meant for
                return
            if (victim := await end()) is not None:
                break
            if asyncio.get_running_loop().time() > deadline:
                self._miss(due, "no benchmark runs")
                return
            await asyncio.sleep(0.02)
        self._record(due, running=None if operation is None else True, victim=victim)

    async def _last(self, due: DueFault) -> None:
        """Wait until the fault is over."""
        if due.rule.duration_s is None:
            await asyncio.Event().wait()
            return
        await asyncio.sleep(due.rule.duration_s)
        self._events.record("fault_over", fault=due.rule.fault, entry=due.number)

    def _record(self, due: DueFault, *, running: bool | None, **details: object) -> None:
        log.info("%s: fault: %s", self._device.serial, due.rule.fault)
        text = due.text
        if running is None:
            running, text = bool(self._commands), next(reversed(self._commands.values()), "")
        self._events.record(
            "fault",
            fault=due.rule.fault,
            entry=due.number,
            during=due.during,
            text=text,
            running=running,
            lasts_s=due.rule.duration_s,
            **details,
        )

    def _miss(self, due: DueFault, reason: str) -> None:
        self._events.record("fault_missed", fault=due.rule.fault, entry=due.number, during=due.during, reason=reason)

    def _frail(self) -> FrailDevice:
        inner = self._device.inner
        if not isinstance(inner, FrailDevice):
            raise TypeError(f"{type(inner).__name__} cannot suffer this")
        return inner


class _Running:
    """A running operation that a fault may hit."""

    over = False
