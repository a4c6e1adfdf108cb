"""Starts and stops farms of virtual devices. Each has a guardian, a daemon, an ADB server and a folder of its own.

A pipe binds a farm to its starter: when the starter ends, even by SIGKILL, the farm ends. A persistent farm has a record in the registry
instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from harness.devices.device_config import DeviceConfig, load_device_configs, virtual_profiles
from harness.errors import SetupError, UsageError
from harness.files.interrupts import interrupts_held_back
from harness.virtual import farm_folder, registry
from harness.virtual.adb_server import find_adb
from harness.virtual.farm_config import ANDROID, FarmConfig
from harness.virtual.faults import FaultPlan, missing_device
from harness.virtual.registry import FarmRecord, running_farms

__all__ = ["FarmRecord", "VirtualFarm", "default_profiles", "running_farms", "start_persistent", "stop_persistent"]

MAX_DEVICES = 256
_STOP_S = 15.0
"""Seconds for a clean end; after that the farm is ended by force."""


def default_profiles(count: int) -> tuple[DeviceConfig, ...]:
    """Choose `count` profiles in order, the flagship first, and repeat them if needed.

    Raises:
        UsageError: the number is below 1 or too large.
    """
    if not 1 <= count <= MAX_DEVICES:
        raise UsageError(f"{count} virtual devices", remedy=f"ask for 1 to {MAX_DEVICES}")
    order = virtual_profiles(load_device_configs())
    return tuple(order[i % len(order)] for i in range(count))


def resolve_profiles(profiles: Sequence[str | DeviceConfig]) -> tuple[DeviceConfig, ...]:
    """Look up names, and check that each phone can be simulated.

    Raises:
        UsageError: a profile does not exist or has no `virtual` part, or there are none or too many.
    """
    if not 1 <= len(profiles) <= MAX_DEVICES:
        raise UsageError(f"{len(profiles)} virtual devices", remedy=f"ask for 1 to {MAX_DEVICES}")
    if all(isinstance(profile, DeviceConfig) for profile in profiles):
        configs: Mapping[str, DeviceConfig] = {}
    else:
        configs = {config.name: config for config in virtual_profiles(load_device_configs())}
    resolved = []
    for profile in profiles:
        if isinstance(profile, str):
            if profile not in configs:
                near = get_close_matches(profile, configs, 1)
                remedy = f"did you mean {near[0]}?" if near else None
                raise UsageError(
                    f"no virtual profile {profile!r}", remedy=remedy or f"there are: {', '.join(configs) or 'none'}"
                )
            resolved.append(configs[profile])
        elif profile.virtual is None:
            raise UsageError(f"device config {profile.name!r} has no `virtual` part: it cannot be played on this host")
        else:
            resolved.append(profile)
    return tuple(resolved)


def _with_faults(profiles: tuple[DeviceConfig, ...], faults: FaultPlan | None) -> tuple[DeviceConfig, ...]:
    if faults is not None and (missing := missing_device(faults, len(profiles))) is not None:
        number, device = missing
        raise UsageError(f"fault {number} is for device {device}, and there are {len(profiles)}")
    return profiles


class VirtualFarm:
    """Virtual devices for the duration of a `with` block.

    Args:
        profiles: one per device, by name or as a config.
        base_dir: parent of the farm's folder; None for the system's temporary folder. The farm's folder is removed at the end.
        clock_scale: seconds that pass on the devices during one real second.
        seed: seed of everything random on the devices.
        accept_keys: whether devices accept an ADB key; if not, they ask for one and stay `unauthorized`.
        faults: their faults, from when they are up (docs/faults.md).
        device_factory: `module:function` that makes the Android side of a device.

    Raises:
        UsageError: from the constructor: a profile does not exist, or a fault is for a missing device.
    """

    def __init__(
        self,
        profiles: Sequence[str | DeviceConfig],
        *,
        base_dir: Path | None = None,
        clock_scale: float = 1.0,
        seed: int = 0,
        accept_keys: bool = True,
        faults: FaultPlan | None = None,
        device_factory: str = ANDROID,
    ) -> None:
        self._config = FarmConfig(
            profiles=_with_faults(resolve_profiles(profiles), faults),
            clock_scale=clock_scale,
            seed=seed,
            accept_keys=accept_keys,
            faults=faults,
            device_factory=device_factory,
        )
        self._base_dir = base_dir
        self._launched: _Launched | None = None

    @property
    def profiles(self) -> tuple[str, ...]:
        """Names of the profiles, one per serial."""
        return tuple(profile.name for profile in self._config.profiles)

    @property
    def adb_port(self) -> int:
        """Port of the farm's ADB server on 127.0.0.1."""
        return self._running.adb_port

    @property
    def serials(self) -> tuple[str, ...]:
        """Serials, in the order of the profiles."""
        return self._running.serials

    @property
    def pid(self) -> int:
        """Process id of the guardian, the farm's outermost process."""
        return self._running.process.pid

    @property
    def folder(self) -> Path:
        """The folder with everything that the devices write."""
        return self._running.folder

    @property
    def adb_environment(self) -> dict[str, str]:
        """Environment variables that make adb programs and adbutils use only this server."""
        return {"ANDROID_ADB_SERVER_PORT": str(self.adb_port), "ADBUTILS_ADB_PATH": str(find_adb())}

    def start(self) -> Self:
        """Start the farm unless it runs already.

        Raises:
            SetupError: the farm does not come up; the message has the end of its log.
        """
        if self._launched is None:
            self._launched = _launch(self._config, self._base_dir)
        return self

    def stop(self) -> None:
        """End the farm and all processes of its devices, and remove its folder. A second call does nothing."""
        if self._launched is not None:
            launched, self._launched = self._launched, None
            launched.stop()

    @property
    def _running(self) -> _Launched:
        if self._launched is None:
            raise RuntimeError("the farm is not running")
        return self._launched

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_persistent(
    profiles: Sequence[str | DeviceConfig],
    *,
    accept_keys: bool = True,
    faults: FaultPlan | None = None,
    device_factory: str = ANDROID,
) -> FarmRecord:
    """Start a farm that outlives this process. The arguments are those of `VirtualFarm`.

    Raises:
        UsageError: a profile does not exist, or a fault is for a missing device.
        SetupError: the farm does not come up.
    """
    config = FarmConfig(
        profiles=_with_faults(resolve_profiles(profiles), faults),
        accept_keys=accept_keys,
        persistent=True,
        faults=faults,
        device_factory=device_factory,
    )
    launched = _launch(config, None)
    launched.leave()
    for record in running_farms():
        if record.adb_port == launched.adb_port:
            return record
    raise SetupError("the farm ended right after its start", remedy="try again")


def stop_persistent(record: FarmRecord) -> None:
    """Stop a recorded farm. Returns when it is gone.

    Raises:
        SetupError: the farm does not end.
    """
    for number, patience_s in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, 5.0)):
        # The process may have ended and its pid been reused at any time before.
        if registry.can_be_signalled(record):
            with contextlib.suppress(ProcessLookupError):
                # By force, including the daemon, which is in the guardian's process group.
                (os.killpg if number == signal.SIGKILL else os.kill)(record.pid, number)
        elif number == signal.SIGTERM:
            _ask_to_end(record)
        if _wait_until(lambda: not (registry.is_running(record) or registry.can_be_signalled(record)), patience_s):
            # Removes record and folder after an unclean end.
            running_farms()
            farm_folder.sweep(Path(record.folder).parent)
            return
    raise SetupError(
        f"the farm on port {record.adb_port} ({record.place}) does not end", remedy="end that process there"
    )


def _ask_to_end(record: FarmRecord) -> None:
    try:
        registry.ask_to_end(record)
    except OSError as error:
        raise SetupError(
            f"cannot ask the farm on port {record.adb_port} to end: {error.filename}: {error.strerror}",
            remedy=f"stop it where it runs: {record.place}",
        ) from None


class _Launched:
    """A guardian and the pipes to its daemon."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, log: BinaryIO) -> None:
        self.process = process
        self.folder = folder
        self.log = log
        self.adb_port = 0
        self.serials: tuple[str, ...] = ()

    def stop(self) -> None:
        self.close_pipes()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        # Usually done by now, but a detached guardian, or a daemon without its guardian, may still be ending.
        _wait_until(lambda: not self.folder.exists() or farm_folder.is_dead(self.folder), _STOP_S)
        farm_folder.remove_tree(self.folder)
        self.log.close()

    def leave(self) -> None:
        """Detach from a ready persistent farm."""
        self.close_pipes()
        self.process.wait()
        self.log.close()

    def close_pipes(self) -> None:
        """Close the pipes: this ends a bound farm, but not a persistent one."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def _launch(config: FarmConfig, base_dir: Path | None) -> _Launched:
    find_adb()
    base = base_dir or farm_folder.default_base()
    locks: list[int] = []
    try:
        farm_folder.sweep(base)
        folder, lock = farm_folder.create(base)
        locks.append(lock)
        (folder / "config.json").write_text(config.model_dump_json())
        log = (folder / "daemon.log").open("a+b")
        if config.persistent:
            locks.append(registry.reserve(folder))
    except OSError as error:
        for lock in locks:
            os.close(lock)
        raise SetupError(
            f"cannot make the files of virtual devices: {error.filename or base}: {error.strerror}"
        ) from error
    detach = ["--detach"] if config.persistent else []
    launched = None
    try:
        with interrupts_held_back():
            try:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "harness.virtual.guardian", str(folder), *detach],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    pass_fds=locks,
                    start_new_session=True,
                    cwd="/",
                )
            finally:
                for lock in locks:
                    os.close(lock)
            launched = _Launched(process, folder, log)
        ready = _wait_ready(launched, config.ready_within_s + 10)
        launched.adb_port, launched.serials = int(ready["adb_port"]), tuple(ready["serials"])
    except BaseException:
        if launched is not None:
            launched.stop()
        raise
    return launched


def _wait_ready(launched: _Launched, patience_s: float) -> dict[str, Any]:
    assert launched.process.stdout is not None  # noqa: S101  # made with a pipe
    fd = launched.process.stdout.fileno()
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    deadline = time.monotonic() + patience_s
    said = b""
    while not said.endswith(b"\n"):
        ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        part = os.read(fd, 65536) if ready else b""
        if not part:
            why = "ended without a word" if ready else f"said nothing for {patience_s:g} s"
            last = " | ".join(_tail(launched.log).splitlines()[-3:])
            raise SetupError(f"the virtual devices did not start: their process {why}: {last}")
        said += part
    report: dict[str, Any] = json.loads(said)
    if "ready" not in report:
        raise SetupError(f"the virtual devices did not start: {report['error']}", remedy=report["remedy"])
    found: dict[str, Any] = report["ready"]
    return found


def _wait_until(condition: Callable[[], bool], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _tail(log: BinaryIO, limit: int = 2000) -> str:
    log.seek(0, os.SEEK_END)
    log.seek(max(0, log.tell() - limit))
    return log.read().decode("utf-8", "replace").strip()
