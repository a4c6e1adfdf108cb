"""Runs `benchmark_model` from the command line to the exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from harness.errors import SetupError
from harness.litert_host import tool_output as output
from harness.litert_host.benchmark import Benchmark, Failed
from harness.litert_host.extra_work import ExtraWorkSession
from harness.litert_host.flags import FlagError, Options, parse
from harness.litert_host.inputs import FatalInput, InputLayer, input_layers
from harness.litert_host.library import Library
from harness.litert_host.model_file import ModelError
from harness.litert_host.session import LiteRtError, Session

_CHECK_INTERVAL_MS = 50


def main(program: str, arguments: Sequence[str], *, extra_work: float = 0.0) -> NoReturn:
    """Run as a program: with the shell's usual signals, and without freeing LiteRT's objects one by one at exit.

    Args:
        program: the program's name.
        arguments: the arguments after it.
        extra_work: share of each inference that it works longer (`harness.litert_host.extra_work`).
    """
    for number_ in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number_, signal.SIG_DFL)
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # a TextIOWrapper, which has it
    sys.stderr.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # likewise
    code = run(program, arguments, extra_work=extra_work)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run(program: str, arguments: Sequence[str], *, extra_work: float = 0.0) -> int:
    """Do everything that the real tool does, and return its exit code: 0, or 1 after `Benchmarking failed.`. Aborts if it aborts."""
    output.info("STARTING!")
    if extra_work:
        output.info(f"Extra work: {extra_work:.0%} of the time of each inference, as this program's file asks")
    try:
        options = parse(program, arguments)
        if options.leftover:
            output.warning(f"Unconsumed cmdline flags: {' '.join(options.leftover)}")
        Benchmark(*_validated(options), _session(extra_work)).run()
    except (FlagError, ModelError) as error:
        for line in error.lines:
            output.error(line)
    except SetupError as error:
        output.error(str(error))
    except LiteRtError as error:
        output.error(str(error))
    except MemoryError:
        output.error("Out of memory")
    except FatalInput as error:
        output.fatal(str(error))
    except Failed:
        pass
    else:
        return 0
    output.error("Benchmarking failed.")
    return 1


def _session(extra_work: float) -> Callable[[Library], Session]:
    if not extra_work:
        return Session
    return lambda library: ExtraWorkSession(library, extra_work)


def _validated(options: Options) -> tuple[Options, list[InputLayer]]:
    """Refuse what the real tool refuses at once. Return the options with their implications, and the named inputs.

    Raises:
        FlagError: a flag is missing or has an unknown value.
    """
    interval = options.whole("memory_footprint_check_interval_ms")
    if options.on("report_peak_memory_footprint") and interval <= 0:
        output.warning(
            f"--memory_footprint_check_interval_ms is set to {interval} (ms), This value is invalid, and it will be set to the default"
            f" value {_CHECK_INTERVAL_MS} (ms)."
        )
        options = options.replaced(memory_footprint_check_interval_ms=_CHECK_INTERVAL_MS)
    if not options.text("graph"):
        raise FlagError("Please specify the name of your TF Lite input file with --graph")
    mode = options.text("op_profiling_output_mode")
    if options.on("enable_op_profiling"):
        if mode not in ("stdout", "csv", "proto"):
            raise FlagError(f"Output mode{mode} is not supported. Supported values are: 'stdout', 'csv' and 'proto'.")
        if options.text("profiling_output_csv_file"):
            options = options.replaced(
                op_profiling_output_mode="csv", op_profiling_output_file=options.text("profiling_output_csv_file")
            )
    return options, input_layers(options)
