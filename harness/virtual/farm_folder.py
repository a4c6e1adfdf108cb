"""A farm's folder: locked while a process of the farm is alive; after that the next start removes it.

BASE/farm-ID/   lock, config.json, daemon.log, adb-home/, devices/SERIAL/
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness.errors import SetupError
from harness.files.lock import is_free, lock_if_free

_UNFINISHED, _FINISHED = "new-", "farm-"
_ABANDONED_S = 600.0
"""Seconds after which an unlocked folder counts as abandoned."""


def default_base() -> Path:
    """Return this user's folder in the system's temporary folder.

    Raises:
        SetupError: another user owns it.
    """
    base = Path(tempfile.gettempdir()) / f"litert-device-harness-{os.getuid()}"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = base.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise SetupError(f"{base} is not a private folder of this user", remedy="remove it, or set TMPDIR")
    return base


def create(base: Path) -> tuple[Path, int]:
    """Make a new folder and the descriptor that locks it. Processes that inherit the descriptor keep the folder from being removed.

    Raises:
        OSError: the folder cannot be made.
    """
    name = secrets.token_hex(4)
    unfinished = base / (_UNFINISHED + name)
    unfinished.mkdir(mode=0o700, parents=True)
    lock = os.open(unfinished / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    lock_if_free(lock)  # no other process knows the folder yet
    # Only folders with a final name are swept, and it gets that name once the lock is held.
    return unfinished.rename(base / (_FINISHED + name)), lock


def sweep(base: Path) -> list[Path]:
    """Remove the folders of dead farms, and return them."""
    swept = []
    for folder in base.glob(_FINISHED + "*"):
        if is_dead(folder):
            remove_tree(folder)
            swept.append(folder)
    for folder in base.glob(_UNFINISHED + "*"):
        try:
            age_s = time.time() - folder.lstat().st_mtime
        except FileNotFoundError:
            continue  # another start has just given it its final name
        if age_s > _ABANDONED_S:
            remove_tree(folder)
            swept.append(folder)
    return swept


def is_dead(folder: Path) -> bool:
    """Return whether no process of the folder's farm is alive."""
    try:
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        # A removal was interrupted, or another sweep is removing it: either can be finished here.
        return folder.is_dir()
    except OSError:
        return False
    try:
        return is_free(lock)
    finally:
        os.close(lock)


def remove_tree(folder: Path) -> None:
    """Remove a tree, also below folders without permissions. What cannot be removed stays."""

    def open_up_and_retry(function: Callable[..., object], path: str, error: object) -> None:
        parent = Path(path).parent
        try:
            for shut in (parent, Path(path)):
                if shut.is_dir() and not shut.is_symlink():
                    shut.chmod(0o700)
            if Path(path).is_dir() and not Path(path).is_symlink():
                shutil.rmtree(path)
            else:
                Path(path).unlink(missing_ok=True)
        except OSError:
            return

    shutil.rmtree(folder, onerror=open_up_and_retry)
