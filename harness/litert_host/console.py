"""Prints lines: information and warnings to stdout, errors to stderr. Each is flushed, so a killed process leaves all its lines."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterable
from typing import NoReturn


def info(text: str) -> None:
    """`INFO: ` line on stdout."""
    sys.stdout.write(f"INFO: {text}\n")
    sys.stdout.flush()


def plain(lines: Iterable[str]) -> None:
    """Lines without a level, on stdout."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def warning(text: str) -> None:
    """`WARN: ` line on stdout."""
    sys.stdout.write(f"WARN: {text}\n")
    sys.stdout.flush()


def error(text: str) -> None:
    """`ERROR: ` line on stderr."""
    sys.stderr.write(f"ERROR: {text}\n")
    sys.stderr.flush()


def fatal(text: str) -> NoReturn:
    """`FATAL: ` line on stderr, then abort (SIGABRT: exit code 134 in a shell), without leaving a core file behind."""
    sys.stderr.write(f"FATAL: {text}\n")
    sys.stderr.flush()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()
