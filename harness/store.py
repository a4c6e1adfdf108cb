"""A run on disk: `manifest.json`, `trials.jsonl`, `logs/TRIAL/`. It only ever grows.

Each finished trial is one line, appended and fsynced, so a killed controller loses at most the trial in flight. A last line without
its newline is what a kill in the middle of a write leaves behind: readers pass over it, the next writer cuts it off.

Format history (`format_version` in the manifest):
    1   first version
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.errors import SetupError, UsageError
from harness.records import Artifact, DeviceInfo, Impossible, ModelRef, Result, Scalar, Trial

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
TRIALS = "trials.jsonl"
LOGS = "logs"

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a run was meant to do, with what, and where. Written once, before the first trial."""

    run_id: str
    suite: str
    """The suite's name."""
    suite_text: str
    """The suite file as given."""
    suite_path: str | None = None
    started_at: datetime
    harness_version: str
    host: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[DeviceInfo, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    models: tuple[ModelRef, ...] = ()
    trials: tuple[Trial, ...] = ()
    """Every trial in the order in which it was scheduled: what `--resume` works off."""
    impossible: tuple[Impossible, ...] = ()
    """Trials that a device cannot run at all; recorded as skipped."""
    seed: int | None = None
    baseline: Mapping[str, Scalar] | None = None
    format_version: int = FORMAT_VERSION

    @property
    def planned(self) -> tuple[Trial, ...]:
        """Everything that ends in a result: what runs and what is recorded as skipped."""
        return (*self.trials, *(item.trial for item in self.impossible))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run read back. `results` holds each finished trial once, in the order in which they finished."""

    path: Path
    manifest: Manifest
    results: tuple[Result, ...]


_MANIFEST: TypeAdapter[Manifest] = TypeAdapter(Manifest)
_RESULT: TypeAdapter[Result] = TypeAdapter(Result)


class RunStore:
    """The writing end of a run. One process at a time: the trials file is locked while it is open.

    Use `create` or `open`; use as a context manager.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        # Unbuffered: what a failed write leaves behind must not reach the file with a later close.
        self._file = (path / TRIALS).open("ab+", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise SetupError(
                f"{path} is being written by another harness process", remedy="wait for it, or choose another --out"
            ) from None
        self._cut_torn_line()

    @classmethod
    def create(cls, path: Path, manifest: Manifest) -> RunStore:
        """Make a new run.

        Raises:
            UsageError: `path` holds a run already, or is a file.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise UsageError(f"{path} is not a folder", remedy="name a new folder") from None
        except OSError as error:
            raise UsageError(f"cannot make {path}: {error.strerror}") from None
        if (path / MANIFEST).exists():
            raise UsageError(
                f"{path} already holds a run", remedy=f"go on with it: --resume {path}; or choose another --out"
            )
        _write_atomically(path / MANIFEST, _dump(_MANIFEST, manifest, indent=1) + "\n")
        (path / LOGS).mkdir(exist_ok=True)
        return cls(path, manifest)

    @classmethod
    def open(cls, path: Path) -> RunStore:
        """Open an existing run to go on with it.

        Raises:
            UsageError: there is no run, or it was written by a newer harness.
        """
        return cls(path, read_manifest(path))

    def results(self) -> tuple[Result, ...]:
        """What is finished so far."""
        return _read_results(self.path)

    def extend_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest by one that holds more (used where recorded logs extend a run). The file changes atomically."""
        _write_atomically(self.path / MANIFEST, _dump(_MANIFEST, manifest, indent=1) + "\n")
        self.manifest = manifest

    def append(self, result: Result) -> None:
        """Write one finished trial; it is on the disk when this returns.

        Raises:
            SetupError: the disk is full or the folder is gone. Nothing half-written counts.
        """
        line = _dump(_RESULT, result).encode() + b"\n"
        end = self._file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # else readers and the next writer see to the torn line
                self._file.truncate(end)
            raise SetupError(
                f"cannot write {self.path / TRIALS}: {error.strerror}",
                remedy=f"free some room, then --resume {self.path}",
            ) from error

    def log_dir(self, trial_id: str) -> Path:
        """Folder for a trial's raw output, made if needed."""
        if not _SAFE_NAME.fullmatch(trial_id):
            raise ValueError(f"not a trial id: {trial_id!r}")
        folder = self.path / LOGS / trial_id
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"cannot make {folder}: {error.strerror}", remedy="free some room") from error
        return folder

    def close(self) -> None:
        """Release the run."""
        self._file.close()

    def __enter__(self) -> RunStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _cut_torn_line(self) -> None:
        size = self._file.seek(0, os.SEEK_END)
        if size == 0:
            return
        window = 1 << 20
        position = size
        while position > 0:
            start = max(0, position - window)
            self._file.seek(start)
            newline = self._file.read(position - start).rfind(b"\n")
            if newline >= 0:
                self._file.truncate(start + newline + 1)
                return
            position = start
        self._file.truncate(0)


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """For work on very many results: they hold no cycles, yet the collector would look through all of them again and again.

    With a million op rows that is half of the time of reading them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def load_run(path: Path) -> Run:
    """Read a run.

    Raises:
        UsageError: there is no run at `path`, it is damaged (file and line are named), or a newer harness wrote it.
    """
    return Run(path=path, manifest=read_manifest(path), results=_read_results(path))


def read_manifest(path: Path) -> Manifest:
    """Read a run's manifest.

    Raises:
        UsageError: as `load_run`.
    """
    file = path / MANIFEST
    try:
        data = json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{path} holds no run: {MANIFEST} is missing") from None
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{file} is damaged: {error}") from None
    version = data.get("format_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise UsageError(
            f"{file} has format {version}, this harness reads up to {FORMAT_VERSION}",
            remedy="upgrade the harness that reads it",
        )
    try:
        return _MANIFEST.validate_python(data)
    except ValidationError as error:
        raise UsageError(f"{file} is damaged: {_first(error)}") from None


def _read_results(path: Path) -> tuple[Result, ...]:
    file = path / TRIALS
    if not file.exists():
        return ()
    results: list[Result] = []
    seen: dict[str, Result] = {}
    with collector_paused(), file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.endswith(b"\n"):
                break
            try:
                result = _RESULT.validate_json(line)
            except ValidationError as error:
                raise UsageError(f"{file}:{number} is damaged: {_first(error)}") from None
            known = seen.get(result.trial.trial_id)
            if known == result:
                continue  # the same line twice says nothing new
            if known is not None:
                raise UsageError(f"{file}:{number} holds another result of trial {result.trial.trial_id}")
            seen[result.trial.trial_id] = result
            results.append(result)
    return tuple(results)


def _dump(adapter: TypeAdapter[Any], value: object, *, indent: int | None = None) -> str:
    return adapter.dump_json(value, indent=indent).decode()


def _first(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}"


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}") from error
