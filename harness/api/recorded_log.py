"""One log of `benchmark_model` that was recorded elsewhere: what it says, as a trial and its result."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.benchmark_model.foreign import read_foreign_log
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
    """The output of one process, recorded elsewhere.

    Args:
        name: what you call it; errors name it so.
        source: what the result says that it was read from.
        data: what the process printed.
        at: when it ran.
    """

    name: str
    source: str
    data: bytes
    at: datetime

    @classmethod
    def of_file(cls, path: str | Path) -> RecordedLog:
        """A log in a file; the time of the file stands for that of the process.

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
    """One log, read. `threads` is what it or its giver says, else -1: the tool's own word for its default."""

    source: str
    data: bytes
    parsed: ParsedOutput
    threads: int
    lengths: RunLengths
    command: tuple[str, ...]
    exit_code: int | None
    at: datetime


def read_recorded(log: RecordedLog, request: DelegateRequest, threads: int | None) -> ReadLog:
    """Read a log.

    Args:
        log: what was recorded.
        request: the delegate that was asked for.
        threads: CPU threads, where the giver says.

    Raises:
        UsageError: it says another number of threads.
    """
    recorded = read_foreign_log(log.data, requested=request)
    echoed = recorded.threads
    if threads is not None and echoed is not None and echoed != threads:
        raise UsageError(f"{log.name} says that it ran with {echoed} threads, not {threads}")
    try:
        command = tuple(shlex.split(recorded.command or ""))
    except ValueError:
        command = (recorded.command or "",)
    return ReadLog(
        source=log.source,
        data=log.data,
        parsed=recorded.parsed,
        threads=threads if threads is not None else echoed if echoed is not None else -1,
        lengths=recorded.lengths,
        command=command,
        exit_code=recorded.exit_code,
        at=log.at,
    )


def trial_of(log: ReadLog, *, device: str, model: ModelRef, delegate: DelegateRequest) -> Trial:
    """What the process was asked to do. Its id is that of the log's content: the same output twice is one trial."""
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
    """What came of it."""
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
        logs={"stdout": f"logs/{trial.trial_id}/{STDOUT}"},
    )


def _seconds(measurement: Measurement) -> float:
    """What the output accounts for: initialization, warm-up and timed runs. The process took longer."""

    def spent(statistics: RunStatistics | None) -> float:
        if statistics is None:
            return 0.0
        average = statistics.avg if statistics.avg is not None else statistics.curr
        return statistics.count * (average or 0.0)

    return ((measurement.init_us or 0.0) + spent(measurement.warmup) + spent(measurement.runs)) / 1e6
