"""`harness parse`: reads outputs of `benchmark_model` and prints the contract's JSON or a summary for people."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from harness.benchmark_model import to_json
from harness.benchmark_model.foreign import ForeignLog, last_process, read_foreign_logs
from harness.cli.parse_text import render
from harness.cli.printing import reader_may_leave
from harness.errors import UsageError
from harness.records import Status

_FILE = click.Path(path_type=Path, dir_okay=True)


@click.command("parse", epilog="Example: harness parse phone.log --profile profile.pb --json")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("--stderr", "stderr_file", type=_FILE, metavar="FILE", help="The file with the process's stderr.")
@click.option(
    "--profile", "profile_file", type=_FILE, metavar="FILE", help="The file that --op_profiling_output_file named."
)
@click.option("--result", "result_file", type=_FILE, metavar="FILE", help="The file that --result_file_path named.")
@click.option(
    "--runtime-info",
    "runtime_info_file",
    type=_FILE,
    metavar="FILE",
    help="The file that --model_runtime_info_output_file named.",
)
@click.option("--exit-code", type=int, metavar="N", help="The exit code of the process, if you know it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout; a list for several logs.")
def parse(
    logs: tuple[str, ...],
    stderr_file: Path | None,
    profile_file: Path | None,
    result_file: Path | None,
    runtime_info_file: Path | None,
    exit_code: int | None,
    as_json: bool,
) -> None:
    """Read an output of benchmark_model: numbers, status, causes.

    LOG is a file, or `-` for standard input: the tool's stdout, both streams merged, a logcat, or an excerpt. It
    may hold several runs. The exit code is 1 if one of them is not ok.
    """
    side_files = (stderr_file, profile_file, result_file, runtime_info_file)
    if len(logs) > 1 and (exit_code is not None or any(file is not None for file in side_files)):
        raise UsageError("--stderr, --profile, --result, --runtime-info and --exit-code belong to one LOG")
    if logs.count("-") > 1:
        raise UsageError("standard input can be read once")
    parsed = [
        read_foreign_logs(
            read_log(log),
            stderr=_optional(stderr_file),
            profile=_optional(profile_file),
            result=_optional(result_file),
            runtime_info=_optional(runtime_info_file),
            exit_code=exit_code,
        )
        for log in logs
    ]
    if as_json:
        documents = [_document(runs) for runs in parsed]
        text = json.dumps(documents if len(logs) > 1 else documents[0], indent=1, ensure_ascii=False)
    else:
        text = "\n\n".join(part for log, runs in zip(logs, parsed, strict=True) for part in _shown(log, runs))
    with reader_may_leave(document=as_json):
        click.echo(text)
    if any(run.parsed.status is not Status.OK for runs in parsed for run in runs):
        click.get_current_context().exit(1)


def _document(runs: list[ForeignLog]) -> dict[str, Any]:
    """Return the last run of a log; if it has several, `processes` has them all, in the order in which they ended."""
    document = to_json(last_process(runs).parsed)
    if len(runs) == 1:
        return document
    return {**document, "processes": [{"pid": run.pid, **to_json(run.parsed)} for run in runs]}


def _shown(log: str, runs: list[ForeignLog]) -> list[str]:
    if len(runs) == 1:
        return [render(log, runs[0].parsed)]
    return [
        render(
            f"{log}, run {number} of {len(runs)}" + (f", process {run.pid}" if run.pid is not None else ""), run.parsed
        )
        for number, run in enumerate(runs, 1)
    ]


def read_log(log: str) -> bytes:
    """Read a log's bytes; `-` is standard input.

    Raises:
        UsageError: the file cannot be read.
    """
    if log == "-":
        return sys.stdin.buffer.read()
    return _read(Path(log))


def _optional(file: Path | None) -> bytes | None:
    return None if file is None else _read(file)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {(error.strerror or 'unknown error').lower()}") from None
