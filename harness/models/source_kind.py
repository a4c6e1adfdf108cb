"""Tells what a source is by its content, and hashes it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.errors import UsageError


def source_hash(path: Path) -> str:
    """Return the SHA-256 of a file; of a folder, that of its files' names and contents in order.

    Raises:
        UsageError: a file cannot be read.
    """
    whole = hashlib.sha256()
    try:
        if not path.is_dir():
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        for one in sorted(file for file in path.rglob("*") if file.is_file()):
            with one.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").digest()
            whole.update(one.relative_to(path).as_posix().encode("utf-8", "surrogateescape") + b"\0" + content)
    except OSError as error:
        raise UsageError(f"{error.filename or path} cannot be read: {error.strerror}") from None
    return whole.hexdigest()
