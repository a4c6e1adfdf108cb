"""Pushes the files that a device needs and lacks.

Files are named by their content (SHA-256). So a second run pushes nothing, and a model's own name, which is not trusted, never reaches the
device. A file gets its name only after the device has computed the same hash, so a partial file is never executed.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.devices.device_folder import BASE_DIR
from harness.devices.target import Target
from harness.errors import PushFailed, StorageFull

_TIMEOUT_S = 60.0
_HASH_BYTES_PER_S = 20e6  # speed of an old phone's flash and core; only sets a time-out


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A file that a device needs, by content."""

    path: Path
    sha256: str
    size: int
    executable: bool = False

    @property
    def remote(self) -> str:
        """The file's path on every device."""
        return f"{BASE_DIR}/blobs/{self.sha256}{'-benchmark_model' if self.executable else '.tflite'}"


def push_missing(
    target: Target, blobs: Iterable[Blob], present: Mapping[str, int], cancel: threading.Event | None = None
) -> list[Blob]:
    """Push the missing files, and give each its name once the device has hashed it.

    Args:
        target: the device.
        blobs: what it needs.
        present: names and sizes of the files that it has.
        cancel: set by another thread to give up early.

    Returns:
        The pushed files.

    Raises:
        Cancelled: `cancel` was set.
        PushFailed: the device computed another hash.
        StorageFull: the storage is full. The partial file is removed.
    """
    missing = {blob.remote: blob for blob in blobs if present.get(Path(blob.remote).name) != blob.size}
    if not missing:
        return []
    script = []
    for remote, blob in missing.items():
        part = remote + ".part"
        try:
            target.push(blob.path, part, mode=0o755 if blob.executable else 0o644, cancel=cancel)
        except (StorageFull, PushFailed):
            target.run(f"rm -f {shlex.quote(part)}", timeout_s=_TIMEOUT_S)
            raise
        script.append(
            f"if command -v sha256sum >/dev/null; then h=$(sha256sum <{part}); h=${{h%% *}};"
            f" else h={blob.sha256}; [ $(stat -c %s {part}) = {blob.size} ] || h=size; fi\n"
            f"if [ $h = {blob.sha256} ]; then mv -f {part} {remote} && echo placed {blob.sha256}; else rm -f {part}; fi"
        )
    timeout_s = _TIMEOUT_S + sum(blob.size for blob in missing.values()) / _HASH_BYTES_PER_S
    text = target.run("\n".join(script), timeout_s=timeout_s, cancel=cancel).stdout.decode(errors="replace")
    for blob in missing.values():
        if f"placed {blob.sha256}" not in text:
            raise PushFailed(f"{blob.path.name} did not arrive whole", serial=target.serial)
    return list(missing.values())
