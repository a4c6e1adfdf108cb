"""Task profile: the scheduling class that Android gives a process (`settaskprofile`, Android 13 and later; some need root).

It belongs to the process, not to the device: the shell that starts the benchmarks gets it, they inherit it, and it ends with them.
"""

from __future__ import annotations


def apply_task_profile(profile: str, root: str | None) -> str:
    """Return shell text that gives it to the process `$L`, and tries without root first. Exit code 0 means success.

    Args:
        profile: its name; letters, digits and underscores.
        root: how to become root (see `as_root`); None if impossible.
    """
    plain = f"settaskprofile $L {profile} >/dev/null 2>&1"
    if not root:
        return plain
    # In double quotes, so that the trial's shell expands `$L`, not root's.
    return f'{plain} || {root} "settaskprofile $L {profile}" >/dev/null 2>&1'


def probe_script() -> str:
    """Return shell text that prints `yes` if the shell may change its own profile. The change ends with the subshell."""
    return "sh -c 'settaskprofile $$ HighPerformance' >/dev/null 2>&1 && echo yes"
