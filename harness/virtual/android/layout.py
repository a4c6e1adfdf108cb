"""The files that each boot of a device makes again; `/data` and `/sdcard` stay."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

STANDARD_FOLDERS = (
    "apex",
    "cache",
    "dev/harness",
    "product/bin",
    "storage/emulated",
    "sys/class",
    "sys/devices",
    "system/bin",
    "system/etc",
    "vendor/bin",
)
_USERS = "root:x:0:0::/:/system/bin/sh\nshell:x:2000:2000::/:/system/bin/sh\nnobody:x:9999:9999::/:/bin/false\n"
_GROUPS = "root:x:0:\nshell:x:2000:\nnobody:x:9999:\n"
_MKSHRC = """# Read by interactive shells, as Android's own is.
: ${HOSTNAME:=localhost}
if [ "$(id -u)" = 0 ]; then PS1='${HOSTNAME}:${PWD:-?} # '; else PS1='${HOSTNAME}:${PWD:-?} $ '; fi
"""
ETC_FILES = {"system/etc/mkshrc": _MKSHRC, "system/etc/passwd": _USERS, "system/etc/group": _GROUPS}


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths are relative to the device's root. Parent folders of files need not be listed."""

    folders: tuple[str, ...] = STANDARD_FOLDERS
    links: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    """Executable files."""
    served: tuple[str, ...] = ()
    """Those of the files that the daemon should serve itself (`served_files`), where the backend can arrange it."""

    def write(self, root: Path) -> None:
        """Write the files below a folder of the host, and replace what an earlier boot left there (path mapping)."""
        paths = (*self.folders, *self.links, *self.files, *self.scripts)
        for top in sorted({path.partition("/")[0] for path in paths}):
            shutil.rmtree(root / top, ignore_errors=True)
        for folder in {*self.folders, *(path.rpartition("/")[0] for path in paths)}:
            (root / folder).mkdir(parents=True, exist_ok=True)
        for name, text in (*self.files.items(), *self.scripts.items()):
            path = root / name
            path.write_text(text)
            path.chmod(mode_of(name, executable=name in self.scripts))
        for name, target in self.links.items():
            (root / name).symlink_to(target)


def mode_of(name: str, *, executable: bool = False) -> int:
    """Return the permission bits. Below `/sys` nobody may write (the daemon's user is the device's `shell`)."""
    return 0o755 if executable else 0o444 if name.startswith("sys/") else 0o644
