"""What a build depends on besides its source and its flags: which Bazel, and what this machine's files and environment tell it.

Sources: Bazel's documentation of bazelrc files (system, home) and of bazelisk (`USE_BAZEL_VERSION`), and the environment that its C++
toolchain configuration reads (`cc_configure.bzl`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

_RC_FILES = (Path("/etc/bazel.bazelrc"), Path("~/.bazelrc"), Path("~/.bazeliskrc"))
_NAMES = {"CC", "CXX", "CPLUS_INCLUDE_PATH", "USE_BAZEL_VERSION"}
_PREFIXES = ("BAZEL_", "TF_", "HERMETIC_")


def find_bazel() -> str | None:
    """Path of bazelisk, else of bazel; `$BAZEL` names another."""
    named = os.environ.get("BAZEL")
    for name in (named,) if named else ("bazelisk", "bazel"):
        if name and (path := shutil.which(name)):
            return path
    return None


def bazel_identity() -> tuple[str, int, int] | None:
    """Path, size and time of the program that is called for Bazel: another program, or an update in place, is another Bazel."""
    path = find_bazel()
    if path is None:
        return None
    found = Path(path).stat()
    return path, found.st_size, found.st_mtime_ns


def machine_settings() -> dict[str, str]:
    """Hashes of the bazelrc files outside of the tree, and the environment that Bazel reads."""
    settings = {name: value for name, value in os.environ.items() if name in _NAMES or name.startswith(_PREFIXES)}
    for file in _RC_FILES:
        try:
            settings[str(file)] = hashlib.sha256(file.expanduser().read_bytes()).hexdigest()
        except (OSError, RuntimeError):  # not there, or nobody's home
            continue
    return settings
