"""The raw output of a trial, in its folder within the run."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from harness.benchmark_model.command_line import OUTPUTS_FILE, PROFILE_FILE, RUNTIME_INFO_FILE
from harness.devices.target import Target

_NAMES: Mapping[str, str] = {
    "stdout": "stdout.txt",
    "stderr": "stderr.txt",
    "profile": PROFILE_FILE,
    "runtime_info": RUNTIME_INFO_FILE,
    "outputs": OUTPUTS_FILE,
    "logcat": "logcat.txt",
    "tombstone": "tombstone.txt",
}
_OUTPUT_FILES = frozenset({PROFILE_FILE, RUNTIME_INFO_FILE, OUTPUTS_FILE})


def output_files(flags: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the files that a benchmark with these flags writes into its folder."""
    return tuple(sorted(name for name in _OUTPUT_FILES if any(flag.endswith(f"={name}") for flag in flags)))


def kind_of_file(name: str) -> str:
    """Return the kind of an output file, as `Result.logs` has it."""
    return next(kind for kind, known in _NAMES.items() if known == name)


def pull_files(
    target: Target, folder: str, log_dir: Path, names: Sequence[str], cancel: threading.Event
) -> dict[str, bytes]:
    """Copy output files from the device, as far as they exist. Return their content by kind."""
    pulled = {}
    for name in names:
        local = log_dir / name
        if name in _OUTPUT_FILES and target.pull(f"{folder}/{name}", local, cancel=cancel):
            pulled[kind_of_file(name)] = local.read_bytes()
    return pulled


def write_logs(log_dir: Path, logs: Mapping[str, bytes]) -> dict[str, str]:
    """Write logs. Everything is synced to disk when this returns.

    Args:
        log_dir: the trial's folder, two levels below the run's.
        logs: kind to content.

    Returns:
        Kind to path, relative to the run's folder, as a result keeps it.
    """
    for kind, content in logs.items():
        with (log_dir / _NAMES[kind]).open("wb") as stream:
            # Synced before the result that names it is stored: a record must not outlive its evidence.
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    return paths_of(log_dir, logs)


def paths_of(log_dir: Path, kinds: Iterable[str]) -> dict[str, str]:
    """Return kind to path, relative to the run's folder, as a result keeps it."""
    return {kind: str((log_dir / _NAMES[kind]).relative_to(log_dir.parent.parent)) for kind in kinds}


def drop_log(log_dir: Path, paths: dict[str, str], kind: str) -> None:
    """Remove a log and forget its path."""
    (log_dir / _NAMES[kind]).unlink(missing_ok=True)
    paths.pop(kind, None)
