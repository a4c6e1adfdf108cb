"""The outermost process of a farm. It runs the daemon and, when that has ended in any way, cleans up after it.

It is a subreaper (prctl(2)): orphaned processes of the devices become its children, so that none escapes, not even with `setsid` or `nohup`
after a SIGKILL to the daemon. It imports little, because it must start quickly and never break.

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
from harness.virtual.registry import record_path, remove

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> None:
    """Run a farm, and exit with the daemon's exit code."""
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
        # Imported late: the guardian itself does not need the daemon's imports.
        from harness.virtual.daemon import run

        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
        code = run(folder)
        sys.stdout.flush()
        # Not sys.exit: a thread that hangs in a file operation must not keep the process alive.
        os._exit(code)

    def forward(number: int, frame: object) -> None:
        os.kill(daemon, signal.SIGTERM)

    for number in _FORWARDED:
        signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    # The pipes to the starter are the daemon's: if they stayed open here, the starter would not see the daemon's end.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    status = _wait_for(daemon)
    _end_orphans()
    remove_tree(folder)
    remove(record_path(folder))
    sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _wait_for(daemon: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == daemon:
            return status


def _end_orphans() -> None:
    """Kill every child, and every process that thereby becomes a child, until none is left."""
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
            # The name, in parentheses, may contain anything; the parent's id is the second word after it.
            if int(stat.rpartition(")")[2].split()[1]) == me:
                found.append(int(entry.name))
    return found


if __name__ == "__main__":
    main()
