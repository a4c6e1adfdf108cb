"""The harness's folder on a device. Everything that the harness writes on a phone lies below it."""

from __future__ import annotations

from harness.errors import CommandFailed, StorageFull, StorageRefused

BASE_DIR = "/data/local/tmp/litert-harness"
"""Its path."""
PID_FILES = ("pid", "group", "shell")
"""Files in a trial's folder that hold the PID of something that the trial started: the benchmark, its own shell, the script's shell."""


def storage_error(serial: str, text: str) -> CommandFailed | StorageFull | StorageRefused:
    """Return the error that the output of a failed write means."""
    if "No space" in text:
        return StorageFull("no room below /data/local/tmp", serial=serial, remedy="free some storage on it")
    if "Read-only" in text or "Permission denied" in text:
        return StorageRefused(f"/data/local/tmp cannot be written: {text.strip()[-200:]}", serial=serial)
    return CommandFailed("prepare " + BASE_DIR, exit_code=1, output=text, serial=serial)
