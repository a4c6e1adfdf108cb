"""Keeps the models and binaries of runs by their SHA-256, so that old and new can be measured again.

BASE/AB/SHA256      a file, read-only; AB is the beginning of its hash
BASE/.lock          held while a file is added or removed

A file gets its name in one step, once it is complete and synced. Its modification time is its last use: if the store is full, the files
that nobody used for longest go first.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.errors import UsageError
from harness.files.lock import held
from harness.files.user_folders import blobs_folder
from harness.files.whole_file import put_in_place, unfinished, writing

VARIABLE = "HARNESS_BLOBS_MAX"
"""Environment variable with the limit for all files together, such as `20GB`."""
DEFAULT_MAX = 20 * 10**9

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_CHUNK = 1 << 20


def parse_size(words: str, named: str) -> int:
    """Read a size in bytes.

    Args:
        words: a number with a unit: `500MB`, `20 GB`, or plain bytes.
        named: the option or variable that it comes from.

    Raises:
        UsageError: it is no size.
    """
    found = _SIZE.fullmatch(words.strip())
    if found is None:
        raise UsageError(f"{named}: {words!r} is no size", remedy="such as 20GB or 500MB")
    size = float(found[1]) * _UNITS[found[2].lower()]
    if math.isinf(size):
        raise UsageError(f"{named} is no size: there is no disk so large", remedy="such as 20GB or 500MB")
    return round(size)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A file of the store."""

    sha256: str
    size_bytes: int
    used_at: float
    """Seconds since 1970."""


class BlobStore:
    """The kept files of this user.

    Args:
        root: its folder; made when the first file is added.
        max_bytes: the limit for all files together; by default `HARNESS_BLOBS_MAX`, else 20 GB.

    Raises:
        UsageError: the environment variable is no size.
    """

    def __init__(self, root: Path | None = None, *, max_bytes: int | None = None) -> None:
        self.root = root if root is not None else blobs_folder()
        named = os.environ.get(VARIABLE)
        if max_bytes is None:
            max_bytes = parse_size(named, VARIABLE) if named else DEFAULT_MAX
        self.max_bytes = max_bytes

    def path(self, sha256: str) -> Path | None:
        """Return a kept file after checking its content; None if it is missing or damaged."""
        file = self._place(sha256)
        if file is None or not _holds(file, sha256):
            return None
        _touch(file)
        return file

    def keep(self, source: Path, sha256: str, *, executable: bool = False, used: Collection[str] = ()) -> str | None:
        """Keep a copy of a file, if it still has the hash; older files make room.

        Args:
            source: the file; it stays where it is.
            sha256: the hash that it must have.
            executable: whether it is a program.
            used: hashes of files that must not make room for it.

        Returns:
            None if the file is in the store now; else why it is not.

        Raises:
            SetupError: the store cannot be written. No half-written file is left.
        """
        file = self._place(sha256)
        if file is None:
            return f"{sha256!r} is no hash"
        if self.path(sha256) is not None:
            return None
        try:
            seen = source.stat()
            if not stat.S_ISREG(seen.st_mode):  # opening a pipe would wait for its writer, with the lock held
                return f"{source} is no file"
            size = seen.st_size
            with self._locked(), source.open("rb") as stream:
                if not self._make_room(self.max_bytes - size, {*used, sha256}):
                    return f"its {size / 1e6:.1f} MB do not fit into {self.max_bytes / 1e9:g} GB beside the files that must stay"
                return (
                    None if _copied(stream, size, file, sha256, executable) else f"{source} has changed since the run"
                )
        except FileNotFoundError:
            return f"{source} is gone"
        except OSError as error:
            return f"{source} cannot be read: {error.strerror}"

    def prune(self, *, used: Collection[str] = (), dry_run: bool = False) -> tuple[KeptFile, ...]:
        """Remove the files that nobody used for longest until the others fit, and what a killed process left behind.

        Args:
            used: hashes of files that must stay.
            dry_run: only return them.

        Returns:
            The removed files.

        Raises:
            SetupError: one cannot be removed.
        """
        if not self.root.is_dir():
            return ()
        with self._locked():
            gone = self._surplus(self.max_bytes, used)
            if not dry_run:
                self._remove(gone)
                for part in self.root.glob("??/.part-*"):  # nobody writes while the lock is held
                    with writing(part):
                        part.unlink(missing_ok=True)
            return gone

    def files(self) -> tuple[KeptFile, ...]:
        """Return all kept files, the one that nobody used for longest first."""
        found = []
        for file in self.root.glob("??/*"):
            if _SHA256.fullmatch(file.name):
                with contextlib.suppress(FileNotFoundError):
                    seen = file.stat()
                    found.append(KeptFile(sha256=file.name, size_bytes=seen.st_size, used_at=seen.st_mtime))
        return tuple(sorted(found, key=lambda one: (one.used_at, one.sha256)))

    def _place(self, sha256: str) -> Path | None:
        return self.root / sha256[:2] / sha256 if _SHA256.fullmatch(sha256) else None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with held(self.root / ".lock"):
            yield

    def _surplus(self, limit: int, used: Collection[str]) -> tuple[KeptFile, ...]:
        """The files that must go so that the rest takes at most `limit` bytes."""
        every = self.files()
        excess = sum(one.size_bytes for one in every) - limit
        gone = []
        for one in every:
            if excess <= 0:
                break
            if one.sha256 not in used:
                gone.append(one)
                excess -= one.size_bytes
        return tuple(gone)

    def _make_room(self, limit: int, used: Collection[str]) -> bool:
        """Remove files until the rest takes at most `limit` bytes; if that is not possible, none."""
        gone = self._surplus(limit, used)
        if sum(one.size_bytes for one in self.files()) - sum(one.size_bytes for one in gone) > limit:
            return False
        self._remove(gone)
        return True

    def _remove(self, gone: Collection[KeptFile]) -> None:
        for one in gone:
            file = self._place(one.sha256)
            if file is not None:
                with writing(file):
                    file.unlink(missing_ok=True)


def _holds(file: Path, sha256: str) -> bool:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _touch(file: Path) -> None:
    # If we may not touch it, it is removed a little too early.
    with contextlib.suppress(OSError):
        os.utime(file)


def _copied(stream: IO[bytes], size: int, file: Path, sha256: str, executable: bool) -> bool:
    """Copy a stream to a file of the store. Return False, and leave no file, if its size or hash is wrong."""
    digest, copied = hashlib.sha256(), 0
    part = unfinished(file)
    try:
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            out = part.open("xb")
        with out:
            while chunk := stream.read(_CHUNK):
                copied += len(chunk)
                if copied > size:  # it grew while we read it
                    return False
                digest.update(chunk)
                with writing(file):
                    out.write(chunk)
            with writing(file):
                out.flush()
                os.fsync(out.fileno())
        if digest.hexdigest() != sha256:
            return False
        with writing(file):
            part.chmod(0o555 if executable else 0o444)
            put_in_place(part, file, durable=True)
        return True
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
