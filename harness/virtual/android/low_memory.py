"""Finds the process that the low-memory killer would kill: the benchmark, by far the largest during a measurement.

It goes by the command line, because a new process is not large yet, and a shell script that stands in for one never is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

_BENCHMARK = "benchmark_model"
_STARTERS = frozenset({"nice", "nohup", "setsid", "taskset", "timeout"})


def is_benchmark(words: Sequence[str]) -> bool:
    """Return whether a command line is a benchmark's: the program itself or its interpreter, not a process that only starts it."""
    if not words or PurePosixPath(words[0]).name in _STARTERS or "-c" in words[1:2]:
        return False
    if len(words) > 1 and PurePosixPath(words[1]).name in _STARTERS:
        return False
    return any(word.endswith(_BENCHMARK) for word in words)
