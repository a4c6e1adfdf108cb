"""Writes the executable file that stands in for `benchmark_model` on a virtual device."""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
import re
import shlex
import sys
from pathlib import Path

from harness.litert_host.library import library_path

_START = "import sys; sys.path.insert(0, sys.argv[1]); from harness.litert_host.program import main; main(sys.argv[2], sys.argv[3:]{extra})"
_BUILD = re.compile(r"[A-Za-z0-9._-]*")
_CONTENT = re.compile(rb"^# benchmark_model on LiteRT \S+ of the host; content ([0-9a-f]{64})$", re.MULTILINE)


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


def content_named_in(launcher: bytes) -> str | None:
    """Return the digest that a launcher's text names; None if the text is no launcher's.

    A launcher runs the code that is installed now. It is the program that it was only while `content_digest` is the same.
    """
    found = _CONTENT.search(launcher)
    return found[1].decode() if found else None


def launcher_text(*, extra_work: float = 0.0, build: str = "") -> str:
    """Return the shell script that starts this interpreter, isolated from its caller's folder and variables.

    Its digest changes with the code, because files are deployed by the hash of their content.

    Args:
        extra_work: share of each inference that the program works longer (`harness.litert_host.extra_work`): 0.1 makes it a tenth slower.
        build: a word for the file alone, which gives it another hash: letters, digits and `._-`.

    Raises:
        SetupError: ai-edge-litert is not installed.
        ValueError: `build` is no such word, or `extra_work` is negative or no number.
    """
    root = Path(__file__).resolve().parents[2]
    start = _START.format(extra=extra_argument(extra_work))
    return (
        "#!/bin/sh\n"
        f"# benchmark_model on LiteRT {importlib.metadata.version('ai-edge-litert')} of the host; content {content_digest()}\n"
        f"{_marks(extra_work, build)}"
        f'exec {shlex.quote(sys.executable)} -I -c {shlex.quote(start)} {shlex.quote(str(root))} "$0" "$@"\n'
    )


def extra_argument(extra_work: float) -> str:
    """Return the text of the argument that hands the share on; empty for none.

    Raises:
        ValueError: it is negative or no number.
    """
    if not 0 <= extra_work < math.inf:
        raise ValueError(f"not a share of extra work: {extra_work}")
    return f", extra_work={float(extra_work)!r}" if extra_work else ""


def _marks(extra_work: float, build: str) -> str:
    """Return comment lines that say what sets this launcher apart."""
    if not _BUILD.fullmatch(build):
        raise ValueError(f"not a word for a build: {build!r}")
    marks = f"# build {build}\n" if build else ""
    return marks + (f"# extra work: {extra_work:.0%} of the time of each inference\n" if extra_work else "")


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
