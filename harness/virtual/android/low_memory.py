"""Finds the process that the low-memory killer would kill: the benchmark, by far the largest on a device that measures.

Its command line tells it: a process that has just begun is not large yet, and a shell script that stands for one never is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

_BENCHMARK = "benchmark_model"
_STARTERS = frozenset({"nice", "nohup", "setsid", "taskset", "timeout"})


def is_benchmark(words: Sequence[str]) -> bool:
    """Whether a process of this command line is a benchmark: the program itself or its interpreter, not what only starts it."""
    if not words or PurePosixPath(words[0]).name in _STARTERS or "-c" in words[1:2]:
        return False
    if len(words) > 1 and PurePosixPath(words[1]).name in _STARTERS:
        return False
    return any(word.endswith(_BENCHMARK) for word in words)
