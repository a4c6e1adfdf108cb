"""Opens large .npz files without reading them into memory: unpacks the arrays to a temporary folder and maps them from there."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import SetupError, UsageError
from harness.files.zip_archive import DAMAGED
from harness.models.arrays_file import mistakes_named, read_arrays

LARGE_BYTES = 256 << 20
"""Unpacked size from which arrays are mapped."""


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
    arrays: dict[str, NDArray[Any]] = {}
    with mistakes_named(path), zipfile.ZipFile(path) as archive:
        for number, member in enumerate(archive.infolist()):
            if member.header_offset + member.compress_size > archive.start_dir:
                raise zipfile.BadZipFile(f"{member.filename} is longer than its place")  # else read as far as possible
            unpacked = folder / f"{number}.npy"
            with archive.open(member) as source, unpacked.open("wb") as target:
                try:
                    shutil.copyfileobj(source, target, 1 << 20)
                except OSError as error:
                    raise SetupError(
                        f"cannot unpack {path} to {folder.parent}: {error.strerror}",
                        remedy="TMPDIR=DIR names another place",
                    ) from None
            arrays[member.filename.removesuffix(".npy")] = np.load(unpacked, mmap_mode="r", allow_pickle=False)
    if not arrays:
        raise UsageError(f"{path} holds no array")
    return arrays
