"""Pushes the files that a device needs and lacks.

Files are named by their content (SHA-256). So a second run pushes nothing, and a model's own name, which is not trusted, never reaches the
device. A file gets its name only after the device has computed the same hash, so a partial file is never executed.

Several files go in one session, and one script hashes and names them: two requests to the device, however many files there are.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.devices.device_folder import BASE_DIR
from harness.devices.lease import LEASE_LOST, LEASE_S, renew_script
from harness.devices.target import Outgoing, Target, push_timeout_s
from harness.errors import DeviceBusy, PushFailed, StorageFull, StorageRefused

BATCH_BYTES, BATCH_FILES = 256_000_000, 64
"""Most that is pushed before it is hashed and named: a link that is lost costs no more than this. A larger file goes alone."""

_TIMEOUT_S = 60.0
_HASH_BYTES_PER_S = 20e6  # speed of an old phone's flash and core; only sets a time-out
_FOLDER = f"{BASE_DIR}/blobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A file that a device needs, by content."""

    path: Path
    sha256: str
    size: int
    executable: bool = False

    @property
    def name(self) -> str:
        """The file's name on every device."""
        return f"{self.sha256}{'-benchmark_model' if self.executable else '.tflite'}"

    @property
    def remote(self) -> str:
        """The file's path on every device."""
        return f"{_FOLDER}/{self.name}"


def push_missing(
    target: Target,
    blobs: Iterable[Blob],
    present: Mapping[str, int],
    cancel: threading.Event | None = None,
    *,
    owner: str | None = None,
    pushed: Callable[[Sequence[Blob]], None] = lambda _: None,
) -> list[Blob]:
    """Push the missing files, and give each its name once the device has hashed it.

    Args:
        target: the device.
        blobs: what it needs.
        present: names and sizes of the files that it has.
        cancel: set by another thread to give up early.
        owner: who holds the lease, to renew it meanwhile; None leaves it as it is.
        pushed: called with the files that have their names now, perhaps several times.

    Returns:
        The pushed files.

    Raises:
        Cancelled: `cancel` was set.
        PushFailed: the device computed another hash.
        StorageFull, StorageRefused: the storage is full or closed. Partial files are removed.
        DeviceBusy: another process took the device meanwhile.
        OSError: one of the files cannot be read. Partial files are removed.
    """
    missing = {blob.name: blob for blob in blobs if present.get(blob.name) != blob.size}
    for batch in _batches(missing.values()):
        text = _push_batch(target, batch, cancel, owner)
        placed = [blob for blob in batch if f"placed {blob.name}" in text]
        pushed(placed)
        for blob in batch:
            if blob not in placed:
                raise PushFailed(f"{blob.path.name} did not arrive whole", serial=target.serial)
    return list(missing.values())


def _batches(blobs: Iterable[Blob]) -> Iterator[list[Blob]]:
    batch: list[Blob] = []
    for blob in blobs:
        if batch and (len(batch) == BATCH_FILES or sum(one.size for one in batch) + blob.size > BATCH_BYTES):
            yield batch
            batch = []
        batch.append(blob)
    if batch:
        yield batch


def _push_batch(target: Target, batch: Sequence[Blob], cancel: threading.Event | None, owner: str | None) -> str:
    """Push some files and return the device's words about them: `placed NAME` for each that is whole."""
    size = sum(blob.size for blob in batch)
    needed_s = push_timeout_s(size) + _TIMEOUT_S + size / _HASH_BYTES_PER_S
    renew = "" if owner is None else renew_script(owner, LEASE_S)
    if owner is not None and needed_s > LEASE_S:
        _run(target, renew_script(owner, needed_s + LEASE_S), cancel, _TIMEOUT_S)
    part = f"{_FOLDER}/{batch[0].sha256}.part"
    names = " ".join(blob.name for blob in batch)
    files = [
        Outgoing(local=blob.path, remote=f"{part}/{blob.name}", mode=0o755 if blob.executable else 0o644)
        for blob in batch
    ]
    try:
        target.push(files, cancel=cancel)
    except (StorageFull, StorageRefused, PushFailed, OSError):
        target.run(f"rm -rf {part}", timeout_s=_TIMEOUT_S)
        raise
    # Few processes, whose start costs more than hashing a small file. The expected hash is the beginning of the name. A phone without
    # sha256sum at least compares sizes.
    sizes = "|".join(shlex.quote(f"{blob.size} {blob.name}") for blob in batch)
    script = f"""{renew}
cd {part} || exit 1
if command -v sha256sum >/dev/null; then
  good=$(sha256sum {names} | while read h f; do case "$f" in "$h"*) echo "$f";; esac; done)
else
  good=$(stat -c '%s %n' {names} | while read s f; do case "$s $f" in {sizes}) echo "$f";; esac; done)
fi
[ -z "$good" ] || mv -f $good ..
for f in $good; do [ -e "$f" ] || echo "placed $f"; done
cd ..; rm -rf {part}"""
    return _run(target, script, cancel, _TIMEOUT_S + size / _HASH_BYTES_PER_S)


def _run(target: Target, script: str, cancel: threading.Event | None, timeout_s: float) -> str:
    output = target.run(script, timeout_s=timeout_s, cancel=cancel)
    if output.exit_code == LEASE_LOST:
        raise DeviceBusy("another process took it while this one pushed", serial=target.serial)
    return output.stdout.decode(errors="replace")
