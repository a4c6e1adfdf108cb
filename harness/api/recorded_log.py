"""Turns logs of `benchmark_model` recorded elsewhere into trials and results."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.benchmark_model.foreign import ForeignLog, read_foreign_logs
from harness.benchmark_model.synthetic import synthetic_origin
from harness.errors import UsageError
from harness.records import (
    CpuRequest,
    DelegateRequest,
    Measurement,
    ModelRef,
    ParsedOutput,
    Purpose,
    Result,
    RunLengths,
    RunStatistics,
    Trial,
)

STDOUT = "stdout.txt"
"""The log's name in its trial's folder."""

_UNKNOWN_CPUS = CpuRequest(label="unknown", mask=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLog:
    """The output of one process, or of several one after the other, recorded elsewhere.

    Args:
        name: your name for it, which errors use.
        source: its name in the results.
        data: the output.
        at: when it ran.
    """

    name: str
    source: str
    data: bytes
    at: datetime

    @classmethod
    def of_file(cls, path: str | Path) -> RecordedLog:
        """Read a log from a file. The file's time counts as the time of the process.

        Raises:
            UsageError: it cannot be read.
        """
        file = Path(path)
        try:
            data, changed = file.read_bytes(), file.stat().st_mtime
        except OSError as error:
            raise UsageError(f"cannot read {file}: {(error.strerror or 'unknown error').lower()}") from None
        return cls(name=str(path), source=file.name, data=data, at=datetime.fromtimestamp(changed, UTC))


@dataclass(frozen=True, slots=True)
class ReadLog:
    """One process of a log. `threads` is -1, the tool's number for its default, if neither the log nor the caller gives one."""

    source: str
    data: bytes
    parsed: ParsedOutput
    threads: int
    lengths: RunLengths
    command: tuple[str, ...]
    exit_code: int | None
    at: datetime
    synthetic: bool


def read_recorded(log: RecordedLog, request: DelegateRequest, threads: int | None) -> list[ReadLog]:
    """Read a log; each run of the tool in it is a process.

    Args:
        log: the log.
        request: the requested delegate.
        threads: CPU threads, if known.

    Raises:
        UsageError: the log names another number of threads, or has runs of several models.
    """
    runs = read_foreign_logs(log.data, requested=request)
    models = dict.fromkeys(run.model for run in runs if run.model is not None)
    if len(models) > 1:
        pids = [str(run.pid) for run in runs if run.pid is not None]
        whose = f"processes {', '.join(pids)}, which ran" if pids else "runs of"
        raise UsageError(f"{log.name} holds {whose} {len(models)} models: {', '.join(models)}", remedy=_one_model(runs))
    return [_read_log(log, run, number, len(runs), threads) for number, run in enumerate(runs, 1)]


def _one_model(runs: list[ForeignLog]) -> str:
    if all(run.pid is not None for run in runs):
        return f"take the lines of one process into a file of its own, for instance: grep ' {runs[-1].pid} '"
    return "take the lines of one model into a file of its own"


def _read_log(log: RecordedLog, run: ForeignLog, number: int, runs: int, threads: int | None) -> ReadLog:
    echoed = run.threads
    if threads is not None and echoed is not None and echoed != threads:
        raise UsageError(f"{log.name} says that it ran with {echoed} threads, not {threads}")
    try:
        command = tuple(shlex.split(run.command or ""))
    except ValueError:
        command = (run.command or "",)
    which = f", run {number} of {runs}" + (f", process {run.pid}" if run.pid is not None else "")
    return ReadLog(
        source=log.source if runs == 1 else log.source + which,
        data=log.data if runs == 1 else run.text.encode("utf-8", "surrogateescape"),
        parsed=run.parsed,
        threads=threads if threads is not None else echoed if echoed is not None else -1,
        lengths=run.lengths,
        command=command,
        exit_code=run.exit_code,
        at=log.at,
        synthetic=synthetic_origin(log.data) is not None,
    )


def trial_of(log: ReadLog, *, device: str, model: ModelRef, delegate: DelegateRequest) -> Trial:
    """Return the trial of a process. Its id depends on the log's content, so the same output twice is one trial."""
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


def result_of(log: ReadLog, trial: Trial) -> Result:
    """Return the result of a process."""
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
        synthetic=log.synthetic,
        logs={"stdout": f"logs/{trial.trial_id}/{STDOUT}"},
    )


def _seconds(measurement: Measurement) -> float:
    """Seconds that the output accounts for: initialization, warm-up and timed runs. The process took longer."""

    def spent(statistics: RunStatistics | None) -> float:
        if statistics is None:
            return 0.0
        average = statistics.avg if statistics.avg is not None else statistics.curr
        return statistics.count * (average or 0.0)

    return ((measurement.init_us or 0.0) + spent(measurement.warmup) + spent(measurement.runs)) / 1e6
