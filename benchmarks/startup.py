"""How much CPU time the command needs before it does anything: help, version, completion, and reading one log.

    python -m benchmarks.startup [--times N]

Prints the median of user and system time together, in seconds, of N new processes each. On one core of a shared machine: `--help`,
`--version` and the completion of a verb 0.08 s each, `parse` of a log of four lines 0.13 s, `run --help` 0.85 s.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.kept_bytecode import kept_bytecode

_LOG = "STARTING!\nLoaded model m.tflite\nERROR: Failed to apply GPU delegate.\nERROR: Benchmarking failed.\n"
_COMPLETION = {"_HARNESS_COMPLETE": "bash_complete", "COMP_WORDS": "harness p", "COMP_CWORD": "1"}


def cpu_seconds(arguments: list[str], environment: dict[str, str]) -> float:
    """User and system time of one run of the command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        env={**kept_bytecode(), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a line for each way of starting it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "a.log"
        log.write_text(_LOG, encoding="utf-8")
        for name, arguments, environment in (
            ("--help", ["--help"], {}),
            ("--version", ["--version"], {}),
            ("completion", [], _COMPLETION),
            ("parse LOG", ["parse", str(log)], {}),
            ("run --help", ["run", "--help"], {}),
        ):
            spent = [cpu_seconds(arguments, environment) for _ in range(times)]
            print(f"{name:12} {statistics.median(spent):.2f} s")


if __name__ == "__main__":
    main()
