"""A run on disk: `manifest.json`, `trials.jsonl`, `logs/TRIAL/`, and `decisions.jsonl` of an adaptive run. It only grows.

Each finished trial is one line, appended and synced to the disk, so a kill loses at most the trial in flight. So is each decision of an
adaptive run.

Format history (`format_version` in the manifest):
    1   first version
    2   adaptive runs: `adaptive` and `further` in the manifest, `decisions.jsonl`. An older harness would take the first blocks for the
        whole run, and too narrow an interval for the right one
    3   trials repeated on request: `retried` in the manifest lists trials that may have several lines in `trials.jsonl`, of which the last
        counts. Only runs with such trials have this format
    4   variants of models: an older harness would take the variants of a model for one. Only runs with such models have this format
"""

from __future__ import annotations

import contextlib
import gc
import logging
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec

from harness.errors import SetupError, UsageError
from harness.files.append_only import LineFile, whole_lines
from harness.files.lock import lock_if_free, lock_when_free
from harness.files.whole_file import write_whole
from harness.records import Artifact, CellKey, DeviceInfo, Impossible, ModelRef, Result, Scalar, Trial
from harness.records.accuracy import AccuracyPlan
from harness.records.adaptive_decisions import AdaptivePlan, Decision
from harness.records.variants import ConvertedModel, TaskAccuracy
from harness.runs.checked_json import CheckedJson, mistake
from harness.runs.result_lines import RESULT, ResultLines
from harness.runs.run_folder import DECISIONS, LOGS, MANIFEST, TRIALS, refuse_occupied
from harness.runs.stored_json import read_document

log = logging.getLogger(__name__)

FORMAT_VERSION = 4
"""The newest format that this harness reads."""
_FORMAT_OF_A_NEW_RUN, _FORMAT_OF_RETRIES, _FORMAT_OF_VARIANTS = 2, 3, 4

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The plan of a run, with its devices, binaries and models. Written once, before the first trial."""

    run_id: str
    suite: str
    """The suite's name."""
    suite_text: str
    """Content of the suite file."""
    suite_path: str | None = None
    started_at: datetime
    harness_version: str
    host: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[DeviceInfo, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    models: tuple[ModelRef, ...] = ()
    trials: tuple[Trial, ...] = ()
    """Trials that run in any case, in the scheduled order, which `--resume` works off."""
    impossible: tuple[Impossible, ...] = ()
    """Trials that a device cannot run at all; recorded as skipped."""
    seed: int | None = None
    baseline: Mapping[str, Scalar] | None = None
    control: Mapping[str, Scalar] | None = None
    """The cells that the suite names as unchanged, for comparisons with other runs."""
    adaptive: AdaptivePlan | None = None
    """The plan of an adaptive run; None if the suite fixes the number of blocks."""
    further: tuple[Trial, ...] = ()
    """Trials of an adaptive run beyond its smallest number of blocks, in order. Each runs only if its comparison still needs it; else it
    does not count as missing."""
    balanced: bool = False
    """Whether predecessors are balanced within its blocks, also after cells have dropped out. A run of an older harness, which only
    shuffled, keeps its order."""
    resumed_by: tuple[str, ...] = ()
    """Other versions of the harness that resumed the run; their results may differ for that reason."""
    retried: tuple[str, ...] = ()
    """Trials to run again although they had a result; their last result counts."""
    conversions: tuple[ConvertedModel, ...] = ()
    """The variants that the suite's sources were converted to, and those that failed."""
    task_accuracy: tuple[TaskAccuracy, ...] = ()
    """How well the variants do their task on the host, for sources with labelled data."""
    accuracy: AccuracyPlan | None = None
    """Samples, reference and limits of accuracy trials; None if the suite asks for no such trials."""
    format_version: int = _FORMAT_OF_A_NEW_RUN

    @property
    def planned(self) -> tuple[Trial, ...]:
        """All trials that end in a result in any case, as measured or as skipped."""
        return (*self.trials, *(item.trial for item in self.impossible))

    def __repr__(self) -> str:
        # The default would fill screens with trials in a notebook or a debugger.
        return (
            f"Manifest({self.run_id!r}, suite {self.suite!r}: {len(self.devices)} devices, {len(self.planned)} trials)"
        )


def runnable_models(manifest: Manifest) -> tuple[ModelRef, ...]:
    """The models that some trial runs: a file that is no model is none of them."""
    run = {trial.model.sha256 for trial in (*manifest.trials, *manifest.further)}
    return tuple(model for model in manifest.models if model.sha256 in run) or manifest.models


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run read back. `results` holds each finished trial once, in the order of finishing."""

    path: Path
    manifest: Manifest
    results: tuple[Result, ...]
    damaged: tuple[int, ...] = ()
    """Numbers of the unreadable lines of `trials.jsonl`; their trials count as unfinished."""
    decisions: tuple[Decision, ...] = ()
    """The decision for each ended comparison of an adaptive run, in order."""

    def __repr__(self) -> str:
        counts = Counter(str(result.status) for result in self.results)
        said = ", ".join(f"{count} {status}" for status, count in counts.items()) or "no result"
        return f"Run({str(self.path)!r}, suite {self.manifest.suite!r}: {said})"


_DECISION = CheckedJson(Decision)
_MANIFEST = CheckedJson(Manifest)
_MANIFEST_BY_MSGSPEC = msgspec.json.Decoder(Manifest)


class RunStore:
    """The writing end of a run, for one process at a time: it locks the trials file while it is open.

    Make it with `create` or `open`, and use it as a context manager.
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
        """Make a new run. A refused folder stays as it was.

        Args:
            path: its folder, new or empty.
            manifest: its plan.
            wait: wait for a process that writes there.

        Raises:
            UsageError: `path` already holds a run or other files, or is a file.
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
            # Check again with the lock: of two processes at once, the second finds the first one's run. The manifest makes it a run, so
            # it comes last.
            refuse_occupied(path)
            (path / LOGS).mkdir(exist_ok=True)
            if manifest.conversions:
                store.manifest = manifest = replace(manifest, format_version=_FORMAT_OF_VARIANTS)
            write_whole(path / MANIFEST, _manifest_file(manifest))
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, path: Path, *, wait: bool = False) -> RunStore:
        """Open an existing run to resume it.

        Args:
            path: its folder.
            wait: wait for a process that writes there.

        Raises:
            UsageError: there is no run, or it was written by a newer harness.
            SetupError: another process writes there.
        """
        store = cls(path, read_manifest(path), wait=wait)
        try:
            store.manifest = read_manifest(path)  # again, since another process may have extended it before the lock
        except BaseException:
            store.close()
            raise
        return store

    def results(self) -> tuple[Result, ...]:
        """Return the results so far."""
        return _read_results(self.path, self.manifest)[0]

    def extend_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest by one that holds more. The file changes in one step."""
        write_whole(self.path / MANIFEST, _manifest_file(manifest))
        self.manifest = manifest

    def retry(self, trial_ids: Collection[str]) -> None:
        """Let trials have another result, which then counts. Once they run, their old logs get another name.

        Raises:
            SetupError: the manifest cannot be written.
        """
        retried = tuple(dict.fromkeys((*self.manifest.retried, *trial_ids)))
        version = max(self.manifest.format_version, _FORMAT_OF_RETRIES)
        self.extend_manifest(replace(self.manifest, retried=retried, format_version=version))
        self._again = set(trial_ids)

    def append(self, *results: Result) -> None:
        """Write finished trials. They are on the disk when this returns.

        Raises:
            SetupError: the disk is full or the folder is gone. None of them counts then.
        """
        self._file.append(*(RESULT.dump_json(result) for result in results), remedy=self._remedy)

    def decisions(self) -> tuple[Decision, ...]:
        """Return the decisions so far."""
        return _read_decisions(self.path)

    def decide(self, decision: Decision) -> None:
        """Write the end of a comparison. It is on the disk when this returns.

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
        """Return the folder for a trial's raw output; make it if needed."""
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
    """Pause the garbage collector for work on many results: they hold no cycles, yet it would scan them again and again.

    With a million op rows that takes half of the reading time.
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
        UsageError: there is no run at `path`, its manifest is damaged, two results contradict each other (the message names file and
            line), or a newer harness wrote it. An unreadable line is skipped, and the log says so.
    """
    manifest = read_manifest(path)
    results, damaged = _read_results(path, manifest)
    return Run(path=path, manifest=manifest, results=results, damaged=damaged, decisions=_read_decisions(path))


def read_manifest(path: Path) -> Manifest:
    """Read a run's manifest.

    Raises:
        UsageError: as `load_run`.
    """
    manifest = read_document(path / MANIFEST, _MANIFEST, newest=FORMAT_VERSION, quick=_MANIFEST_BY_MSGSPEC)
    if manifest is None:
        raise UsageError(f"{path} holds no run: {MANIFEST} is missing")
    return manifest


def _read_results(path: Path, manifest: Manifest) -> tuple[tuple[Result, ...], tuple[int, ...]]:
    """Results, and the numbers of unreadable lines."""
    file = path / TRIALS
    seen: dict[str, Result] = {}
    retried = set(manifest.retried)
    damaged: list[int] = []
    lines = ResultLines((*manifest.trials, *manifest.further))
    with collector_paused():
        for number, line in whole_lines(file):
            result = _read_line(lines.read, line, file, number)
            if result is None:
                damaged.append(number)
                continue
            trial_id = result.trial.trial_id
            if trial_id in retried:
                seen.pop(trial_id, None)  # so that it takes the place where it finished last
            # The same line twice is no contradiction.
            if seen.setdefault(trial_id, result) != result:
                raise UsageError(f"{file}:{number} holds another result of trial {trial_id}")
    return tuple(seen.values()), tuple(damaged)


def _read_decisions(path: Path) -> tuple[Decision, ...]:
    file = path / DECISIONS
    seen: dict[tuple[str, CellKey | None], Decision] = {}
    for number, line in whole_lines(file):
        decision = _read_line(_DECISION.validate_json, line, file, number)
        if decision is not None and seen.setdefault((decision.device, decision.head), decision) != decision:
            raise UsageError(f"{file}:{number} decides again what was decided before")
    return tuple(seen.values())


_Line = TypeVar("_Line")


def _read_line(read: Callable[[bytes], _Line], line: bytes, file: Path, number: int) -> _Line | None:
    """Read a line; None, with a warning in the log, if a disk or an editor spoiled it: one bad line must not spoil the whole run."""
    try:
        return read(line)
    except ValueError as error:
        found = mistake(error)
        why = found if line.strip() else "it is empty"
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
