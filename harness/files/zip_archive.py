"""What is common to all readers of ZIP archives that strangers made."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError)
"""What `zipfile` raises for an archive that is damaged, encrypted, or of a version or a compression that it does not know."""


def zip_names(path: Path) -> list[str] | None:
    """Return the names of the files in an archive; None if it is no whole ZIP archive, or cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (*DAMAGED, OSError):
        return None
