"""The store of binaries: each is kept once by its content, with records of where it came from.

BASE/programs/SHA256/benchmark_model   the program, read-only and executable
BASE/records/ID.json                   one origin of a program; two builds with the same bytes are two records of one program
BASE/help/SHA256.txt                   what the program printed for `--help` on the first device that ran it
BASE/downloads/                        unfinished downloads, and the hashes first seen at each address
BASE/logs/, BASE/sources/              Bazel's logs; checkouts of revisions

A file gets its final name in one step, once it is whole, synced and executable. So a half-written file is never found or run.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from harness.binaries.elf import ProgramFile, read_program
from harness.binaries.record import FORMAT, BinaryRecord, described
from harness.errors import SetupError, UsageError
from harness.files.user_folders import binaries_folder
from harness.files.whole_file import put_in_place, unfinished, write_whole, writing

_CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PREFIX = re.compile(r"[0-9a-f]{8,64}")


_RECORD: TypeAdapter[BinaryRecord] = TypeAdapter(BinaryRecord)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class BinaryStore:
    """The binaries of this user.

    Args:
        root: its folder; made when something is added.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root if root is not None else binaries_folder()

    def folder(self, name: Literal["downloads", "logs", "sources"]) -> Path:
        """Return a working folder, made if needed.

        Raises:
            SetupError: the folder cannot be made.
        """
        path = self.root / name
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
        return path

    def add(self, path: Path, record: BinaryRecord) -> BinaryRecord:
        """Copy a program in and record it.

        Args:
            path: the program; it stays where it is.
            record: its origin; `sha256`, `size_bytes` and the facts of the ELF header are filled in from the file itself.

        Returns:
            The stored record.

        Raises:
            UsageError: the file is not a whole program.
            SetupError: the disk is full or the folder is not writable. Nothing half-written is left.
        """
        # Checked before copying: /dev/zero or a disk image would fill the disk.
        read_program(path)
        programs = self.root / "programs"
        with writing(programs):
            programs.mkdir(parents=True, exist_ok=True)
            temporary = unfinished(programs / "benchmark_model")
            try:
                sha256, size = _copy(path, temporary)
                # The copy is examined, because the original may change meanwhile.
                seen = read_program_as(temporary, str(path))
                self._place(temporary, sha256)
            finally:
                temporary.unlink(missing_ok=True)
        kept = described(record, seen, sha256=sha256, size=size)
        self._write_record(kept)
        return kept

    def add_record(self, record: BinaryRecord) -> None:
        """Record another origin of a stored program.

        Raises:
            SetupError: the record cannot be written.
        """
        self._write_record(record)

    def records(self) -> tuple[BinaryRecord, ...]:
        """Return all records, oldest first.

        Raises:
            SetupError: a record is damaged, or a newer harness wrote it; the file is named.
        """
        folder = self.root / "records"
        try:
            paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
        except FileNotFoundError:
            paths = []
        except OSError as error:
            raise SetupError(f"{folder} cannot be read: {error.strerror}", remedy="see its permissions") from None
        found = [_read_record(path) for path in paths]
        here = [record for record in found if self._is_here(record)]
        return tuple(sorted(here, key=lambda record: (record.added_at, record.sha256)))

    def _is_here(self, record: BinaryRecord) -> bool:
        try:
            return self.program_file(record.sha256).is_file()
        except OSError:  # not readable; `path` reports why to whoever uses it
            return True

    def with_request(self, request: str) -> BinaryRecord | None:
        """Return the binary of an equal request, if it is still here and whole."""
        for record in reversed(self.records()):
            if record.request == request:
                try:
                    self.path(record)
                except SetupError:
                    return None
                return record
        return None

    def matching(self, selector: str) -> tuple[BinaryRecord, ...]:
        """Return the records that a word names: by the user's name, a revision or commit, a version, or the beginning of the hash."""
        every = self.records()
        named = tuple(record for record in every if record.name == selector)
        if named:
            return named
        revisions = tuple(r for r in every if selector in (r.revision_name, r.revision))
        if revisions:
            return revisions
        if not _PREFIX.fullmatch(selector):
            return ()
        return tuple(r for r in every if r.sha256.startswith(selector) or (r.revision or "").startswith(selector))

    def path(self, record: BinaryRecord) -> Path:
        """Return the program of a record, after checking its content.

        Raises:
            SetupError: the program is gone or damaged.
        """
        path = self.program_file(record.sha256)
        try:
            intact = sha256_of(path) == record.sha256
        except OSError as error:
            raise SetupError(f"{path} cannot be read: {error.strerror}", remedy="get it again: harness build") from None
        if not intact:
            raise SetupError(f"{path} has been changed", remedy=f"remove {path.parent} and get it again: harness build")
        return path

    def help_text(self, sha256: str) -> str | None:
        """Return a program's stored help text; None if no device has been asked yet."""
        try:
            return self._help(sha256).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def keep_help(self, sha256: str, text: str) -> None:
        """Store a help text. It is only a cache: if it cannot be written, the next run asks again."""
        with suppress(SetupError):
            write_whole(self._help(sha256), text.encode("utf-8", "replace"))

    def program_file(self, sha256: str) -> Path:
        """Return the place of a program by its hash. Nobody has checked that it is there, or whole."""
        return self.root / "programs" / sha256 / "benchmark_model"

    def _help(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"not a SHA-256: {sha256!r}")
        return self.root / "help" / f"{sha256}.txt"

    def _place(self, temporary: Path, sha256: str) -> None:
        final = self.program_file(sha256)
        if final.is_file() and sha256_of(final) == sha256:
            return
        final.parent.mkdir(exist_ok=True)
        temporary.chmod(0o555)
        put_in_place(temporary, final, durable=True)

    def _write_record(self, record: BinaryRecord) -> None:
        asked = f"{record.origin} {record.sha256} {record.request or record.source} {record.name or ''}"
        name = hashlib.sha256(asked.encode()).hexdigest()[:16]
        write_whole(
            self.root / "records" / f"{name}.json", _RECORD.dump_json(record, indent=1, exclude_none=True) + b"\n"
        )


def read_program_as(path: Path, shown: str, read: Callable[[Path], ProgramFile] = read_program) -> ProgramFile:
    """Read a program as `read` does, with errors that name the file as the user knows it.

    Raises:
        UsageError: as `read`.
    """
    try:
        return read(path)
    except UsageError as error:
        raise UsageError(error.message.replace(str(path), shown), remedy=error.remedy) from None


def _copy(source: Path, to: Path) -> tuple[str, int]:
    try:
        stream = source.open("rb")
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}") from None
    digest = hashlib.sha256()
    size = 0
    with stream, to.open("xb") as out:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest(), size


def _read_record(path: Path) -> BinaryRecord:
    try:
        record = _RECORD.validate_json(path.read_bytes())
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        place = "".join(f"{part}: " for part in detail["loc"])
        raise SetupError(f"{path} is damaged: {place}{detail['msg']}", remedy="remove that file") from None
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}", remedy="see its permissions") from None
    if record.format > FORMAT:
        raise SetupError(
            f"{path} has format {record.format}, this harness reads up to {FORMAT}",
            remedy="use the newer harness that wrote it, or another HARNESS_STATE_DIR",
        )
    return record
