"""Writes what Android writes about a crash in native code: log lines of libc and `crash_dump`, and the tombstone.

Formats: AOSP system/core/debuggerd (`libdebuggerd/tombstone.cpp`, `handler/debuggerd_handler.cpp`) and frameworks/base (BootReceiver, which
copies each tombstone into the dropbox, since only root may read `/data/tombstones`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import PurePosixPath

from harness.virtual.android.dropbox import DropBoxEntry
from harness.virtual.android.logcat import LogLine
from harness.virtual.android.state import DeviceState

_STARS = " ".join(["***"] * 16)
_SIGNAL = "signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), fault addr 0x0000000000000000"
_DEBUGGERD_ABI = {"arm64-v8a": "arm64", "armeabi-v7a": "arm"}
_SHELL_UID = 2000


def log_crash(state: DeviceState, pid: int, words: Sequence[str], tombstone: str) -> list[LogLine]:
    """Log that a process dereferenced a null pointer. As `crash_dump` does, call it before the process is gone.

    Args:
        state: the device.
        pid: the process.
        words: its command line.
        tombstone: from `tombstone_of`.

    Returns:
        The lines, to be removed if the process turns out to have ended by itself.
    """
    name, write, dumper = _name(words), state.log.write, pid + 1
    lines = [
        write(
            "libc",
            f"Fatal {_SIGNAL.replace('0x0000000000000000', '0x0')} in tid {pid} ({name}), pid {pid} ({name})",
            level="F",
            pid=pid,
            buffer="crash",
        ),
        write("crash_dump64", "obtaining output fd from tombstoned, type: kDebuggerdTombstoneProto", pid=dumper),
        write("tombstoned", f"received crash request for pid {pid}"),
        write("crash_dump64", f"performing dump of process {pid} (target tid = {pid})", pid=dumper),
    ]
    lines += [write("DEBUG", line, level="F", pid=dumper, buffer="crash") for line in tombstone.splitlines()]
    return [*lines, write("tombstoned", "Tombstone written to: tombstone_00")]


def keep_tombstone(state: DeviceState, tombstone: str) -> None:
    """Put a tombstone into the dropbox."""
    build, hardware = state.properties["ro.build.fingerprint"], state.properties["ro.hardware"]
    head = f"isPrevious: false\nBuild: {build}\nHardware: {hardware}\nRevision: 0\nBootloader: unknown\nRadio: \n\n"
    state.dropbox.append(DropBoxEntry(time.time(), "SYSTEM_TOMBSTONE", head + tombstone))


def tombstone_of(state: DeviceState, pid: int, words: Sequence[str]) -> str:
    """Make the tombstone of a process that dereferences a null pointer now."""
    abi = state.properties["ro.product.cpu.abi"]
    return f"""{_STARS}
Build fingerprint: '{state.properties["ro.build.fingerprint"]}'
Revision: '0'
ABI: '{_DEBUGGERD_ABI.get(abi, abi)}'
Timestamp: {time.strftime("%Y-%m-%d %H:%M:%S.000000000%z")}
Cmdline: {" ".join(words)}
pid: {pid}, tid: {pid}, name: {_name(words)}  >>> {words[0]} <<<
uid: {_SHELL_UID}
{_SIGNAL}
Cause: null pointer dereference
    NOTE: a fault of a virtual device: there are no registers and no backtrace to show
"""


def _name(words: Sequence[str]) -> str:
    """Return the process's name as the kernel keeps it: 15 characters."""
    return PurePosixPath(words[0]).name[:15]
