"""What a process id and a port mean: which kernel and which namespace they belong to. Containers of one host may have their own."""

from __future__ import annotations

from pathlib import Path


def pids_of_this_process() -> str:
    """Return the scope of this process's id: the boot of the kernel and the namespace. Empty if that cannot be read."""
    return _scope("pid")


def network_of_this_process() -> str:
    """Return the scope of the ports of this process, likewise."""
    return _scope("net")


def _scope(kind: str) -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = Path(f"/proc/self/ns/{kind}").stat().st_ino
    except OSError:
        return ""
    return f"{boot}.{namespace}"
