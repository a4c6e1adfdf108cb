"""What a build depends on besides its source and its flags: Bazel itself, and this machine's files and environment.

Sources: Bazel's documentation of bazelrc files (system, home) and of bazelisk (`USE_BAZEL_VERSION`); `cc_configure.bzl` for the environment
    that the C++ toolchain reads.
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
    """Return the path of bazelisk, else of bazel; `$BAZEL` overrides both."""
    named = os.environ.get("BAZEL")
    for name in (named,) if named else ("bazelisk", "bazel"):
        if name and (path := shutil.which(name)):
            return path
    return None


def bazel_identity() -> tuple[str, int, int] | None:
    """Identify Bazel by its path, size and time, so that another program or an update in place counts as another Bazel."""
    path = find_bazel()
    if path is None:
        return None
    found = Path(path).stat()
    return path, found.st_size, found.st_mtime_ns


def machine_settings() -> dict[str, str]:
    """Return hashes of the bazelrc files outside the tree, and the environment that Bazel reads."""
    settings = {name: value for name, value in os.environ.items() if name in _NAMES or name.startswith(_PREFIXES)}
    for file in _RC_FILES:
        try:
            settings[str(file)] = hashlib.sha256(file.expanduser().read_bytes()).hexdigest()
        except (OSError, RuntimeError):  # missing, or there is no home folder
            continue
    return settings
