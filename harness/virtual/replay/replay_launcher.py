"""Writes the `benchmark_model` for a virtual device: real inference, and the recordings that its profile names."""

from __future__ import annotations

import hashlib
import shlex
import sys
from pathlib import Path

from harness.litert_host.launcher import launcher_text
from harness.virtual.android.userland import host_userland
from harness.virtual.replay.recordings import VARIABLE
from harness.virtual.replay.waiting import waiting_text

_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from harness.virtual.replay.replay_program import main; main(sys.argv[2], sys.argv[3:])"
)


def replay_digest() -> str:
    """Return the SHA-256 of recordings and replay code. The launcher holds it, because files are pushed by the hash of their content."""
    digest = hashlib.sha256()
    folder = Path(__file__).resolve().parent
    for source in [
        *sorted(folder.glob("*.py")),
        *sorted((folder / "data").glob("*.log")),
        *sorted((folder / "data").glob("*.pb")),
    ]:
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()


def write_launcher(path: Path) -> None:
    """Write the launcher and make it executable. Without recordings it costs two tests in the shell.

    Args:
        path: the file to write.

    Raises:
        SetupError: ai-edge-litert is not installed.
        OSError: the file cannot be written.
    """
    _, _, rest = launcher_text().partition("\n")
    # Android's shell needs no program to tell the time, and is on every device of this host, in namespaces or not.
    shell = host_userland().mksh or "/bin/sh"
    root = Path(__file__).resolve().parents[3]
    replay = f'exec {shlex.quote(sys.executable)} -I -c {shlex.quote(_START)} {shlex.quote(str(root))} "$0" "$@"'
    path.write_text(
        f'#!{shell}\n# recordings {replay_digest()}\n{waiting_text()}[ -z "${VARIABLE}" ] || {replay}\n{rest}',
        encoding="utf-8",
    )
    path.chmod(0o755)
