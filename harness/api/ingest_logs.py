"""`harness.ingest`: makes or extends a run from logs recorded elsewhere, and marks them as such."""

from __future__ import annotations

import platform
import re
import secrets
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from harness import __version__
from harness.api.recorded_log import STDOUT, ReadLog, RecordedLog, read_recorded, result_of, trial_of
from harness.errors import SetupError, UsageError
from harness.records import (
    Artifact,
    DelegateRequest,
    DeviceInfo,
    ModelRef,
    Purpose,
    Result,
    Status,
    Trial,
)
from harness.runs.run_folder import MANIFEST, refuse_occupied
from harness.runs.run_progress import unfinished
from harness.runs.run_store import Manifest, RunStore, load_run

_FASTEST_PROCESS_S = 1.0
"""Shortest duration of a benchmark's process in seconds. Files written faster than this bear the times of their copying."""

_DELEGATE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """The results added to a run.

    Args:
        path: the run's folder.
        results: one for each process, in the order of running.
    """

    path: Path
    results: tuple[Result, ...]

    def __repr__(self) -> str:
        counts = Counter(str(result.status) for result in self.results)
        return f"Ingested({str(self.path)!r}: {', '.join(f'{count} {status}' for status, count in counts.items())})"

    @property
    def good(self) -> bool:
        """Whether every result is ok."""
        return all(result.status is Status.OK for result in self.results)


def ingest(
    logs: str | Path | RecordedLog | Sequence[str | Path | RecordedLog],
    *,
    device: str,
    model: str,
    delegate: str,
    out: str | Path,
    process: int | None = None,
    threads: int | None = None,
) -> Ingested:
    """Make or extend a run from outputs of `benchmark_model` recorded elsewhere. The run keeps the raw logs.

    Args:
        logs: outputs of one process each, or of several one after the other; a logcat may mix several. They count as run in the order of
            their times (`RecordedLog.at`; of a file, its last change). At equal times, and if all were written within less than a second a
            log (they were copied), they count in the order given.
        device: any name for the device.
        model: any name for the model.
        delegate: the requested delegate: `cpu`, `xnnpack`, `gpu`, ...
        out: the run to make or extend.
        process: number of the process that ran first. Default: the next free one.
        threads: CPU threads, if the logs do not say.

    Raises:
        UsageError: a log cannot be read, contradicts the arguments, or is in the run already. Then nothing is written.
        SetupError: the run cannot be written.

    Example:
        harness.ingest(["a.log", "b.log"], device="Pixel 6", model="mobilenet_v2", delegate="gpu", out="runs/recorded")
    """
    every = [logs] if isinstance(logs, str | Path | RecordedLog) else list(logs)
    if not every:
        raise UsageError("there is no log to take in")
    if process is not None and process < 0:
        raise UsageError(f"--process is {process}: processes are counted from 0")
    if threads is not None and threads < 1:
        raise UsageError(f"--threads is {threads}: it is at least 1")
    request = _delegate(delegate)
    for option, name in (("--device", device), ("--model", model)):
        if not name.strip():
            raise UsageError(f"{option} needs a name")
    if out == "":
        raise UsageError("the run needs a name")
    path = Path(out)
    read = [
        process
        for log in every
        for process in read_recorded(
            log if isinstance(log, RecordedLog) else RecordedLog.of_file(log), request, threads
        )
    ]
    read = _in_order_of_running(read)

    def taken() -> list[Result]:
        known, finished, last_block = _known(path)
        return _results(
            finished,
            read,
            device=device,
            model=_model(known, model, read),
            delegate=request,
            process=process,
            last_block=last_block,
        )

    taken()  # finds mistakes before anything is written
    with _store(path, min(log.at for log in read)) as store:
        results = taken()  # again, since another process may have extended the run
        store.extend_manifest(_extended(store.manifest, results))
        for result, log in zip(results, read, strict=True):
            _keep(store, result, log)
    return Ingested(path=path, results=tuple(results))


def _in_order_of_running(logs: list[ReadLog]) -> list[ReadLog]:
    """Logs by their times: the order of running tells a drift from chance. Several processes of one log stay in its order."""
    times = [log.at for log in logs]
    told_s = (max(times) - min(times)).total_seconds()
    copied = told_s < _FASTEST_PROCESS_S * (len(set(times)) - 1)
    return logs if copied else sorted(logs, key=lambda log: log.at)


def _delegate(name: str) -> DelegateRequest:
    name = name.strip().lower()
    if not _DELEGATE.fullmatch(name):
        raise UsageError(f"not a delegate's name: {name!r}", remedy="one word, such as cpu, xnnpack, gpu, nnapi")
    return DelegateRequest(name=name)


def _store(run: Path, started_at: datetime) -> RunStore:
    """Open or make the run with its lock. Waits for another process that writes there."""
    if (run / MANIFEST).exists():
        return RunStore.open(run, wait=True)
    manifest = Manifest(
        run_id=f"{run.resolve().name}-{secrets.token_hex(3)}",
        suite="recorded elsewhere",
        suite_text="# This run was made by `harness ingest` from logs that were recorded elsewhere.\n",
        started_at=started_at,
        harness_version=__version__,
        host={"system": platform.system(), "release": platform.release(), "machine": platform.machine()},
    )
    try:
        return RunStore.create(run, manifest, wait=True)
    except UsageError:
        if not (run / MANIFEST).exists():
            raise
        return RunStore.open(run, wait=True)  # another process has made it meanwhile


def _known(run: Path) -> tuple[tuple[ModelRef, ...], dict[str, Result], int]:
    """Models, finished trials and last block of the run, if it exists.

    Raises:
        UsageError: it needs to be resumed, or its folder holds something else.
    """
    if not (run / MANIFEST).exists():
        refuse_occupied(run)
        return (), {}, -1
    loaded = load_run(run)
    recorded = any(artifact.origin == "recorded" for artifact in loaded.manifest.artifacts)
    if not recorded and (left := unfinished(loaded)):
        raise UsageError(
            f"{run} was interrupted: {left} of its trials did not run, and with recorded logs in it they never could",
            remedy=f"finish it: harness run --resume {shlex.quote(str(run))}; or name another run",
        )
    manifest = loaded.manifest
    trials = [*manifest.trials, *manifest.further, *(item.trial for item in manifest.impossible)]
    trials += [result.trial for result in loaded.results]
    return (
        manifest.models,
        {result.trial.trial_id: result for result in loaded.results},
        max((trial.block for trial in trials), default=-1),
    )


def _keep(store: RunStore, result: Result, log: ReadLog) -> None:
    file = store.log_dir(result.trial.trial_id) / STDOUT
    try:
        file.write_bytes(log.data)
    except OSError as error:
        raise SetupError(f"cannot write {file}: {error.strerror}", remedy="free some room") from error
    store.append(result)


def _model(models: tuple[ModelRef, ...], name: str, logs: list[ReadLog]) -> ModelRef:
    """The run's model of that name, or a new one known by name only."""
    known = next((model for model in models if model.name == name), None)
    if known is not None:
        return known
    sizes = [size for log in logs if (size := log.parsed.measurement.model_size_mb) is not None]
    return ModelRef(name=name, path="", sha256="", size_bytes=round(sizes[0] * 1e6) if sizes else 0)


def _results(
    earlier: dict[str, Result],
    logs: list[ReadLog],
    *,
    device: str,
    model: ModelRef,
    delegate: DelegateRequest,
    process: int | None,
    last_block: int,
) -> list[Result]:
    finished = dict(earlier)
    taken: dict[tuple[str, str, str, int, Purpose], set[int]] = {}
    for known in finished.values():
        taken.setdefault(_cell(known.trial), set()).add(known.trial.process)
    results: list[Result] = []
    # Each gets its own block: recorded processes did not take turns, so they must not be compared as if they had.
    block = last_block
    for log in logs:
        trial = trial_of(log, device=device, model=model, delegate=delegate)
        same = finished.get(trial.trial_id)
        if same is not None:
            raise UsageError(
                f"{log.source} is in the run already, as process {same.trial.process}",
                remedy="the same output twice is not two processes",
            )
        used = taken.setdefault(_cell(trial), set())
        number = next(n for n in range(len(used) + 1) if n not in used) if process is None else process + len(results)
        if number in used:
            raise UsageError(f"process {number} of this device, model and delegate is in the run already")
        used.add(number)
        block += 1
        result = result_of(log, replace(trial, process=number, block=block))
        finished[trial.trial_id] = result
        results.append(result)
    return results


def _cell(trial: Trial) -> tuple[str, str, str, int, Purpose]:
    return trial.device, trial.model.name, trial.delegate.label, trial.threads, trial.purpose


def _extended(manifest: Manifest, results: list[Result]) -> Manifest:
    devices = {info.serial: info for info in manifest.devices}
    models = {(ref.name, ref.sha256): ref for ref in manifest.models}
    artifacts = {artifact.origin: artifact for artifact in manifest.artifacts}
    trials = {trial.trial_id: trial for trial in manifest.trials}
    for result in results:
        trial = result.trial
        devices.setdefault(trial.device, DeviceInfo(serial=trial.device))
        models.setdefault((trial.model.name, trial.model.sha256), trial.model)
        trials.setdefault(trial.trial_id, trial)
    if "recorded" not in artifacts:
        recorded = Artifact(name="benchmark_model", sha256="", abi="", size_bytes=0, origin="recorded")
        artifacts["recorded"] = recorded
    return replace(
        manifest,
        devices=tuple(devices.values()),
        models=tuple(models.values()),
        artifacts=(*manifest.artifacts, *(a for a in artifacts.values() if a not in manifest.artifacts)),
        trials=tuple(trials.values()),
    )
