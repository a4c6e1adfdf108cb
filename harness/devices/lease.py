"""The lease: who measures on a device, and which of the harness's files are there already.

The lease is one line in the file `lease` in our folder: owner, end (seconds of the device's uptime), boot id, and who holds it. It keeps
two harness processes from measuring on one phone at a time. It expires by itself unless its owner renews it.

A holder can be known to be dead before that only if this process could see it. Host names do not tell: containers share them, and each may
have its own process ids. So a lease also names the scope of its owner's process id: the boot of the kernel and the namespace.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
from dataclasses import dataclass

from harness.devices.device_folder import BASE_DIR, JOURNAL, PID_FILES, storage_error
from harness.devices.target import Target
from harness.errors import DeviceBusy
from harness.files.process_scope import pids_of_this_process

LEASE_S = 600
"""Seconds that a lease lasts without renewal. Each trial renews it for its own time-out plus this."""

LEASE_LOST = 112
"""Exit code of a trial's script that finds another owner's lease: this session slept, and its own lease ran out."""

_TIMEOUT_S = 60.0
# A pid may have been reused, so only a process whose command line names our folder is killed. Most are gone: only the others cost a `grep`.
_END_LEFTOVERS = f"""for f in {" ".join(f"run/*/{name}" for name in PID_FILES)}; do
  [ -s "$f" ] && read p <"$f" && [ -d /proc/$p ] || continue
  grep -q {BASE_DIR} /proc/$p/cmdline 2>/dev/null && {{ kill -9 $p; kill -9 -$p; }} 2>/dev/null
done"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The holder of a device."""

    owner: str
    user: str
    host: str
    pid: int
    pids: str
    """Scope of its process id, from `pids_of_this_process`; empty if unknown."""
    left_s: int

    @property
    def is_dead(self) -> bool:
        """Return whether the holder is a process in this one's scope that no longer runs."""
        if not self.pids or self.pids != pids_of_this_process():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False

    @property
    def word(self) -> str:
        """The holder as one word, as in the lease; see `who_am_i`."""
        return f"{self.user}@{self.host}:{self.pid}{':' if self.pids else ''}{self.pids}"


def who_am_i() -> str:
    """Return this process as a holder, in one word that a shell can read: user@host:pid:pids."""
    user = re.sub(r"[^A-Za-z0-9._-]", "_", os.environ.get("USER", "") or str(os.getuid()))
    pids = pids_of_this_process()
    return f"{user}@{socket.gethostname()}:{os.getpid()}{':' if pids else ''}{pids}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFolder:
    """Our folder on a device, as a session finds it.

    Args:
        blobs: names of the pushed files with their sizes.
        journal: text of the journal of changed settings; empty if nothing is changed.
    """

    blobs: dict[str, int]
    journal: str


def open_folder(target: Target, *, owner: str) -> OpenedFolder:
    """Take the lease, end what a crashed session left running, and look at what is there, in one round trip.

    Args:
        target: the device.
        owner: the run's id; a resumed run takes over its own lease.

    Raises:
        DeviceBusy: another process holds the device.
        DeviceError: the device cannot be reached, or its storage cannot be written.
    """
    output = target.run(_open_script(owner), timeout_s=_TIMEOUT_S)
    holder = _holder(output.stdout.decode(errors="replace"))
    if holder is not None and holder.is_dead:
        output = target.run(_open_script(owner, dead=holder.word), timeout_s=_TIMEOUT_S)
        holder = _holder(output.stdout.decode(errors="replace"))
    if holder is not None:
        raise DeviceBusy(
            f"{holder.user}@{holder.host} (pid {holder.pid}) measures on it, for {holder.left_s} s more at most",
            serial=target.serial,
            remedy="wait for it (--wait), or end that process",
        )
    text, ready, journal = output.stdout.decode(errors="replace").partition("\nready\n")
    if not ready:
        raise storage_error(target.serial, output.stderr.decode(errors="replace") + text)
    found = re.findall(r"^blob (\S+) (\d{1,18})$", text, re.MULTILINE)
    return OpenedFolder(blobs={name: int(size) for name, size in found}, journal=journal)


def renew_script(owner: str, seconds: float) -> str:
    """Return shell text that renews the lease within a trial's script; it exits with `LEASE_LOST` if another owner has it."""
    return f"""
if read o rest <{BASE_DIR}/lease && [ "$o" != {shlex.quote(owner)} ]; then echo "lease: $o" >&2; exit {LEASE_LOST}; fi 2>/dev/null
{_write_lease(owner, seconds)}"""


def _write_lease(owner: str, seconds: float) -> str:
    return (
        f"read up rest </proc/uptime; read boot </proc/sys/kernel/random/boot_id\n"
        f'echo {shlex.quote(owner)} $((${{up%.*}}+{int(seconds)})) "$boot" {shlex.quote(who_am_i())} >{BASE_DIR}/lease\n'
    )


def close_folder(target: Target, *, owner: str) -> None:
    """End what a lost attempt left running, give the lease back, and remove trial folders and partial files.

    Pushed files stay for the next run.
    """
    target.run(
        f"cd {BASE_DIR} && read o rest <lease && [ $o = {shlex.quote(owner)} ] || exit 0\n{_END_LEFTOVERS}\nrm -rf run blobs/*.part lease",
        timeout_s=_TIMEOUT_S,
    )


def _open_script(owner: str, *, dead: str = "") -> str:
    """Return shell text that takes the lease. It takes an unexpired lease of another owner only if `dead` holds it."""
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
if [ -n "$o" ] && [ "$who" != {shlex.quote(dead)} ] &&
   [ "$b" = "$boot" ] && [ "$o" != {me} ] && [ "$until" -gt $up ]; then
  rmdir lock 2>/dev/null; echo "held $o $who $((until-up))"; exit 0
fi
{_write_lease(owner, LEASE_S)}
read o rest <lease; rmdir lock 2>/dev/null
[ "$o" = {me} ] || {{ echo "cannot write lease"; exit 1; }}
{_END_LEFTOVERS}
rm -rf run blobs/*.part; mkdir -p run
for f in blobs/*; do [ -f "$f" ] && echo "blob ${{f#blobs/}} $(stat -c %s "$f")"; done
echo; echo ready; cat {JOURNAL} 2>/dev/null
true
"""


def _holder(text: str) -> Holder | None:
    match = re.search(r"^held (\S+) ([^@\s]+)@([^:\s]+):(\d{1,10})(?::(\S+))? (\d{1,10})$", text, re.MULTILINE)
    if match is None:
        return None
    owner, user, host, pid, pids, left = match.groups()
    return Holder(owner=owner, user=user, host=host, pid=int(pid), pids=pids or "", left_s=int(left))
