"""One virtual device below the ADB side: it boots, runs commands, lives and reboots."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from harness.devices.device_config import DeviceConfig
from harness.virtual.android.backend import Backend
from harness.virtual.android.backend_choice import namespaces_refusal, start_backend
from harness.virtual.android.bus import Bus, CommandAnswer
from harness.virtual.android.commands import Commands
from harness.virtual.android.cpufreq_writes import absorb_writes, read_value, store_write
from harness.virtual.android.event_log import EventLog
from harness.virtual.android.files import SHELL_UID, HostFiles
from harness.virtual.android.layout import ETC_FILES, Layout, mode_of
from harness.virtual.android.load import LoadMeter
from harness.virtual.android.low_memory import is_benchmark
from harness.virtual.android.native_crash import keep_tombstone, log_crash, tombstone_of
from harness.virtual.android.process import confined
from harness.virtual.android.served_files import ServedFiles
from harness.virtual.android.shell_environment import shell_environment
from harness.virtual.android.state import DeviceState, boot_state, virtual_part
from harness.virtual.android.sysfs import (
    WRITABLE,
    LiveTree,
    cpu_links,
    cpuinfo,
    live_files,
    policy_dir,
    proc_files,
    static_files,
)
from harness.virtual.android.taskset import device_mask, taskset
from harness.virtual.android.userland import host_userland, system_layout
from harness.virtual.android.write_watch import WriteWatch
from harness.virtual.device_interface import DeviceFiles, DeviceProcess, WindowSize
from harness.virtual.replay.recordings import replay_environment
from harness.virtual.replay.waiting import waiting_environment

_TICK_S = 0.4
_FRESH_S = 0.05
"""A refresh within this time of the last one is skipped: a burst of commands pays for one."""


class VirtualAndroid:
    """Implements `harness.virtual.device_interface.AndroidDevice`; made by `create_device`."""

    def __init__(self, *, serial: str, profile: DeviceConfig, root: Path, clock_scale: float, seed: int) -> None:
        self.serial, self.root = serial, root.resolve()
        self._profile, self._virtual = profile, virtual_part(profile)
        self._environment = shell_environment(self._virtual.device) | replay_environment(self._virtual.replay)
        self._environment |= waiting_environment(self._virtual.waits_s)
        self._clock_scale, self._seed = clock_scale, seed
        self._tree = self.root / "fs"
        self.events = EventLog(self.root / "events.jsonl")
        self._boot_count = 0
        self._backend: Backend | None = None
        self._bus: Bus | None = None
        self._live_tree = LiveTree(self._tree.joinpath, {})
        self._served: ServedFiles | None = None
        self._watch: WriteWatch | None = None
        self._meter = LoadMeter()
        self._host_cpus = tuple(sorted(os.sched_getaffinity(0)))
        self._state = self._boot_state(None)
        self.on_reboot: Callable[[], None] = lambda: None
        self._claimed_serial: str | None = None
        self._commands = Commands(
            lambda: self._state,
            loads=self._loads,
            process_exists=self._process_exists,
            reboot=lambda: self.on_reboot(),
        )
        self._advanced_at = time.monotonic()
        self._ticker: asyncio.TimerHandle | None = None
        self.files: DeviceFiles = HostFiles(self._root_path, self._before_file)

    # --- what the ADB side asks ---------------------------------------------------------------------------------------

    @property
    def banner(self) -> Mapping[str, str]:
        """See `AndroidDevice.banner`."""
        names = ("ro.product.name", "ro.product.model", "ro.product.device")
        return {name: self._state.properties[name] for name in names}

    @property
    def auth_required(self) -> bool:
        """See `AndroidDevice.auth_required`."""
        return self._virtual.auth

    @property
    def state(self) -> DeviceState:
        """The present state."""
        self.refresh()
        return self._state

    async def start(self) -> None:
        """See `AndroidDevice.start`.

        Raises:
            SetupError: namespaces are demanded and this host refuses them, or neither way works.
        """
        await self._boot(self._boot_state(None))

    async def stop(self) -> None:
        """See `AndroidDevice.stop`."""
        await self._shut_down()
        self.events.record("stop")

    async def reboot(self) -> None:
        """See `AndroidDevice.reboot`."""
        self.refresh()
        before = self._state
        await self._shut_down()
        self.events.record("reboot")
        self._boot_count += 1
        await self._boot(self._boot_state(before))

    async def spawn(
        self, command: str | None, *, terminal: WindowSize | None = None, term: str = "dumb"
    ) -> DeviceProcess:
        """See `AndroidDevice.spawn`."""
        if self._backend is None:
            raise OSError("the device is down")
        self.refresh()
        with confined(set(self._open_cores().values()) if self._virtual.cpuset else None):
            process = self._backend.launch(command, terminal=terminal, env=self._environment | {"TERM": term})
        self.events.record("spawn", command=command, terminal=terminal is not None)
        self._start_ticking()
        return process

    # --- what it can suffer (`FrailDevice`) ---------------------------------------------------------------------------

    async def kill_benchmark(self) -> str | None:
        """See `FrailDevice.kill_benchmark`."""
        for pid, words in self._benchmarks():
            state = self._state
            line = state.log.write("lowmemorykiller", f"Kill '{words[0]}' ({pid})")
            if await self._signalled(pid, signal.SIGKILL):
                return " ".join(words)
            state.log.take_back([line])
        return None

    async def crash_benchmark(self) -> str | None:
        """See `FrailDevice.crash_benchmark`."""
        for pid, words in self._benchmarks():
            state = self._state
            tombstone = tombstone_of(state, pid, words)
            lines = log_crash(state, pid, words, tombstone)
            if await self._signalled(pid, signal.SIGSEGV):
                keep_tombstone(state, tombstone)
                return " ".join(words)
            state.log.take_back(lines)
        return None

    def _benchmarks(self) -> list[tuple[int, list[str]]]:
        """Return PID and command line of each running benchmark."""
        backend = self._backend
        if backend is None:
            return []
        known = [(use.pid, backend.command_line(use.pid)) for use in backend.processes()]
        return [(pid, words) for pid, words in known if is_benchmark(words)]

    async def _signalled(self, pid: int, number: signal.Signals) -> bool:
        """Send a signal from a process on the device, because PIDs are the device's. Return False if the process has ended."""
        if self._backend is None:
            return False
        sender = self._backend.launch(f"kill -{number.value} {pid}", terminal=None, env=self._environment)
        code = await sender.wait()
        for fd in (sender.stdin, sender.stdout, sender.stderr):
            if fd is not None:
                os.close(fd)
        return code == 0

    def set_charge(self, percent: int) -> None:
        """See `FrailDevice.set_charge`."""
        self._state.physics.set_charge(percent)

    def take_serial(self, serial: str) -> None:
        """See `FrailDevice.take_serial`."""
        self._claimed_serial = serial
        self._claim_serial(self._state)

    def _claim_serial(self, state: DeviceState) -> None:
        if self._claimed_serial is not None:
            state.properties |= dict.fromkeys(("ro.serialno", "ro.boot.serialno"), self._claimed_serial)

    # --- boot and shutdown --------------------------------------------------------------------------------------------

    def _boot_state(self, before: DeviceState | None) -> DeviceState:
        return boot_state(
            self._profile,
            serial=self.serial,
            clock_scale=self._clock_scale,
            seed=self._seed,
            boot_count=self._boot_count,
            host_cpus=self._host_cpus,
            before=before,
        )

    async def _boot(self, state: DeviceState) -> None:
        if self._backend is not None:
            raise RuntimeError(f"{self.serial} is up already")
        self._state = state
        self._claim_serial(state)
        self._advanced_at = time.monotonic()
        self._meter = LoadMeter()
        self._backend = await start_backend(self._tree, host_userland(), self._layout)
        self._bus = Bus(self._backend.live_path("dev/harness"), self._answer)
        self._bus.open()
        if self._backend.served:
            self._serve(self._backend)
        elif self._virtual.root:
            folders = [self._backend.live_path(policy_dir(cluster)) for cluster in self._profile.clusters]
            self._watch = WriteWatch(folders, WRITABLE, self._answer_writes)
        self.events.record(
            "boot",
            profile=self._profile.name,
            boot_id=state.boot_id,
            backend=self._backend.kind,
            authentic=host_userland().authentic,
            refusal=namespaces_refusal(),
        )

    def _serve(self, backend: Backend) -> None:
        """Serve the files that root can write: a write returns when it is clamped or refused."""
        self._live_tree.leave(backend.served)
        self._served = ServedFiles(
            backend.served,
            read=lambda path: read_value(self._state, path),
            store=lambda path, text: store_write(self._live_tree, self._state, self.events, path, text),
            mode=mode_of("sys/"),
            owner=SHELL_UID,
        )
        for name in backend.served:
            backend.live_path(name).stat()  # until it has asked once, the kernel knows no owner and lets nobody write

    def _layout(self, backend: Backend) -> Layout:
        """Lay out the files: `/data` and `/sdcard` survive a boot, everything else is new."""
        for name in ("data/local/tmp", "sdcard/Download"):
            (self._tree / name).mkdir(parents=True, exist_ok=True)
        (self._tree / "data/local/tmp").chmod(0o771)
        links, scripts = system_layout(
            bin_dir=backend.bin_dir,
            bus=backend.bus,
            shell=backend.shell,
            absent=self._virtual.absent_commands,
            root=self._virtual.root,
            tools=host_userland(),
        )
        links |= cpu_links(self._state) | {"storage/emulated/0": "../../sdcard"}
        cpus = {"proc/cpuinfo": cpuinfo(Path("/proc/cpuinfo").read_text(), len(self._profile.cpus))}
        files = static_files(self._state) | live_files(self._state) | proc_files(self._state) | cpus | ETC_FILES
        self._live_tree = LiveTree(backend.live_path, files)
        clusters = self._profile.clusters if self._virtual.root else ()
        served = tuple(f"{policy_dir(cluster)}/{name}" for cluster in clusters for name in WRITABLE)
        return Layout(links=links, files=files, scripts=scripts, served=served)

    async def _shut_down(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._served is not None:
            # Before the processes are killed: one that waits for the answer to a write would not die.
            self._served.close()
            self._served = None
        backend, self._backend = self._backend, None
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.close()
        if backend is not None:
            await backend.stop()

    # --- a state that lives -------------------------------------------------------------------------------------------

    def refresh(self, *, force: bool = False) -> None:
        """Advance the state by the time since the last refresh, apply what root wrote, and write the changed files."""
        now = time.monotonic()
        if self._backend is None:
            return
        written = self._virtual.root and absorb_writes(self._live_tree, self._state, self.events)
        if not force and not written and now - self._advanced_at < _FRESH_S:
            return
        dt_s = now - self._advanced_at
        uses = self._backend.processes() if self._meter.known or self._ticker else []
        loads, busiest = self._meter.cluster_loads(uses, dt_s, self._profile.clusters, self._state.masks)
        self._state.physics.advance(dt_s * self._clock_scale, loads, busiest)
        self._advanced_at = now
        self._live_tree.update(live_files(self._state) | proc_files(self._state))

    def _answer_writes(self) -> None:
        """Clamp what root has just written: whoever reads it back sees what a kernel would have made of it."""
        if self._backend is not None and absorb_writes(self._live_tree, self._state, self.events):
            self._live_tree.update(live_files(self._state))

    def _start_ticking(self) -> None:
        if self._ticker is None and self._backend is not None:
            self._ticker = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _tick(self) -> None:
        self.refresh(force=True)
        # Nothing runs any more, so the cooling is computed at the next refresh, without ticking.
        self._ticker = None
        if self._meter.known:
            self._start_ticking()
        self._state.masks = {pid: mask for pid, mask in self._state.masks.items() if pid in self._meter.known}

    def _before_file(self, path: str) -> None:
        if path.startswith(("/sys", "/proc")):
            self.refresh()

    def _root_path(self) -> Path:
        if self._backend is None:
            raise OSError("the device is down")
        return self._backend.root_path()

    # --- commands of the device ---------------------------------------------------------------------------------------

    def _answer(self, pid: int, words: list[str]) -> CommandAnswer:
        if not words:
            return CommandAnswer(code=1)
        if words[0] != "taskset":
            self.refresh()
            answer = self._commands.answer(words)
            self._state.physics.settle_clocks()
            self._live_tree.update(live_files(self._state))
            return answer
        asked = taskset(words[1:], own_pid=pid, cpu_map=self._open_cores(), affinity=self._device_affinity)
        details: dict[str, object] = {"words": words[1:], "pid": pid}
        if asked.mask is not None and asked.pid is not None:
            self._state.masks[asked.pid] = asked.mask
            details |= {"mask": f"{asked.mask:x}", "command": list(asked.command)}
        self.events.record("taskset", **details)
        return asked.answer

    def _open_cores(self) -> Mapping[int, int]:
        """Return the cores of the cpuset, device to host."""
        cpuset = self._virtual.cpuset
        return {core: host for core, host in self._state.cpu_map.items() if cpuset is None or core in cpuset}

    def _device_affinity(self, pid: int) -> int | None:
        if self._backend is None:
            return None
        with suppress(OSError):
            mask = self._backend.affinity(pid)
            return None if mask is None else device_mask(mask, self._state.cpu_map)
        return None

    def _process_exists(self, pid: int) -> bool:
        return self._device_affinity(pid) is not None

    def _loads(self) -> list[tuple[float, int, str]]:
        return [(percent, pid, "process") for pid, percent in self._meter.percent_by_pid()]
