"""Our folder on a device: who holds the device, which files are there already, and what has to be pushed.

Files are named by their content (SHA-256), so a second run pushes nothing, and a model's own name, which is a stranger's text, never
reaches the device. A file gets its name only after the device has computed the same hash: what was pushed by half is never executed.

The lease is a line in `lease`: owner, end (seconds of the device's uptime), boot id, and who that is. It keeps two harness processes from
measuring on one phone at a time, and it expires by itself.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.devices.target import Target
from harness.errors import CommandFailed, DeviceBusy, PushFailed, StorageFull, StorageRefused
from harness.measuring.trial_script import BASE_DIR

LEASE_S = 600
"""How long a lease lasts when nothing renews it. Each trial renews it for its own time-out and this."""

LEASE_LOST = 112
"""Exit code of a trial's script that finds somebody else's lease: this session slept, and its own has run out."""

_TIMEOUT_S = 60.0
# A pid may long belong to somebody else: only a process whose command line names our folder is touched.
_END_LEFTOVERS = f"""for f in run/*/pid run/*/shell; do
  [ -s "$f" ] && read p <"$f" && grep -q {BASE_DIR} /proc/$p/cmdline 2>/dev/null && {{ kill -9 $p; kill -9 -$p; }} 2>/dev/null
done"""
_HASH_BYTES_PER_S = 20e6  # an old phone's flash and core; only sets a time-out


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A file that a device needs, by content."""

    path: Path
    sha256: str
    size: int
    executable: bool = False

    @property
    def remote(self) -> str:
        """Where it lies on every device."""
        return f"{BASE_DIR}/blobs/{self.sha256}{'-benchmark_model' if self.executable else '.tflite'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a device."""

    owner: str
    user: str
    host: str
    pid: int
    left_s: int

    @property
    def is_dead(self) -> bool:
        """Whether it was a process of this machine that no longer runs."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


def who_am_i() -> str:
    """Who holds a lease, in one word that a shell can read: user@host:pid."""
    user = re.sub(r"[^A-Za-z0-9._-]", "_", os.environ.get("USER", "") or str(os.getuid()))
    return f"{user}@{socket.gethostname()}:{os.getpid()}"


def open_folder(target: Target, *, owner: str) -> dict[str, int]:
    """Take the lease, end what a crashed session left running, and list what is there.

    Args:
        target: the device.
        owner: the run's id; a run that is resumed takes its own lease over.

    Returns:
        File names below `blobs/` with their sizes.

    Raises:
        DeviceBusy: another process holds the device.
        DeviceError: the device cannot be reached, or its storage cannot be written.
    """
    output = target.run(_open_script(owner, force=False), timeout_s=_TIMEOUT_S)
    holder = _holder(output.stdout.decode(errors="replace"))
    if holder is not None and holder.is_dead:
        output = target.run(_open_script(owner, force=True), timeout_s=_TIMEOUT_S)
    elif holder is not None:
        raise DeviceBusy(
            f"{holder.user}@{holder.host} (pid {holder.pid}) measures on it, for {holder.left_s} s more at most",
            serial=target.serial,
            remedy="wait for it (--wait), or end that process",
        )
    text = output.stdout.decode(errors="replace")
    if "ready" not in text.split("\n"):
        raise storage_error(target.serial, output.stderr.decode(errors="replace") + text)
    return {name: int(size) for name, size in re.findall(r"^blob (\S+) (\d{1,18})$", text, re.MULTILINE)}


def push_missing(target: Target, blobs: Iterable[Blob], present: Mapping[str, int]) -> list[Blob]:
    """Push what is not there yet, and give each file its name once the device has hashed it.

    Returns:
        What was pushed.

    Raises:
        PushFailed: the device computed another hash.
        StorageFull: no room. What arrived by half is removed.
    """
    missing = {blob.remote: blob for blob in blobs if present.get(Path(blob.remote).name) != blob.size}
    if not missing:
        return []
    script = []
    for remote, blob in missing.items():
        part = remote + ".part"
        try:
            target.push(blob.path, part, mode=0o755 if blob.executable else 0o644)
        except (StorageFull, PushFailed):
            target.run(f"rm -f {shlex.quote(part)}", timeout_s=_TIMEOUT_S)
            raise
        script.append(
            f"if command -v sha256sum >/dev/null; then h=$(sha256sum <{part}); h=${{h%% *}};"
            f" else h={blob.sha256}; [ $(stat -c %s {part}) = {blob.size} ] || h=size; fi\n"
            f"if [ $h = {blob.sha256} ]; then mv -f {part} {remote} && echo placed {blob.sha256}; else rm -f {part}; fi"
        )
    timeout_s = _TIMEOUT_S + sum(blob.size for blob in missing.values()) / _HASH_BYTES_PER_S
    text = target.run("\n".join(script), timeout_s=timeout_s).stdout.decode(errors="replace")
    for blob in missing.values():
        if f"placed {blob.sha256}" not in text:
            raise PushFailed(f"{blob.path.name} did not arrive whole", serial=target.serial)
    return list(missing.values())


def renew_script(owner: str, seconds: float) -> str:
    """Shell text that renews the lease; part of each trial's own round trip. Exits with `LEASE_LOST` where somebody else has it by now."""
    return f"""
if read o rest <{BASE_DIR}/lease && [ "$o" != {shlex.quote(owner)} ]; then echo "lease: $o" >&2; exit {LEASE_LOST}; fi 2>/dev/null
{_write_lease(owner, seconds)}"""


def _write_lease(owner: str, seconds: float) -> str:
    return (
        f"read up rest </proc/uptime; read boot </proc/sys/kernel/random/boot_id\n"
        f'echo {shlex.quote(owner)} $((${{up%.*}}+{int(seconds)})) "$boot" {shlex.quote(who_am_i())} >{BASE_DIR}/lease\n'
    )


def close_folder(target: Target, *, owner: str) -> None:
    """End what a lost attempt may have left running, give the lease back and remove the trials' folders.

    Pushed files stay for the next run.
    """
    target.run(
        f"cd {BASE_DIR} && read o rest <lease && [ $o = {shlex.quote(owner)} ] || exit 0\n{_END_LEFTOVERS}\nrm -rf run lease",
        timeout_s=_TIMEOUT_S,
    )


def _open_script(owner: str, *, force: bool) -> str:
    me = shlex.quote(owner)
    return f"""
mkdir -p {BASE_DIR}/blobs && cd {BASE_DIR} || exit 1
# mkdir is atomic: of two sessions that come at once, one decides at a time. A lock that stays is a crashed session's.
n=0
while ! mkdir lock 2>/dev/null && [ $n -lt 60 ]; do
  n=$((n+1)); [ $n = 50 ] && rmdir lock 2>/dev/null; sleep 0.1
done
read up rest </proc/uptime; up=${{up%.*}}
read boot </proc/sys/kernel/random/boot_id
# Read once, and again where it is empty: its holder renews it just now (a shell empties what it writes first), or crashed then.
n=0; o=
while [ -e lease ] && ! read o until b who <lease && [ $n -lt 10 ]; do n=$((n+1)); sleep 0.1; done
if [ {int(force)} = 0 ] && [ -n "$o" ] &&
   [ "$b" = "$boot" ] && [ "$o" != {me} ] && [ "$until" -gt $up ]; then
  rmdir lock 2>/dev/null; echo "held $o $who $((until-up))"; exit 0
fi
{_write_lease(owner, LEASE_S)}
read o rest <lease; rmdir lock 2>/dev/null
[ "$o" = {me} ] || {{ echo "cannot write lease"; exit 1; }}
{_END_LEFTOVERS}
rm -rf run blobs/*.part; mkdir -p run
for f in blobs/*; do [ -f "$f" ] && echo "blob ${{f#blobs/}} $(stat -c %s "$f")"; done
echo ready
"""


def _holder(text: str) -> Holder | None:
    match = re.search(r"^held (\S+) ([^@\s]+)@([^:\s]+):(\d{1,10}) (\d{1,10})$", text, re.MULTILINE)
    if match is None:
        return None
    owner, user, host, pid, left = match.groups()
    return Holder(owner=owner, user=user, host=host, pid=int(pid), left_s=int(left))


def storage_error(serial: str, text: str) -> CommandFailed | StorageFull | StorageRefused:
    """What the words of a command that could not write mean."""
    if "No space" in text:
        return StorageFull("no room below /data/local/tmp", serial=serial, remedy="free some storage on it")
    if "Read-only" in text or "Permission denied" in text:
        return StorageRefused(f"/data/local/tmp cannot be written: {text.strip()[-200:]}", serial=serial)
    return CommandFailed("prepare " + BASE_DIR, exit_code=1, output=text, serial=serial)
