"""Reads arrays by name from an untrusted .npz file: loads no pickles, and reports every mistake in one line."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, UsageError

Arrays = Mapping[str, NDArray[Any]]
"""Arrays by name. For samples, the names are those of inputs, and the first axis counts samples."""


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of an .npz file.

    Raises:
        UsageError: it is missing, no .npz, damaged, empty, or holds Python objects.
    """
    return load_members(path, lambda member: np.lib.format.read_array(io.BytesIO(member.read()), allow_pickle=False))


def load_members(path: Path, load: Callable[[IO[bytes]], NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Load each member of an .npz file as an array.

    NumPy's own reader stops where an array ends. It misses damaged numbers if the recorded size of the member is damaged too.

    Args:
        path: the file.
        load: loads a member, an .npy file, which it must read to its end: the checksum is compared there.

    Raises:
        UsageError: as `read_arrays`.
    """
    try:
        opened = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    arrays: dict[str, NDArray[Any]] = {}
    with opened, _mistakes_named(path):
        file = opened if opened.seekable() else io.BytesIO(opened.read())  # a pipe is read once
        beginning = file.read(6)
        file.seek(0)
        if beginning == b"\x93NUMPY":
            raise UsageError(f"{path} is one array (.npy)", remedy="save it by name: numpy.savez(FILE, NAME=array)")
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as member:
                    arrays[entry.filename.removesuffix(".npy")] = load(member)
    if not arrays:
        raise UsageError(f"{path} holds no array")
    return arrays


@contextmanager
def _mistakes_named(path: Path) -> Iterator[None]:
    """Turn any error from reading an .npz file inside the block into one line.

    Raises:
        UsageError: it is damaged, no .npz, or holds Python objects.
    """
    try:
        yield
    except HarnessError:
        raise
    # A broken header raises any error of Python's tokenizer, and a broken archive any error of its decompressor.
    except Exception as error:
        if isinstance(error, ValueError) and re.search("Object arrays|Python objects", str(error)):
            raise UsageError(
                f"{path} holds Python objects, which are not read",
                remedy="save arrays of numbers or of fixed-length text",
            ) from None
        raise UsageError(
            f"{path} is damaged or no .npz file", remedy="numpy.savez(FILE, NAME=array) writes one"
        ) from None


def sample_count(arrays: Arrays, path: Path | str) -> int:
    """Return the number of samples, which is the length of every array's first axis.

    Raises:
        UsageError: there are no samples, an array has no axis, or the arrays disagree.
    """
    lengths = {name: array.shape[0] if array.ndim else None for name, array in arrays.items()}
    for name, length in lengths.items():
        if length is None:
            raise UsageError(f"{path}: {name!r} is a single number; its first axis must count the samples")
        if length == 0:
            raise UsageError(f"{path}: {name!r} holds no sample")
    counts = set(lengths.values())
    if len(counts) != 1:
        shown = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise UsageError(f"{path}: the arrays differ in their number of samples: {shown}")
    return next(iter(counts)) or 0
