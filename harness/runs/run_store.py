"""A run on disk: `manifest.json`, `trials.jsonl`, `logs/TRIAL/`, and `decisions.jsonl` of an adaptive run. It only ever grows. Beside the
trials' logs lies the harness's own (`run_log`).

Each finished trial is one line, appended and fsynced, so a killed controller loses at most the trial in flight; so is each decision
that a comparison was measured enough.

Format history (`format_version` in the manifest):
    1   first version
    2   adaptive runs: `adaptive` and `further` in the manifest, `decisions.jsonl`. An older harness would take the least number of
        blocks for all of it, and too narrow an interval for the right one
    3   trials that were repeated on request: `retried` in the manifest, and a trial in it may have several lines in `trials.jsonl`, of
        which the last counts. Only a run that has such trials is of this format
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from harness.errors import SetupError, UsageError
from harness.files.append_only import LineFile, whole_lines
from harness.files.lock import lock_if_free, lock_when_free
from harness.files.whole_file import write_whole
from harness.records import Artifact, CellKey, DeviceInfo, Impossible, ModelRef, Result, Scalar, Trial
from harness.records.adaptive_decisions import AdaptivePlan, Decision
from harness.runs.run_folder import DECISIONS, LOGS, MANIFEST, TRIALS, refuse_occupied

log = logging.getLogger(__name__)

FORMAT_VERSION = 3
"""The newest that this harness reads."""
_FORMAT_OF_A_NEW_RUN, _FORMAT_OF_RETRIES = 2, 3

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
    """Every trial that runs in any case, in the order in which it was scheduled: what `--resume` works off."""
    impossible: tuple[Impossible, ...] = ()
    """Trials that a device cannot run at all; recorded as skipped."""
    seed: int | None = None
    baseline: Mapping[str, Scalar] | None = None
    adaptive: AdaptivePlan | None = None
    """How an adaptive run finds its number of blocks; None where the suite fixes it."""
    further: tuple[Trial, ...] = ()
    """Trials of an adaptive run beyond its least number of blocks, in order: each runs only if its comparison needs it by then. One
    that did not run because it was not needed is not missing."""
    balanced: bool = False
    """Predecessors are balanced within its blocks, also where cells have dropped out. A run of a harness that shuffled them plainly keeps
    the order that it has."""
    resumed_by: tuple[str, ...] = ()
    """Versions of the harness, other than `harness_version`, that went on with it: what each measured may differ for that reason."""
    retried: tuple[str, ...] = ()
    """Trials that were to run again although they had a result: their last one counts."""
    format_version: int = _FORMAT_OF_A_NEW_RUN

    @property
    def planned(self) -> tuple[Trial, ...]:
        """Everything that ends in a result in any case: what runs and what is recorded as skipped."""
        return (*self.trials, *(item.trial for item in self.impossible))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run read back. `results` holds each finished trial once, in the order in which they finished."""

    path: Path
    manifest: Manifest
    results: tuple[Result, ...]
    damaged: tuple[int, ...] = ()
    """Lines of `trials.jsonl` that cannot be read; their trials count as not finished."""
    decisions: tuple[Decision, ...] = ()
    """Why an adaptive run measured its comparisons no longer: one for each that has ended, in the order of deciding."""


_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)
_MANIFEST: TypeAdapter[Manifest] = TypeAdapter(Manifest)
_RESULT: TypeAdapter[Result] = TypeAdapter(Result)


class RunStore:
    """The writing end of a run. One process at a time: the trials file is locked while it is open.

    Use `create` or `open`; use as a context manager.
    """

    def __init__(self, path: Path, manifest: Manifest, *, wait: bool = False) -> None:
        self.path = path
        self.manifest = manifest
        self._file = LineFile(path / TRIALS)
        self._decisions: LineFile | None = None
        self._again: set[str] = set()
        if wait:
            lock_when_free(self._file)
        elif not lock_if_free(self._file):
            self._file.close()
            raise SetupError(
                f"{path} is being written by another harness process", remedy="wait for it, or choose another --out"
            )
        self._file.cut_torn_line()
        log.info("writes run %s in %s", manifest.run_id, path)

    @classmethod
    def create(cls, path: Path, manifest: Manifest, *, wait: bool = False) -> RunStore:
        """Make a new run. A folder that is refused stays as it was.

        Args:
            path: its folder: a new one, or one that is empty.
            manifest: what it is to do.
            wait: wait for a process that writes there.

        Raises:
            UsageError: `path` holds a run or other files already, or is a file.
            SetupError: another process writes there, or the disk is full.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise UsageError(f"{path} is not a folder", remedy="name a new folder") from None
        except OSError as error:
            raise UsageError(f"cannot make {path}: {error.strerror}") from None
        refuse_occupied(path)
        try:
            store = cls(path, manifest, wait=wait)
        except OSError as error:
            raise UsageError(f"cannot write into {path}: {error.strerror}") from None
        try:
            # Again, with the lock: of two that come at once the second finds the first one's run. The manifest makes it a run, so it
            # comes last.
            refuse_occupied(path)
            (path / LOGS).mkdir(exist_ok=True)
            write_whole(path / MANIFEST, _manifest_file(manifest))
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, path: Path, *, wait: bool = False) -> RunStore:
        """Open an existing run to go on with it.

        Args:
            path: its folder.
            wait: wait for a process that writes there.

        Raises:
            UsageError: there is no run, or it was written by a newer harness.
            SetupError: another process writes there.
        """
        store = cls(path, read_manifest(path), wait=wait)
        try:
            store.manifest = read_manifest(path)  # with the lock: another process may have extended it meanwhile
        except BaseException:
            store.close()
            raise
        return store

    def results(self) -> tuple[Result, ...]:
        """What is finished so far."""
        return _read_results(self.path, self.manifest)[0]

    def extend_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest by one that holds more (used where recorded logs extend a run). The file changes atomically."""
        write_whole(self.path / MANIFEST, _manifest_file(manifest))
        self.manifest = manifest

    def retry(self, trial_ids: Collection[str]) -> None:
        """Let trials have another result, which then counts. What they logged so far is kept under another name once they run.

        Raises:
            SetupError: the manifest cannot be written.
        """
        retried = tuple(dict.fromkeys((*self.manifest.retried, *trial_ids)))
        self.extend_manifest(replace(self.manifest, retried=retried, format_version=_FORMAT_OF_RETRIES))
        self._again = set(trial_ids)

    def append(self, result: Result) -> None:
        """Write one finished trial; it is on the disk when this returns.

        Raises:
            SetupError: the disk is full or the folder is gone. Nothing half-written counts.
        """
        self._file.append(_RESULT.dump_json(result), remedy=self._remedy)

    def decisions(self) -> tuple[Decision, ...]:
        """What is decided so far."""
        return _read_decisions(self.path)

    def decide(self, decision: Decision) -> None:
        """Write that a comparison has been measured enough; it is on the disk when this returns.

        Raises:
            SetupError: as `append`.
        """
        if self._decisions is None:
            self._decisions = LineFile(self.path / DECISIONS)
            self._decisions.cut_torn_line()
        self._decisions.append(_DECISION.dump_json(decision), remedy=self._remedy)

    @property
    def _remedy(self) -> str:
        return f"free some room, then --resume {self.path}"

    def log_dir(self, trial_id: str) -> Path:
        """Folder for a trial's raw output, made if needed."""
        if not _SAFE_NAME.fullmatch(trial_id):
            raise ValueError(f"not a trial id: {trial_id!r}")
        folder = self.path / LOGS / trial_id
        try:
            if trial_id in self._again:
                self._again.discard(trial_id)
                _keep_aside(folder)
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"cannot make {folder}: {error.strerror}", remedy="free some room") from error
        return folder

    def close(self) -> None:
        """Release the run."""
        self._file.close()
        if self._decisions is not None:
            self._decisions.close()

    def __enter__(self) -> RunStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
        UsageError: there is no run at `path`, its manifest is damaged, two results contradict each other (file and line are named), or a
            newer harness wrote it. A line that cannot be read is passed over, and the log says so.
    """
    manifest = read_manifest(path)
    results, damaged = _read_results(path, manifest)
    return Run(path=path, manifest=manifest, results=results, damaged=damaged, decisions=_read_decisions(path))


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
    except (ValueError, RecursionError) as error:  # brackets a hundred thousand deep
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


def _read_results(path: Path, manifest: Manifest) -> tuple[tuple[Result, ...], tuple[int, ...]]:
    """Results, and the numbers of the lines that hold none."""
    file = path / TRIALS
    seen: dict[str, Result] = {}
    retried = set(manifest.retried)
    damaged: list[int] = []
    with collector_paused():
        for number, line in whole_lines(file):
            result = _read_line(_RESULT, line, file, number)
            if result is None:
                damaged.append(number)
                continue
            trial_id = result.trial.trial_id
            if trial_id in retried:
                seen.pop(trial_id, None)  # it stands where it finished last
            # The same line twice says nothing new.
            if seen.setdefault(trial_id, result) != result:
                raise UsageError(f"{file}:{number} holds another result of trial {trial_id}")
    return tuple(seen.values()), tuple(damaged)


def _read_decisions(path: Path) -> tuple[Decision, ...]:
    file = path / DECISIONS
    seen: dict[tuple[str, CellKey | None], Decision] = {}
    for number, line in whole_lines(file):
        decision = _read_line(_DECISION, line, file, number)
        if decision is not None and seen.setdefault((decision.device, decision.head), decision) != decision:
            raise UsageError(f"{file}:{number} decides again what was decided before")
    return tuple(seen.values())


_Line = TypeVar("_Line")


def _read_line(kind: TypeAdapter[_Line], line: bytes, file: Path, number: int) -> _Line | None:
    """What a line holds; None, and a word in the log, where a disk or an editor spoiled it: one line must not cost the night."""
    try:
        return kind.validate_json(line)
    except ValidationError as error:
        why = _first(error) if line.strip() else "it is empty"
        log.warning("%s:%d is damaged and left out: %s", file, number, why)
        return None


def _keep_aside(folder: Path) -> None:
    """Give the logs of a result that no longer counts another name."""
    if not folder.exists():
        return
    number = 1
    while (kept := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    folder.rename(kept)


def _manifest_file(manifest: Manifest) -> bytes:
    return _MANIFEST.dump_json(manifest, indent=1) + b"\n"


def _first(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in detail["loc"])
    return f"{place}: {detail['msg']}" if place else detail["msg"]
