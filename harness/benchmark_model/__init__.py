"""`benchmark_model`: its command line, and the reading of its output. Pure: nothing here touches a device or a file."""

from __future__ import annotations

from harness.benchmark_model.as_json import to_json
from harness.records import DelegateRequest, ParsedOutput

__all__ = ["parse_output", "to_json"]


def parse_output(
    stdout: str | bytes,
    *,
    stderr: str | bytes | None = None,
    profile: bytes | None = None,
    result: bytes | None = None,
    runtime_info: bytes | None = None,
    exit_code: int | None = None,
    requested: DelegateRequest | None = None,
) -> ParsedOutput:
    """Read everything that one process of the harness left: its unchanged output and its files.

    For logs that somebody else recorded, use `foreign.read_foreign_log`.

    Args:
        stdout: its stdout, with any output of drivers in between; it may break off anywhere.
        stderr: its stderr.
        profile: the file of `--op_profiling_output_file` (proto, CSV or text).
        result: the file of `--result_file_path`.
        runtime_info: the file of `--model_runtime_info_output_file`.
        exit_code: of the process, if known; negative for a signal, as in Python's subprocess.
        requested: the delegate asked for; without it, the output's echo of its flags is used.

    Returns:
        The measurement and its status. Never raises because of the input's content.
    """
    # Loaded with the first output: a run needs none of it before its first process has ended.
    from harness.benchmark_model.parser import conclude_output
    from harness.benchmark_model.reader import Reading
    from harness.benchmark_model.text import decode

    text = decode(stdout)
    reading = Reading()
    reading.read(text)
    if stderr:
        errors = decode(stderr)
        reading.read(errors)
        text = f"{text}\n{errors}"
    return conclude_output(
        reading,
        text,
        profile=profile,
        result=result,
        runtime_info=runtime_info,
        exit_code=exit_code,
        requested=requested,
    )
