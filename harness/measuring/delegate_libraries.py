"""Looks on the device for a delegate's library before a process needs it.

The tool does not report a missing library: until LiteRT 8640f51b1 (2026-06) it prints `EXTERNAL delegate created.` and dies of SIGSEGV;
since then it prints nothing and runs on the CPU. The same happens if the linker refuses a library for another machine.
"""

from __future__ import annotations

import shlex
import threading
from dataclasses import dataclass, field

from harness.devices.push import Blob
from harness.devices.target import Target
from harness.records import DelegateRequest
from harness.virtual.replay.recordings import VARIABLE, read_environment

_OPTIONS = {
    "external": ("path",),
    "hexagon": ("library_dir",),
    "npu": ("dispatch_library", "compiler_plugin"),
}
"""Each delegate's options that are paths on the device. A folder only has to exist."""

_TIMEOUT_S = 20.0
_HEADER_BYTES = 20
"""The start of an ELF file, up to the machine: System V ABI, `Elf64_Ehdr`, which begins as `Elf32_Ehdr` does."""


@dataclass(slots=True)
class DelegateLibraries:
    """The findings on one device, by path. Each path is looked at once in a session."""

    _found: dict[str, str | None] = field(default_factory=dict)
    _played_back: frozenset[str] = frozenset()

    def problem(
        self, target: Target, delegate: DelegateRequest, program: Blob, cancel: threading.Event | None = None
    ) -> str | None:
        """Return what is wrong with a delegate's library, in a sentence that names it; None if it is good or that cannot be told.

        Only absolute paths are checked: the linker itself finds a name without a folder, and a relative path differs for each trial.

        Args:
            target: the device.
            delegate: the delegate as asked for. One that need not take a node (`require: any`) may lack its library too.
            program: the benchmark binary; a library must be for the same machine.
            cancel: set by another thread to give up early.

        Raises:
            DeviceError: the device failed.
            Cancelled: `cancel` was set.
        """
        if delegate.require == "any":
            return None
        for option in _OPTIONS.get(delegate.name, ()):
            path = str(delegate.options.get(option, ""))
            if not path.startswith("/"):
                continue
            if path not in self._found:
                self._found[path] = self._look(target, path, program, cancel)
            if (what := self._found[path]) is not None and delegate.name not in self._played_back:
                return f"delegate {delegate.name}: {path} {what}"
        return None

    def _look(self, target: Target, path: str, program: Blob, cancel: threading.Event | None) -> str | None:
        q = shlex.quote(path)
        script = f"""echo "replay ${VARIABLE}"
if [ -d {q} ]; then echo folder
elif [ ! -e {q} ]; then echo missing
elif [ ! -r {q} ]; then echo closed
else echo header $(od -An -tx1 -N{_HEADER_BYTES} {q} 2>/dev/null)
fi"""
        text = target.run(script, timeout_s=_TIMEOUT_S, cancel=cancel).stdout.decode(errors="replace")
        replay, _, said = text.partition("\n")
        # A virtual device replays the delegate, without a library.
        self._played_back = frozenset(read_environment(replay.removeprefix("replay ")))
        state, _, header = said.strip().partition(" ")
        if state == "missing":
            return "is not on the device: adb push it there"
        if state == "closed":
            return "cannot be read by the shell's user: see its permissions"
        return _judge(header, program) if state == "header" else None


def _judge(header: str, program: Blob) -> str | None:
    try:
        seen = bytes.fromhex(header)
        with program.path.open("rb") as stream:
            wanted = stream.read(_HEADER_BYTES)
    except (OSError, ValueError):
        return None
    if not seen.startswith(b"\x7fELF"):
        return "is no library" if seen else None
    # Class (32 or 64 bits) and machine. A script that stands in for the binary on a virtual device has neither.
    same = (seen[4:5], seen[18:20]) == (wanted[4:5], wanted[18:20])
    return None if same or not wanted.startswith(b"\x7fELF") else "is for another machine than benchmark_model"
