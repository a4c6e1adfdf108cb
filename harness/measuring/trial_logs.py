"""The raw output of a trial, in its folder within the run."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.benchmark_model.command_line import PROFILE_FILE, RUNTIME_INFO_FILE
from harness.devices.target import Target

_NAMES: Mapping[str, str] = {
    "stdout": "stdout.txt",
    "stderr": "stderr.txt",
    "profile": PROFILE_FILE,
    "runtime_info": RUNTIME_INFO_FILE,
    "logcat": "logcat.txt",
    "tombstone": "tombstone.txt",
}
_PULLED = frozenset({"profile", "runtime_info"})


def pull_files(
    target: Target, folder: str, log_dir: Path, flags: Sequence[str], cancel: threading.Event
) -> dict[str, bytes]:
    """Copy the output files that the flags name from the device, as far as they exist."""
    pulled = {}
    for kind in sorted(_PULLED):
        name = _NAMES[kind]
        if not any(flag.endswith(f"={name}") for flag in flags):
            continue
        local = log_dir / name
        if target.pull(f"{folder}/{name}", local, cancel=cancel):
            pulled[kind] = local.read_bytes()
    return pulled


def write_logs(log_dir: Path, logs: Mapping[str, bytes]) -> dict[str, str]:
    """Write logs that are not there yet. Everything is synced to disk when this returns.

    Args:
        log_dir: the trial's folder, two levels below the run's.
        logs: kind to content; the kinds from `pull_files` are in the folder already.

    Returns:
        Kind to path, relative to the run's folder, as a result keeps it.
    """
    base = log_dir.parent.parent
    for kind in logs.keys() - _PULLED:
        with (log_dir / _NAMES[kind]).open("wb") as stream:
            # Synced before the result that names it is stored: a record must not outlive its evidence.
            stream.write(logs[kind])
            stream.flush()
            os.fsync(stream.fileno())
    return {kind: str((log_dir / _NAMES[kind]).relative_to(base)) for kind in logs}
