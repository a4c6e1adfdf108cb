"""Devices without namespaces: commands run on the host, with the device's paths replaced by the host's.

This is for hosts that refuse user namespaces. Compared with `namespace`, it has these leaks:

- only paths in the command's text are replaced: a path that a program builds itself is the host's;
- `/proc/uptime` is the host's: only the boot id shows a reboot;
- output shows the host's paths, `id` the host's user, `ps` the host's processes; paths inside a script on the device are the host's;
- a command can write wherever the user may (it runs as that user), and files that are read-only on a phone are writable for root;
- a daemon killed with SIGKILL leaves its processes running: the next start of the same device kills them (by a mark in their environment).
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from harness.virtual.android.backend import (
    BackendUnavailable,
    ProcessUse,
    read_affinity,
    read_command_line,
    read_process,
)
from harness.virtual.android.layout import Layout
from harness.virtual.android.process import SpawnedProcess, open_pty, start
from harness.virtual.android.userland import Userland
from harness.virtual.device_interface import WindowSize

MARK = "HARNESS_VIRTUAL_ROOT"
"""Environment variable of each process on such a device: the folder of its tree."""

_TOPS = "system|vendor|product|apex|data|sdcard|storage|cache|sys"
_KILL_TIMEOUT_S = 10.0


class PathMapping:
    """Implements `backend.Backend` by rewriting paths.

    Args:
        tree: the device's own tree on the host.
        tools: the host's programs.
    """

    kind: Literal["namespaces", "path-mapping"] = "path-mapping"

    def __init__(self, tree: Path, *, tools: Userland) -> None:
        self.tree = tree
        self.shell = tools.mksh or "/bin/sh"
        self.bus = f"{tree}/dev/harness"
        self.bin_dir = f"{tree}/system/bin"
        self.served: Mapping[str, int] = {}  # to mount takes privileges, and mounts would outlive the daemon
        self._tools = tools
        self._up = False
        self._live: set[SpawnedProcess] = set()
        self._pattern = re.compile("")

    def root_path(self) -> Path:
        """See `Backend.root_path`."""
        if not self._up:
            raise OSError(errno.ENODEV, "the device is down")
        return self.tree

    def live_path(self, name: str) -> Path:
        """See `Backend.live_path`."""
        return self.tree / name

    async def start(self, layout: Layout) -> None:
        """See `Backend.start`."""
        if not re.fullmatch(r"[\w./+,@%-]+", str(self.tree), re.ASCII):
            # The path is inserted into commands at places that may or may not be quoted.
            raise BackendUnavailable(f"path mapping cannot work in a folder of this name: {self.tree}")
        await self._kill_all()
        layout.write(self.tree)
        proc = self.tree / "proc"
        files = "|".join(re.escape(str(path.relative_to(proc))) for path in sorted(proc.rglob("*")) if path.is_file())
        after = r"(?=[/\s;'\"|&<>()`*?,:\]]|$)"
        self._pattern = re.compile(
            rf"(?<![\w.@%+/}}~-])/(?:(?:{_TOPS}){after}|proc/(?:{files}){after}|dev/harness{after})"
        )
        self._up = True

    async def stop(self) -> None:
        """See `Backend.stop`."""
        self._up = False
        live = list(self._live)
        await self._kill_all()
        for process in live:
            process.kill()
            await process.wait()

    async def _kill_all(self) -> None:
        """Kill every process that carries the mark until none does: a process may fork during the search."""
        deadline = time.monotonic() + _KILL_TIMEOUT_S
        while (pids := self._marked()) and time.monotonic() < deadline:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.01)

    def _marked(self) -> list[int]:
        mark = b"\0" + os.fsencode(f"{MARK}={self.tree}") + b"\0"
        found = []
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with suppress(OSError), Path(entry.path, "environ").open("rb") as file:
                    if mark in b"\0" + file.read() and read_process(Path(entry.path)):
                        found.append(int(entry.name))
        return found

    def launch(self, command: str | None, *, terminal: WindowSize | None, env: Mapping[str, str]) -> SpawnedProcess:
        """See `Backend.launch`."""
        root = self.root_path()
        session = [self._tools.setsid, *(["-c"] if terminal else [])]
        argv = [*session, self.shell, *(["-c", self.translate(command)] if command is not None else [])]
        mapped = {key: value if key == "PATH" else self.translate(value) for key, value in env.items()}
        mapped |= {"PATH": str(root / "system/bin"), MARK: str(root)}
        pty = open_pty(Path("/dev/ptmx"), terminal) if terminal else None

        cwd = root / "data/local/tmp"
        process = start(argv, env=mapped, cwd=cwd, shell_is_child=False, pty=pty, on_exit=self._live.discard)
        self._live.add(process)
        return process

    def translate(self, command: str) -> str:
        """Replace the device's paths in a command by the host's."""
        return self._pattern.sub(lambda match: f"{self.tree}{match[0]}", command)

    def processes(self) -> list[ProcessUse]:
        """See `Backend.processes`."""
        found = (read_process(Path("/proc", str(pid))) for pid in self._marked())
        return [use for use in found if use is not None]

    def command_line(self, pid: int) -> list[str]:
        """See `Backend.command_line`."""
        return read_command_line(Path("/proc", str(pid)))

    def affinity(self, pid: int) -> int | None:
        """See `Backend.affinity`."""
        return read_affinity(Path("/proc", str(pid)))
