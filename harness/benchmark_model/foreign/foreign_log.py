"""Reads a log that somebody else recorded: restores what the tool wrote, then reads it like any output."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.benchmark_model.foreign.processes import ToolRun, read_runs
from harness.benchmark_model.foreign.recorded_command import (
    RecordedCommand,
    asked_in_command,
    asks_for_full_delegation,
    exit_code_in_prompt,
    unwrap,
)
from harness.benchmark_model.foreign.recording import as_utf8, decode_log, without_markup
from harness.benchmark_model.foreign.wrapped import rejoin
from harness.benchmark_model.parameters import echoed_lengths, echoed_model, echoed_threads
from harness.benchmark_model.parser import conclude_output, conclude_results
from harness.benchmark_model.performance_options import starts_performance_options
from harness.benchmark_model.python_results import PythonResults, read_python_results
from harness.records import DelegateRequest, ParsedOutput, RunLengths


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignLog:
    """What a log says about one recorded process and how it was started."""

    parsed: ParsedOutput
    threads: int | None
    """CPU threads, if stdout echoes them; -1 is the tool's default."""
    lengths: RunLengths
    """Intended run lengths, as stdout echoes them, else the tool's defaults."""
    command: str | None
    """The command line, if it was recorded."""
    exit_code: int | None
    """The exit code, if it was recorded."""
    text: str
    """The text of this process."""
    pid: int | None = None
    """The process's id, if the log holds several processes."""
    model: str | None = None
    """The model file, if stdout echoes it."""


def read_foreign_log(
    log: str | bytes,
    *,
    stderr: str | bytes | None = None,
    profile: bytes | None = None,
    result: bytes | None = None,
    runtime_info: bytes | None = None,
    exit_code: int | None = None,
    requested: DelegateRequest | None = None,
) -> ForeignLog:
    """Read the last process of a log. See `read_foreign_logs`."""
    logs = read_foreign_logs(
        log,
        stderr=stderr,
        profile=profile,
        result=result,
        runtime_info=runtime_info,
        exit_code=exit_code,
        requested=requested,
    )
    return last_process(logs)


def read_foreign_logs(
    log: str | bytes,
    *,
    stderr: str | bytes | None = None,
    profile: bytes | None = None,
    result: bytes | None = None,
    runtime_info: bytes | None = None,
    exit_code: int | None = None,
    requested: DelegateRequest | None = None,
) -> list[ForeignLog]:
    """Read a log in any form in which it was recorded or published: each process separately, in the order of their ends.

    Args:
        log: stdout, a merged stream, a logcat, an excerpt, a document, or recorded commands (`# cmd: ...`, `# exit: N`).
        stderr: the last process's stderr, if it was recorded separately.
        profile: as in `parse_output`, for the last process; so are all other arguments.

    Returns:
        What each process printed and its status; at least one. Never raises because of the input's content.
    """
    plain = decode_log(log)
    whole = unwrap(plain)
    if len(whole) == 1 and (python := read_python_results(whole[0].stdout)) is not None:
        code = exit_code if exit_code is not None else _exit_code(whole[0])
        return [_of_python(python, plain, whole[0].command, code, requested)]
    commands = [(recorded, read_runs(recorded.stdout)) for recorded in unwrap(without_markup(plain))]
    runs = [(recorded, run, run is of_command[-1]) for recorded, of_command in commands for run in of_command]
    logs = []
    for recorded, run, ends_command in runs[:-1]:
        # The command's separate stderr and its exit code belong to the last run.
        errors, code = (recorded.stderr, _exit_code(recorded)) if ends_command else (None, None)
        logs.append(_conclude(recorded, run, stderr=errors, exit_code=code, requested=requested))
    recorded, run, _ = runs[-1]
    last = _conclude(
        recorded,
        run,
        alone=len(runs) == 1,
        stderr=decode_log(stderr) if stderr is not None else recorded.stderr,
        profile=None if profile is None else as_utf8(profile),
        result=result,
        runtime_info=runtime_info,
        exit_code=exit_code if exit_code is not None else _exit_code(recorded),
        requested=requested,
    )
    return [*logs, last]


def _of_python(
    results: PythonResults, text: str, command: str | None, exit_code: int | None, requested: DelegateRequest | None
) -> ForeignLog:
    """Read the result file of LiteRT's tool in Python, which suffices by itself: it is written only on success."""
    return ForeignLog(
        parsed=conclude_results(results, exit_code=exit_code, requested=requested),
        threads=results.threads,
        lengths=echoed_lengths({}),
        command=command,
        exit_code=exit_code,
        text=text,
        model=results.model,
    )


def last_process(logs: list[ForeignLog]) -> ForeignLog:
    """Return the last process of a log, with a note if there were others."""
    last = logs[-1]
    if len(logs) == 1:
        return last
    measurement = last.parsed.measurement
    noted = replace(measurement, notes=(*measurement.notes, _several(logs)))
    return replace(last, parsed=replace(last.parsed, measurement=noted))


def _several(runs: list[ForeignLog]) -> str:
    pids = [run.pid for run in runs]
    if None in pids:
        return f"the output holds {len(runs)} runs of the tool; only the last is read"
    names = ", ".join(str(pid) for pid in dict.fromkeys(pids))
    return f"the output holds {len(runs)} runs of the tool, of the processes {names}; only the last to end, of {pids[-1]}, is read"


def _exit_code(recorded: RecordedCommand) -> int | None:
    return recorded.exit_code if recorded.exit_code is not None else exit_code_in_prompt(recorded.stdout)


def _conclude(
    recorded: RecordedCommand,
    run: ToolRun,
    *,
    alone: bool = False,
    stderr: str | None,
    profile: bytes | None = None,
    result: bytes | None = None,
    runtime_info: bytes | None = None,
    exit_code: int | None,
    requested: DelegateRequest | None,
) -> ForeignLog:
    reading = run.reading
    threads, lengths, model = (
        echoed_threads(reading.parameters),
        echoed_lengths(reading.parameters),
        echoed_model(reading.parameters),
    )
    # Messages of shells and linkers have no unknown prefix.
    text = recorded.stdout if alone else run.text
    if stderr:
        reading.read(rejoin(stderr))
        text = f"{text}\n{stderr}"
    if recorded.command is not None:
        reading.of_options = reading.of_options or starts_performance_options(recorded.command)
        for name in asked_in_command(recorded.command):
            reading.delegates.ask(name)
        if asks_for_full_delegation(recorded.command):
            reading.delegates.full_asked = True
    parsed = conclude_output(
        reading,
        text,
        profile=profile,
        result=result,
        runtime_info=runtime_info,
        exit_code=exit_code,
        requested=requested,
    )
    return ForeignLog(
        parsed=parsed,
        threads=threads,
        lengths=lengths,
        command=recorded.command,
        exit_code=exit_code,
        text=text,
        pid=run.pid,
        model=model,
    )
