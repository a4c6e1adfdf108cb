"""The harness's folder on a device. Everything that the harness writes on a phone lies below it."""

from __future__ import annotations

from harness.errors import CommandFailed, StorageFull, StorageRefused

BASE_DIR = "/data/local/tmp/litert-harness"
"""Its path."""
JOURNAL = "journal"
"""File in it with the settings that a session has changed (`harness.conditions.journal`). It exists only while something is changed."""
PID_FILES = ("shell", "group", "pid")
"""Files in a trial's folder that hold the PID of something that belongs to the trial: the script's shell, the benchmark's own shell, the
benchmark. They end in this order, so that no shell goes on to the next trial."""


def storage_error(serial: str, text: str) -> CommandFailed | StorageFull | StorageRefused:
    """Return the error that the output of a failed write means."""
    if "No space" in text:
        return StorageFull("no room below /data/local/tmp", serial=serial, remedy="free some storage on it")
    if "Read-only" in text or "Permission denied" in text:
        return StorageRefused(f"/data/local/tmp cannot be written: {text.strip()[-200:]}", serial=serial)
    return CommandFailed("prepare " + BASE_DIR, exit_code=1, output=text, serial=serial)
