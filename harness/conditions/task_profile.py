"""Task profile: the scheduling class that Android gives a process (`settaskprofile`, Android 13 and later; some need root).

Unlike the other settings it belongs to the process, not to the device: each trial's shell applies it before it becomes the benchmark, and
it is gone with that.
"""

from __future__ import annotations


def apply_task_profile(profile: str, root: str | None) -> str:
    """Shell text for the trial's own shell (`$$`): tried as it is, then as root. Exit code 0 where it was accepted.

    Args:
        profile: its name; letters, digits and underscores.
        root: how to become root, None where that is not possible.
    """
    plain = f"settaskprofile $$ {profile} >/dev/null 2>&1"
    if not root:
        return plain
    # In double quotes: `$$` is expanded by the trial's shell, not by root's.
    return f'{plain} || {root} "settaskprofile $$ {profile}" >/dev/null 2>&1'


def probe_script() -> str:
    """Prints `yes` where the shell may change its own profile. What it changes ends with the subshell."""
    return "sh -c 'settaskprofile $$ HighPerformance' >/dev/null 2>&1 && echo yes"
