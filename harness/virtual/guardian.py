"""The outermost process of a farm: runs the daemon; when the daemon has ended in any way, ends and removes what it left.

It is a subreaper (prctl(2)): processes of the devices whose parents have died become its children, so that none escapes, not even
with `setsid` or `nohup` after the daemon was killed with SIGKILL. It imports little: it must start quickly and never break.

    python -P -m harness.virtual.guardian FOLDER [--detach]

With `--detach` it leaves its starter at once.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

from harness.virtual.farm_folder import remove_tree
from harness.virtual.registry import record_path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> None:
    """Exits with the daemon's exit code."""
    folder = Path(sys.argv[1])
    if "--detach" in sys.argv[2:]:
        if os.fork():
            os._exit(0)
        os.setsid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    guardian = os.getpid()
    daemon = os.fork()
    if daemon == 0:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != guardian:
            os._exit(1)
        # Late: the guardian itself does not need all that the daemon imports.
        from harness.virtual.daemon import run

        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
        code = run(folder)
        sys.stdout.flush()
        # Not sys.exit: a thread that hangs in a file operation on a device must not hold the process.
        os._exit(code)

    def forward(number: int, frame: object) -> None:
        os.kill(daemon, signal.SIGTERM)

    for number in _FORWARDED:
        signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    # The pipes to the one who started us are the daemon's: held open here, they would hide its end.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    status = _wait_for(daemon)
    _end_orphans()
    record_path(guardian).unlink(missing_ok=True)
    remove_tree(folder)
    sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _wait_for(daemon: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == daemon:
            return status


def _end_orphans() -> None:
    """Kill every child, and every process that becomes a child thereby, until none is left."""
    while True:
        for pid in _children():
            os.kill(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def _children() -> list[int]:
    me = os.getpid()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text(errors="replace")
            except OSError:
                continue
            # The name, in brackets, may hold anything; the parent's id is the second word after it.
            if int(stat.rpartition(")")[2].split()[1]) == me:
                found.append(int(entry.name))
    return found


if __name__ == "__main__":
    main()
