"""Opens large .npz files without reading them into memory: unpacks the arrays to a temporary folder and maps them from there."""

from __future__ import annotations

import itertools
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import SetupError
from harness.files.zip_archive import DAMAGED
from harness.models.arrays_file import load_members, read_arrays

LARGE_BYTES = 256 << 20
"""Unpacked size from which arrays are mapped."""
_CHUNK = 1 << 20


@contextmanager
def open_arrays(path: Path, *, large_bytes: int = LARGE_BYTES) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield all arrays of an .npz file, read-only. They are valid only inside the block.

    Raises:
        UsageError: as `read_arrays`.
        SetupError: the temporary folder has no space.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            large = sum(member.file_size for member in archive.infolist()) >= large_bytes
    except (*DAMAGED, OSError):
        large = False  # read_arrays reports what is wrong
    if not large:
        yield read_arrays(path)
        return
    with tempfile.TemporaryDirectory(prefix="harness-arrays-") as scratch:
        yield _mapped(path, Path(scratch))


def _mapped(path: Path, folder: Path) -> dict[str, NDArray[Any]]:
    numbers = itertools.count()

    def unpacked(member: IO[bytes]) -> NDArray[Any]:
        file = folder / f"{next(numbers)}.npy"
        with file.open("wb") as target:
            # An error of reading is the archive's.
            while chunk := member.read(_CHUNK):
                try:
                    target.write(chunk)
                    target.flush()
                except OSError as error:
                    raise SetupError(
                        f"cannot unpack {path} to {folder.parent}: {error.strerror}",
                        remedy="TMPDIR=DIR names another place",
                    ) from None
        return np.lib.format.open_memmap(file, mode="r")

    return load_members(path, unpacked)
