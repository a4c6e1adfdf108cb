"""`harness ingest`: logs that were recorded elsewhere become a run, or part of one, marked as what they are."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import secrets
import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click

from harness import __version__
from harness.benchmark_model.foreign import read_foreign_log
from harness.benchmark_model.synthetic import synthetic_origin
from harness.cli.parse import read_log
from harness.errors import SetupError, UsageError
from harness.records import (
    Artifact,
    CpuRequest,
    DelegateRequest,
    DeviceInfo,
    Measurement,
    ModelRef,
    ParsedOutput,
    Purpose,
    Result,
    RunLengths,
    RunStatistics,
    Status,
    Trial,
)
from harness.runs.run_store import MANIFEST, Manifest, RunStore, load_run

_EPILOG = """\b
Examples:
  harness ingest pixel6/*.log --device "Pixel 6" --model mobilenet_v2 --delegate gpu -o runs/recorded
  harness report runs/recorded

The model is known by its name alone, the cores that were used are unknown, and the time of a process is that of its file.
A log with a profile counts as a profile: its latency is not compared with that of a process that did not profile.
"""

_DELEGATE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_UNKNOWN_CPUS = CpuRequest(label="unknown", mask=0)
_STDOUT = "stdout.txt"


@dataclass(frozen=True, slots=True)
class _Log:
    """One log, read."""

    source: str
    data: bytes
    parsed: ParsedOutput
    threads: int
    lengths: RunLengths
    command: tuple[str, ...]
    exit_code: int | None
    at: datetime


@click.command("ingest", epilog=_EPILOG)
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("--device", required=True, metavar="NAME", help="The device, by any name.")
@click.option("--model", required=True, metavar="NAME", help="The model, by any name.")
@click.option(
    "--delegate", required=True, metavar="NAME", help="The delegate that was asked for: cpu, xnnpack, gpu, ..."
)
@click.option(
    "--process", type=click.IntRange(min=0), metavar="N", help="Number of the first log's process; else the next free."
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="CPU threads, where the logs do not say.")
@click.option(
    "-o",
    "--output",
    "run",
    required=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Run to make or extend.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def ingest(
    logs: tuple[str, ...],
    device: str,
    model: str,
    delegate: str,
    process: int | None,
    threads: int | None,
    run: Path,
    as_json: bool,
) -> None:
    """Make or extend a run from outputs of benchmark_model that were recorded elsewhere.

    Each LOG is the output of one process (`-` is standard input). The raw logs are kept in the run.
    """
    request = _delegate(delegate)
    for option, name in (("--device", device), ("--model", model)):
        if not name.strip():
            raise UsageError(f"{option} needs a name")
    read = [_read(log, request, threads) for log in logs]
    known, finished, last_block = _known(run)
    results = _results(
        finished,
        read,
        device=device,
        model=_model(known, model, read),
        delegate=request,
        process=process,
        last_block=last_block,
    )
    with _store(run, min(log.at for log in read)) as store:
        store.extend_manifest(_extended(store.manifest, results))
        for result, log in zip(results, read, strict=True):
            _keep(store, result, log)
    _say(run, results, as_json)
    if any(result.status is not Status.OK for result in results):
        click.get_current_context().exit(1)


def _delegate(name: str) -> DelegateRequest:
    name = name.strip().lower()
    if not _DELEGATE.fullmatch(name):
        raise UsageError(f"not a delegate's name: {name!r}", remedy="one word, such as cpu, xnnpack, gpu, nnapi")
    return DelegateRequest(name=name)


def _read(log: str, request: DelegateRequest, threads: int | None) -> _Log:
    data = read_log(log)
    recorded = read_foreign_log(data, requested=request)
    echoed = recorded.threads
    if threads is not None and echoed is not None and echoed != threads:
        raise UsageError(f"{log} says that it ran with {echoed} threads, not {threads}")
    try:
        command = tuple(shlex.split(recorded.command or ""))
    except ValueError:
        command = (recorded.command or "",)
    at = datetime.now(UTC) if log == "-" else datetime.fromtimestamp(Path(log).stat().st_mtime, UTC)
    source = "standard input" if log == "-" else Path(log).name
    return _Log(
        source=source,
        data=data,
        parsed=recorded.parsed,
        # -1 is the tool's own word for its default.
        threads=threads if threads is not None else echoed if echoed is not None else -1,
        lengths=recorded.lengths,
        command=command,
        exit_code=recorded.exit_code,
        at=at,
    )


def _store(run: Path, started_at: datetime) -> RunStore:
    if (run / MANIFEST).exists():
        return RunStore.open(run)
    manifest = Manifest(
        run_id=f"{run.resolve().name}-{secrets.token_hex(3)}",
        suite="recorded elsewhere",
        suite_text="# This run was made by `harness ingest` from logs that were recorded elsewhere.\n",
        started_at=started_at,
        harness_version=__version__,
        host={"system": platform.system(), "release": platform.release(), "machine": platform.machine()},
    )
    return RunStore.create(run, manifest)


def _known(run: Path) -> tuple[tuple[ModelRef, ...], dict[str, Result], int]:
    """Models, finished trials and the last block of the run, if there is one, whether it has been run or not.

    Read first: whatever is wrong with the request shows before anything is written.
    """
    if not (run / MANIFEST).exists():
        return (), {}, -1
    loaded = load_run(run)
    manifest = loaded.manifest
    trials = [*manifest.trials, *manifest.further, *(item.trial for item in manifest.impossible)]
    trials += [result.trial for result in loaded.results]
    return (
        manifest.models,
        {result.trial.trial_id: result for result in loaded.results},
        max((trial.block for trial in trials), default=-1),
    )


def _keep(store: RunStore, result: Result, log: _Log) -> None:
    file = store.log_dir(result.trial.trial_id) / _STDOUT
    try:
        file.write_bytes(log.data)
    except OSError as error:
        raise SetupError(f"cannot write {file}: {error.strerror}", remedy="free some room") from error
    store.append(result)


def _model(models: tuple[ModelRef, ...], name: str, logs: list[_Log]) -> ModelRef:
    """The model of that name in the run, or a new one that is known by name only."""
    known = next((model for model in models if model.name == name), None)
    if known is not None:
        return known
    sizes = [size for log in logs if (size := log.parsed.measurement.model_size_mb) is not None]
    return ModelRef(name=name, path="", sha256="", size_bytes=round(sizes[0] * 1e6) if sizes else 0)


def _results(
    earlier: dict[str, Result],
    logs: list[_Log],
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
    # A block of its own for each: what was recorded elsewhere did not take turns, and must not be compared as if it had.
    block = last_block
    for log in logs:
        trial = _trial(log, device=device, model=model, delegate=delegate)
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
        result = _result(log, replace(trial, process=number, block=block))
        finished[trial.trial_id] = result
        results.append(result)
    return results


def _cell(trial: Trial) -> tuple[str, str, str, int, Purpose]:
    return trial.device, trial.model.name, trial.delegate.label, trial.threads, trial.purpose


def _trial(log: _Log, *, device: str, model: ModelRef, delegate: DelegateRequest) -> Trial:
    measurement = log.parsed.measurement
    purpose = Purpose.PROFILE if measurement.ops is not None or measurement.init_ops is not None else Purpose.LATENCY
    content = hashlib.sha256(log.data).hexdigest()
    identity = "\0".join((device, model.name, delegate.label, str(log.threads), purpose.value, content))
    return Trial(
        trial_id=hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:16],
        device=device,
        model=model,
        delegate=delegate,
        threads=log.threads,
        cpus=_UNKNOWN_CPUS,
        purpose=purpose,
        process=0,
        block=0,
        run=log.lengths,
    )


def _result(log: _Log, trial: Trial) -> Result:
    measurement = log.parsed.measurement
    note = f"recorded elsewhere and read from {log.source}"
    return Result(
        trial=trial,
        status=log.parsed.status,
        causes=log.parsed.causes,
        message=log.parsed.message,
        measurement=replace(measurement, notes=(note, *measurement.notes)),
        command=log.command,
        exit_code=log.exit_code,
        started_at=log.at,
        duration_s=round(_seconds(measurement), 3),
        synthetic=synthetic_origin(log.data) is not None,
        logs={"stdout": f"logs/{trial.trial_id}/{_STDOUT}"},
    )


def _seconds(measurement: Measurement) -> float:
    """What the output accounts for: initialization, warm-up and timed runs. The process took longer."""

    def spent(statistics: RunStatistics | None) -> float:
        if statistics is None:
            return 0.0
        average = statistics.avg if statistics.avg is not None else statistics.curr
        return statistics.count * (average or 0.0)

    return ((measurement.init_us or 0.0) + spent(measurement.warmup) + spent(measurement.runs)) / 1e6


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


def _say(run: Path, results: list[Result], as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "trial_id": result.trial.trial_id,
                "process": result.trial.process,
                "purpose": result.trial.purpose.value,
                "status": result.status.value,
                "causes": [cause.value for cause in result.causes],
                "inference_avg_us": result.measurement.inference_avg_us if result.measurement else None,
            }
            for result in results
        ]
        click.echo(json.dumps({"run": str(run), "trials": rows}, indent=1))
        return
    counts = {status: sum(result.status is status for result in results) for status in Status}
    words = ", ".join(f"{count} {status.value}" for status, count in counts.items() if count)
    click.echo(f"{run}: {len(results)} recorded {'process' if len(results) == 1 else 'processes'} added ({words})")
    for result in results:
        if result.status is not Status.OK:
            click.echo(f"  {result.status.value} ({', '.join(result.causes)}): {result.message}")
