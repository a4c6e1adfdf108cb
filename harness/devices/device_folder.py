"""Our folder on a device: everything that the harness writes on a phone lies below it."""

from __future__ import annotations

from harness.errors import CommandFailed, StorageFull, StorageRefused

BASE_DIR = "/data/local/tmp/litert-harness"
"""Everything of ours on a device lies below."""


def storage_error(serial: str, text: str) -> CommandFailed | StorageFull | StorageRefused:
    """What the words of a command that could not write mean."""
    if "No space" in text:
        return StorageFull("no room below /data/local/tmp", serial=serial, remedy="free some storage on it")
    if "Read-only" in text or "Permission denied" in text:
        return StorageRefused(f"/data/local/tmp cannot be written: {text.strip()[-200:]}", serial=serial)
    return CommandFailed("prepare " + BASE_DIR, exit_code=1, output=text, serial=serial)
