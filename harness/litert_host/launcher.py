"""Writes the executable file that stands in for `benchmark_model` on a virtual device."""

from __future__ import annotations

import hashlib
import importlib.metadata
import shlex
import sys
from pathlib import Path

from harness.litert_host.library import library_path

_START = "import sys; sys.path.insert(0, sys.argv[1]); from harness.litert_host.program import main; main(sys.argv[2], sys.argv[3:])"


def content_digest() -> str:
    """Return the SHA-256 of what the launcher runs: this package's code and LiteRT's library.

    Raises:
        SetupError: ai-edge-litert is not installed.
    """
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parent
    for source in [*sorted(package.glob("*.py")), package.parent / "__init__.py", package.parent / "errors.py"]:
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    library = library_path()
    digest.update(f"{importlib.metadata.version('ai-edge-litert')} {library.stat().st_size}".encode())
    return digest.hexdigest()


def launcher_text() -> str:
    """Return the shell script that starts this interpreter, isolated from its caller's folder and variables.

    Its digest changes with the code, because files are deployed by the hash of their content.

    Raises:
        SetupError: ai-edge-litert is not installed.
    """
    root = Path(__file__).resolve().parents[2]
    return (
        "#!/bin/sh\n"
        f"# benchmark_model on LiteRT {importlib.metadata.version('ai-edge-litert')} of the host; content {content_digest()}\n"
        f'exec {shlex.quote(sys.executable)} -I -c {shlex.quote(_START)} {shlex.quote(str(root))} "$0" "$@"\n'
    )


def write_launcher(path: Path) -> None:
    """Write the launcher and make it executable.

    Args:
        path: the file to write.

    Raises:
        SetupError: ai-edge-litert is not installed.
        OSError: the file cannot be written.
    """
    path.write_text(launcher_text(), encoding="utf-8")
    path.chmod(0o755)
