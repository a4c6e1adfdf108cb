"""A log that somebody else recorded, read: brought back to what the tool wrote, and then read like any output."""

from __future__ import annotations

from dataclasses import dataclass

from harness.benchmark_model.foreign.processes import read_last_process
from harness.benchmark_model.foreign.recorded_command import (
    asked_in_command,
    asks_for_full_delegation,
    exit_code_in_prompt,
    unwrap,
)
from harness.benchmark_model.foreign.recording import as_utf8, decode_log, without_markup
from harness.benchmark_model.foreign.wrapped import rejoin
from harness.benchmark_model.parameters import echoed_lengths, echoed_threads
from harness.benchmark_model.parser import conclude_output
from harness.records import DelegateRequest, ParsedOutput, RunLengths


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignLog:
    """What a log says of the process that it records, and of how that was started."""

    parsed: ParsedOutput
    threads: int | None
    """CPU threads, where stdout echoes them; -1 is the tool's word for its default."""
    lengths: RunLengths
    """How long the process was to run: as stdout echoes it, else the tool's defaults."""
    command: str | None
    """The command line, where it was recorded."""
    exit_code: int | None
    """The exit code, where it was recorded."""


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
    """Read a log in whatever form it was recorded or published. Of several processes in one log, the last is read.

    Args:
        log: stdout, a merged stream, a logcat, an excerpt, a document, or a recorded command (`# cmd: ...`, `# exit: N`).
        stderr: what the process printed there, where that was recorded apart.
        profile: as `parse_output` takes it, and so are all others.

    Returns:
        What it says and what it comes to. Never raises for what the input holds.
    """
    recorded = unwrap(without_markup(decode_log(log)))
    errors = decode_log(stderr) if stderr is not None else recorded.stderr
    reading, earlier, text = read_last_process(recorded.stdout)
    threads, lengths = echoed_threads(reading.parameters), echoed_lengths(reading.parameters)
    earlier += recorded.earlier
    if earlier:
        reading.notes.append(f"the output holds {earlier + 1} runs of the tool; only the last is read")
    else:
        text = recorded.stdout  # shells and linkers put nothing unknown before their words
    if errors:
        reading.read(rejoin(errors))
        text = f"{text}\n{errors}"
    if recorded.command is not None:
        for name in asked_in_command(recorded.command):
            reading.delegates.ask(name)
        if asks_for_full_delegation(recorded.command):
            reading.delegates.full_asked = True
    if exit_code is None:
        exit_code = recorded.exit_code if recorded.exit_code is not None else exit_code_in_prompt(recorded.stdout)
    parsed = conclude_output(
        reading,
        text,
        profile=None if profile is None else as_utf8(profile),
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
        exit_code=recorded.exit_code,
    )
